// SPDX-License-Identifier: GPL-2.0
/* What a request asks for, checked. Each refusal has its sentence. */
#include <linux/mm.h>
#include <linux/netlink.h>
#include <linux/sort.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/netlink.h>

#include "netlink_gen.h"
#include "netlink_parse.h"

/* Ports that need no privilege */
#define FIRST_PORT	1024

/**
 * fnat_parse_addr() - an address
 * @attr: the attribute
 * @af: gets the family
 * @addr: gets the address, the rest of the union zero
 * @extack: gets the reason of a refusal
 *
 * Return: 0 or a negative errno.
 */
int fnat_parse_addr(const struct nlattr *attr, u8 *af,
		    union nf_inet_addr *addr, struct netlink_ext_ack *extack)
{
	memset(addr, 0, sizeof(*addr));
	switch (nla_len(attr)) {
	case sizeof(addr->in):
		*af = AF_INET;
		break;
	case sizeof(addr->in6):
		*af = AF_INET6;
		break;
	default:
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "not an address: give 4 bytes for IPv4, 16 for IPv6");
		return -EINVAL;
	}
	memcpy(addr, nla_data(attr), nla_len(attr));
	return 0;
}

static bool is_unicast(u8 af, const union nf_inet_addr *addr)
{
	if (af == AF_INET)
		return !ipv4_is_zeronet(addr->ip) &&
		       !ipv4_is_multicast(addr->ip) &&
		       !ipv4_is_lbcast(addr->ip);
	return ipv6_addr_type(&addr->in6) & IPV6_ADDR_UNICAST &&
	       !ipv6_addr_v4mapped(&addr->in6);
}

static int parse_af(const struct nlattr *attr, u8 *af,
		    struct netlink_ext_ack *extack)
{
	*af = nla_get_u8(attr);
	if (*af == AF_INET || *af == AF_INET6)
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, attr,
			    "unknown family: give AF_INET or AF_INET6");
	return -EAFNOSUPPORT;
}

static int parse_fwmark(struct nlattr **tb, const struct nlattr *attr,
			struct fnat_key *key, struct netlink_ext_ack *extack)
{
	if (tb[IPVS_FULLNAT_A_SERVICE_ADDR] ||
	    tb[IPVS_FULLNAT_A_SERVICE_PORT] ||
	    tb[IPVS_FULLNAT_A_SERVICE_PROTOCOL]) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "both fwmark and an address: give one of them");
		return -EINVAL;
	}
	if (!tb[IPVS_FULLNAT_A_SERVICE_AF]) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "a fwmark has no family: give af");
		return -EINVAL;
	}
	key->fwmark = nla_get_u32(tb[IPVS_FULLNAT_A_SERVICE_FWMARK]);
	return parse_af(tb[IPVS_FULLNAT_A_SERVICE_AF], &key->af, extack);
}

static int parse_protocol(const struct nlattr *attr, u8 *protocol,
			  struct netlink_ext_ack *extack)
{
	*protocol = nla_get_u8(attr);
	if (*protocol == IPPROTO_TCP || *protocol == IPPROTO_UDP)
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, attr,
			    "unknown protocol: give IPPROTO_TCP or IPPROTO_UDP");
	return -EPROTONOSUPPORT;
}

static int parse_vip(struct nlattr **tb, const struct nlattr *attr,
		     struct fnat_key *key, struct netlink_ext_ack *extack)
{
	const struct nlattr *addr = tb[IPVS_FULLNAT_A_SERVICE_ADDR];
	u8 af;
	int err;

	if (!addr || !tb[IPVS_FULLNAT_A_SERVICE_PORT] ||
	    !tb[IPVS_FULLNAT_A_SERVICE_PROTOCOL]) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "not a service: give protocol, addr and port, or af and fwmark");
		return -EINVAL;
	}
	err = parse_protocol(tb[IPVS_FULLNAT_A_SERVICE_PROTOCOL],
			     &key->protocol, extack);
	if (!err)
		err = fnat_parse_addr(addr, &key->af, &key->addr, extack);
	if (!err && tb[IPVS_FULLNAT_A_SERVICE_AF])
		err = parse_af(tb[IPVS_FULLNAT_A_SERVICE_AF], &af, extack);
	else
		af = key->af;
	if (err)
		return err;
	if (af != key->af) {
		NL_SET_ERR_MSG_ATTR(extack, tb[IPVS_FULLNAT_A_SERVICE_AF],
				    "not the family of the address: leave it out");
		return -EINVAL;
	}
	if (!is_unicast(key->af, &key->addr)) {
		NL_SET_ERR_MSG_ATTR(extack, addr,
				    "not a unicast address: give the service's own");
		return -EINVAL;
	}
	key->port = nla_get_be16(tb[IPVS_FULLNAT_A_SERVICE_PORT]);
	return 0;
}

/**
 * fnat_parse_service() - which virtual service
 * @attr: the attribute; NULL is refused
 * @key: gets the service
 * @extack: gets the reason of a refusal
 *
 * Return: 0 or a negative errno.
 */
int fnat_parse_service(const struct nlattr *attr, struct fnat_key *key,
		       struct netlink_ext_ack *extack)
{
	struct nlattr *tb[IPVS_FULLNAT_A_SERVICE_FWMARK + 1];
	int err;

	if (!attr) {
		NL_SET_ERR_MSG(extack, "no service: give one");
		return -EINVAL;
	}
	err = nla_parse_nested(tb, ARRAY_SIZE(tb) - 1, attr,
			       ipvs_fullnat_service_nl_policy, extack);
	if (err)
		return err;
	memset(key, 0, sizeof(*key));
	if (tb[IPVS_FULLNAT_A_SERVICE_FWMARK])
		return parse_fwmark(tb, attr, key, extack);
	return parse_vip(tb, attr, key, extack);
}

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

	err = nla_parse_nested(tb, ARRAY_SIZE(tb) - 1, attr,
			       ipvs_fullnat_laddrs_nl_policy, extack);
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

	return memcmp(&one->addr, &other->addr, sizeof(one->addr));
}

static int check_twice(const struct fnat_wishes *wishes,
		       struct netlink_ext_ack *extack)
{
	u32 i;

	for (i = 1; i < wishes->count; i++) {
		const struct fnat_wish *wish = &wishes->wish[i];

		if (compare_wishes(wish, wish - 1))
			continue;
		NL_SET_ERR_MSG(extack,
			       "an address is given twice: give each once");
		fnat_blame_addr(extack, wish, wishes->af);
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

static int parse_range(const struct nlattr *attr, struct fnat_range *range,
		       struct netlink_ext_ack *extack)
{
	struct nlattr *tb[IPVS_FULLNAT_A_PORTS_LAST + 1];
	const struct nlattr *last;
	int err;

	err = nla_parse_nested(tb, ARRAY_SIZE(tb) - 1, attr,
			       ipvs_fullnat_ports_nl_policy, extack);
	if (err)
		return err;
	if (!tb[IPVS_FULLNAT_A_PORTS_FIRST]) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "not a range of ports: give first and last");
		return -EINVAL;
	}
	last = tb[IPVS_FULLNAT_A_PORTS_LAST] ?: tb[IPVS_FULLNAT_A_PORTS_FIRST];
	range->first = ntohs(nla_get_be16(tb[IPVS_FULLNAT_A_PORTS_FIRST]));
	range->last = ntohs(nla_get_be16(last));
	if (range->first && range->first <= range->last)
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, attr,
			    "not a range of ports: give first and last, from 1 to 65535, the lower one first");
	return -EINVAL;
}

/* The director's own connections take their ports out of this range. */
static int check_own(struct net *net, const struct nlattr *attr,
		     const struct fnat_range *range,
		     struct netlink_ext_ack *extack)
{
	int low, high, port;

	inet_get_local_port_range(net, &low, &high);
	for (port = max_t(int, low, range->first);
	     port <= min_t(int, high, range->last); port++) {
		if (inet_is_local_reserved_port(net, port))
			continue;
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "the ports overlap ip_local_port_range, which the director's own connections use: give others, or have ip_local_reserved_ports cover the overlap");
		return -EADDRINUSE;
	}
	return 0;
}

static int insert_range(struct fnat_ranges *ranges, const struct nlattr *attr,
			const struct fnat_range *range,
			struct netlink_ext_ack *extack)
{
	u32 i;

	if (ranges->count == IPVS_FULLNAT_MAX_RANGES) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "more than 4 ranges of ports: give fewer");
		return -E2BIG;
	}
	for (i = ranges->count; i; i--) {
		struct fnat_range *below = &ranges->range[i - 1];

		if (below->last < range->first)
			break;
		if (below->first <= range->last) {
			NL_SET_ERR_MSG_ATTR(extack, attr,
					    "ranges of ports overlap: give each port once");
			return -EINVAL;
		}
		ranges->range[i] = *below;
	}
	ranges->range[i] = *range;
	ranges->count++;
	return 0;
}

static int default_ports(const struct fnat_request *request,
			 struct fnat_ranges *ranges)
{
	struct netlink_ext_ack *extack = request->extack;
	int low, high;

	inet_get_local_port_range(request->net, &low, &high);
	ranges->by_default = true;
	if (low > FIRST_PORT)
		ranges->range[ranges->count++] =
			(struct fnat_range){ FIRST_PORT, low - 1 };
	if (high < U16_MAX)
		ranges->range[ranges->count++] = (struct fnat_range){
			max(high + 1, FIRST_PORT), U16_MAX };
	if (ranges->count)
		return 0;
	NL_SET_ERR_MSG(extack,
		       "ip_local_port_range leaves no ports: narrow it, or give ports that ip_local_reserved_ports covers");
	return -EADDRINUSE;
}

/**
 * fnat_parse_ports() - the local ports of a request
 * @request: the request
 * @ranges: gets them, or the default ones if none are given
 *
 * Context: process.
 * Return: 0 or a negative errno.
 */
int fnat_parse_ports(const struct fnat_request *request,
		     struct fnat_ranges *ranges)
{
	struct netlink_ext_ack *extack = request->extack;
	const struct nlattr *attr, *by_default;
	struct fnat_range range;
	int rest, err;

	memset(ranges, 0, sizeof(*ranges));
	if (!request->attrs[IPVS_FULLNAT_A_POLICY_PORTS])
		return default_ports(request, ranges);
	by_default = request->attrs[IPVS_FULLNAT_A_POLICY_DEFAULT_PORTS];
	if (by_default) {
		NL_SET_ERR_MSG_ATTR(extack, by_default,
				    "both ports and default-ports: give one of them");
		return -EINVAL;
	}
	nla_for_each_attr(attr, request->head, request->len, rest) {
		if (nla_type(attr) != IPVS_FULLNAT_A_POLICY_PORTS)
			continue;
		err = parse_range(attr, &range, extack);
		if (!err)
			err = check_own(request->net, attr, &range, extack);
		if (!err)
			err = insert_range(ranges, attr, &range, extack);
		if (err)
			return err;
	}
	return 0;
}
