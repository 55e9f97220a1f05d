// SPDX-License-Identifier: GPL-2.0
/*
 * What all requests have: attributes, addresses, services. Each refusal has its
 * sentence.
 */
#include <linux/netlink.h>
#include <net/genetlink.h>
#include <net/ip.h>
#include <net/ipv6.h>

#include "netlink_gen.h"
#include "netlink_parse.h"

/* Of attributes given twice netlink takes the last one, and says nothing. */
static int check_once(const struct nlattr *head, int len, u32 many,
		      struct netlink_ext_ack *extack)
{
	const struct nlattr *attr;
	u32 seen = 0, bit;
	int rest;

	nla_for_each_attr(attr, head, len, rest) {
		/* there is none of a higher number, as was seen to before */
		bit = nla_type(attr) < 32 ? BIT(nla_type(attr)) : 0;
		if (seen & bit & ~many) {
			NL_SET_ERR_MSG_ATTR(extack, attr,
					    "the attribute is given twice: give it once");
			return -EINVAL;
		}
		seen |= bit;
	}
	return 0;
}

/**
 * fnat_explain() - see that a refusal has a sentence
 * @err: why, or 0
 * @extack: where the sentence is, or goes
 *
 * Return: @err.
 */
int fnat_explain(int err, struct netlink_ext_ack *extack)
{
	if (extack->_msg)
		return err;
	if (err == -ENOMEM)
		NL_SET_ERR_MSG(extack,
			       "the kernel is out of memory: nothing has changed");
	else if (err == -ENODEV)
		NL_SET_ERR_MSG(extack,
			       "the module is being unloaded: load it again");
	return err;
}

/**
 * fnat_parse_message() - see that a message gives nothing twice
 * @nlh: the message, whose attributes have been validated
 * @many: bits of the attributes that may be given more than once
 * @extack: gets the reason of a refusal
 *
 * Return: 0 or -EINVAL.
 */
int fnat_parse_message(const struct nlmsghdr *nlh, u32 many,
		       struct netlink_ext_ack *extack)
{
	return check_once(nlmsg_attrdata(nlh, GENL_HDRLEN),
			  nlmsg_attrlen(nlh, GENL_HDRLEN), many, extack);
}

/**
 * fnat_parse_nest() - the attributes of a nest
 * @tb: gets them
 * @max: the last one that @tb has room for
 * @nest: the nest
 * @policy: what they have to be
 * @many: bits of those that may be given more than once
 * @extack: gets the reason of a refusal
 *
 * Return: 0 or a negative errno.
 */
int fnat_parse_nest(struct nlattr **tb, int max, const struct nlattr *nest,
		    const struct nla_policy *policy, u32 many,
		    struct netlink_ext_ack *extack)
{
	return nla_parse_nested(tb, max, nest, policy, extack) ?:
	       check_once(nla_data(nest), nla_len(nest), many, extack);
}

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
	err = fnat_parse_nest(tb, ARRAY_SIZE(tb) - 1, attr,
			      ipvs_fullnat_service_nl_policy, 0, extack);
	if (err)
		return err;
	memset(key, 0, sizeof(*key));
	if (tb[IPVS_FULLNAT_A_SERVICE_FWMARK])
		return parse_fwmark(tb, attr, key, extack);
	return parse_vip(tb, attr, key, extack);
}
