/* SPDX-License-Identifier: GPL-2.0 */
/* What all requests have: attributes, addresses, services. */
#ifndef _FNAT_NETLINK_PARSE_H
#define _FNAT_NETLINK_PARSE_H

#include "policy.h"

struct netlink_ext_ack;
struct nla_policy;
struct nlattr;
struct nlmsghdr;

/**
 * struct fnat_request - the attributes of a policy, in a message or a nest
 * @net: the namespace
 * @extack: gets the reason of a refusal
 * @attrs: the attributes, those that may be given more than once aside
 * @head: the first one
 * @len: length of all
 * @nest: the nest that they are in; NULL: the message
 */
struct fnat_request {
	struct net		*net;
	struct netlink_ext_ack	*extack;
	struct nlattr		**attrs;
	const struct nlattr	*head;
	int			len;
	const struct nlattr	*nest;
};

int fnat_explain(int err, struct netlink_ext_ack *extack);
int fnat_parse_message(const struct nlmsghdr *nlh, u32 many,
		       struct netlink_ext_ack *extack);
int fnat_parse_nest(struct nlattr **tb, int max, const struct nlattr *nest,
		    const struct nla_policy *policy, u32 many,
		    struct netlink_ext_ack *extack);
int fnat_parse_addr(const struct nlattr *attr, u8 *af,
		    union nf_inet_addr *addr, struct netlink_ext_ack *extack);
int fnat_parse_service(const struct nlattr *attr, struct fnat_key *key,
		       struct netlink_ext_ack *extack);

#endif /* _FNAT_NETLINK_PARSE_H */
