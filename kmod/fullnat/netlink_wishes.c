// SPDX-License-Identifier: GPL-2.0
/* The local addresses that a request gives, checked but for whose they are. */
#include <linux/mm.h>
#include <linux/netlink.h>
#include <linux/sort.h>
#include <net/netlink.h>

#include "netlink_gen.h"
#include "netlink_parse.h"
#include "netlink_wishes.h"

/* Addresses as numbers: IPv4 in the lower half. */
struct number {
	u64	high;
	u64	low;
};

static struct number to_number(u8 af, const union nf_inet_addr *addr)
{
	if (af == AF_INET)
		return (struct number){ 0, ntohl(addr->ip) };
	return (struct number){
		(u64)ntohl(addr->ip6[0]) << 32 | ntohl(addr->ip6[1]),
		(u64)ntohl(addr->ip6[2]) << 32 | ntohl(addr->ip6[3]),
	};
}

static union nf_inet_addr to_addr(u8 af, struct number number)
{
	union nf_inet_addr addr = {};

	if (af == AF_INET) {
		addr.ip = htonl(number.low);
		return addr;
	}
	addr.ip6[0] = htonl(number.high >> 32);
	addr.ip6[1] = htonl(number.high);
	addr.ip6[2] = htonl(number.low >> 32);
	addr.ip6[3] = htonl(number.low);
	return addr;
}

/* The end of a range that is given as first and last. */
static int range_end(const struct nlattr *attr, u8 af, struct number first,
		     struct number *last, struct netlink_ext_ack *extack)
{
	union nf_inet_addr addr;
	u8 last_af;
	int err;

	err = fnat_parse_addr(attr, &last_af, &addr, extack);
	if (err)
		return err;
	if (last_af != af) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "the range ends in another family: give both of one");
		return -EINVAL;
	}
	*last = to_number(af, &addr);
	if (last->high < first.high ||
	    (last->high == first.high && last->low < first.low)) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "the range ends before it begins: give the lower address first");
		return -EINVAL;
	}
	return 0;
}

/* The end of a range that is given as a prefix. */
static int prefix_end(const struct nlattr *attr, u8 af, struct number first,
		      struct number *last, struct netlink_ext_ack *extack)
{
	int width = af == AF_INET ? 32 : 128, bits;
	u8 len = nla_get_u8(attr);

	if (!len || len > width) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "not a length of a prefix: give 1 to 32 for IPv4, 1 to 128 for IPv6");
		return -EINVAL;
	}
	/* more than will be taken anyway */
	bits = min(width - len, 63);
	*last = first;
	last->low |= (1ULL << bits) - 1;
	if (first.low & ((1ULL << bits) - 1)) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "the address has bits beyond the prefix: give the prefix's first address");
		return -EINVAL;
	}
	return 0;
}

static int add_wishes(const struct nlattr *attr, struct nlattr **tb,
		      struct number first, struct number last,
		      struct fnat_wishes *wishes,
		      struct netlink_ext_ack *extack)
{
	bool prefix = tb[IPVS_FULLNAT_A_LADDRS_PREFIX_LEN] &&
		      wishes->af == AF_INET && last.low - first.low >= 3;
	u64 carry = last.low < first.low;
	u64 more = last.low - first.low, i;

	if (last.high - first.high != carry ||
	    more >= IPVS_FULLNAT_MAX_LADDRS - wishes->count) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "more than 2048 addresses: give fewer");
		return -E2BIG;
	}
	for (i = 0; i <= more; i++) {
		struct number number = {
			first.high + (first.low + i < first.low),
			first.low + i,
		};

		wishes->wish[wishes->count++] = (struct fnat_wish){
			.addr = to_addr(wishes->af, number),
			.attr = attr,
			.index = i,
			.draining = tb[IPVS_FULLNAT_A_LADDRS_DRAINING],
			.edge = prefix && (i == 0 || i == more),
		};
	}
	return 0;
}

/* One attribute: an address, a range or a prefix. */
static int parse_laddrs(const struct nlattr *attr, struct fnat_wishes *wishes,
			struct netlink_ext_ack *extack)
{
	struct nlattr *tb[IPVS_FULLNAT_A_LADDRS_DRAINING + 1];
	const struct nlattr *last_addr, *prefix_len;
	struct number first, last;
	union nf_inet_addr addr;
	u8 af;
	int err;

	err = fnat_parse_nest(tb, ARRAY_SIZE(tb) - 1, attr,
			      ipvs_fullnat_laddrs_nl_policy, 0, extack);
	if (err)
		return err;
	last_addr = tb[IPVS_FULLNAT_A_LADDRS_LAST_ADDR];
	prefix_len = tb[IPVS_FULLNAT_A_LADDRS_PREFIX_LEN];
	if (!tb[IPVS_FULLNAT_A_LADDRS_ADDR] || (last_addr && prefix_len)) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "not addresses: give addr, and last-addr or prefix-len if there are many");
		return -EINVAL;
	}
	err = fnat_parse_addr(tb[IPVS_FULLNAT_A_LADDRS_ADDR], &af, &addr,
			      extack);
	if (err)
		return err;
	if (af != wishes->af) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "not the service's family: give addresses of that");
		return -EINVAL;
	}
	first = to_number(af, &addr);
	last = first;
	if (last_addr)
		err = range_end(last_addr, af, first, &last, extack);
	else if (prefix_len)
		err = prefix_end(prefix_len, af, first, &last, extack);
	if (err)
		return err;
	return add_wishes(attr, tb, first, last, wishes, extack);
}

static int compare_wishes(const void *a, const void *b)
{
	const struct fnat_wish *one = a, *other = b;

	/* the later one is to blame if it is there twice, and sort() mixes */
	return memcmp(&one->addr, &other->addr, sizeof(one->addr)) ?:
	       (one->attr > other->attr) - (one->attr < other->attr);
}

static int check_twice(const struct fnat_wishes *wishes,
		       struct netlink_ext_ack *extack)
{
	u32 i;

	for (i = 1; i < wishes->count; i++) {
		const struct fnat_wish *wish = &wishes->wish[i];

		if (memcmp(&wish->addr, &wish[-1].addr, sizeof(wish->addr)))
			continue;
		NL_SET_ERR_MSG(extack,
			       "an address is given twice: give each once");
		fnat_blame_addr(extack, wish);
		return -EINVAL;
	}
	return 0;
}

/**
 * fnat_parse_laddrs() - the local addresses of a request
 * @request: the request
 * @af: the family that they must be of
 *
 * Context: process; may sleep.
 * Return: the addresses, to be freed by kvfree(); NULL if none are given; an
 * error pointer.
 */
struct fnat_wishes *fnat_parse_laddrs(const struct fnat_request *request,
				      u8 af)
{
	struct fnat_wishes *wishes;
	const struct nlattr *attr;
	int rest, err = 0;

	if (!request->attrs[IPVS_FULLNAT_A_POLICY_LADDR])
		return NULL;
	wishes = kvmalloc(sizeof(*wishes), GFP_KERNEL);
	if (!wishes)
		return ERR_PTR(-ENOMEM);
	wishes->count = 0;
	wishes->af = af;
	nla_for_each_attr(attr, request->head, request->len, rest) {
		if (nla_type(attr) != IPVS_FULLNAT_A_POLICY_LADDR)
			continue;
		err = parse_laddrs(attr, wishes, request->extack);
		if (err)
			goto err;
	}
	sort(wishes->wish, wishes->count, sizeof(wishes->wish[0]),
	     compare_wishes, NULL);
	err = check_twice(wishes, request->extack);
	if (err)
		goto err;
	return wishes;

err:
	kvfree(wishes);
	return ERR_PTR(err);
}
