// SPDX-License-Identifier: GPL-2.0
/* The local ports that a request gives, checked. */
#include <linux/netlink.h>
#include <net/ip.h>
#include <net/netlink.h>

#include "netlink_gen.h"
#include "netlink_parse.h"
#include "netlink_ranges.h"

/* Ports that need no privilege */
#define FIRST_PORT	1024

static int parse_range(const struct nlattr *attr, struct fnat_range *range,
		       struct netlink_ext_ack *extack)
{
	struct nlattr *tb[IPVS_FULLNAT_A_PORTS_LAST + 1];
	const struct nlattr *last;
	int err;

	err = fnat_parse_nest(tb, ARRAY_SIZE(tb) - 1, attr,
			      ipvs_fullnat_ports_nl_policy, 0, extack);
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
	NL_SET_ERR_MSG_ATTR(request->extack, request->nest,
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
