// SPDX-License-Identifier: GPL-2.0
/*
 * Messages about sessions. There may be millions, and they come and go all the
 * time, so a dump says nothing of consistency; but what is there all the time
 * is told exactly once.
 */
#include <net/genetlink.h>
#include <net/ip_vs.h>

#include "laddr.h"
#include "netlink.h"
#include "netlink_dump.h"
#include "netlink_gen.h"
#include "netlink_parse.h"
#include "netlink_show.h"
#include "session.h"
#include "table.h"

/**
 * struct end - an address and a port that a filter or a request names
 * @af: the family; 0: no address is named
 * @addr: the address
 * @any_port: no port is named
 * @port: the port
 */
struct end {
	u8			af;
	union nf_inet_addr	addr;
	bool			any_port;
	__be16			port;
};

/**
 * struct filter - which sessions
 * @service: those of a service
 * @key: which
 * @protocol: those of a protocol; 0: of both
 * @client: those of a client
 * @laddr: those of a local address
 * @server: those of a real server
 */
struct filter {
	bool		service;
	struct fnat_key	key;
	u8		protocol;
	struct end	client;
	struct end	laddr;
	struct end	server;
};

static int parse_end(const struct nlattr *attr, struct end *end,
		     struct netlink_ext_ack *extack)
{
	struct nlattr *tb[IPVS_FULLNAT_A_ENDPOINT_PORT + 1];
	int err;

	end->any_port = true;
	if (!attr)
		return 0;
	err = fnat_parse_nest(tb, ARRAY_SIZE(tb) - 1, attr,
			      ipvs_fullnat_endpoint_nl_policy, 0, extack);
	if (err)
		return err;
	if (!tb[IPVS_FULLNAT_A_ENDPOINT_ADDR]) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "no address: give addr");
		return -EINVAL;
	}
	if (tb[IPVS_FULLNAT_A_ENDPOINT_PORT]) {
		end->any_port = false;
		end->port = nla_get_be16(tb[IPVS_FULLNAT_A_ENDPOINT_PORT]);
	}
	return fnat_parse_addr(tb[IPVS_FULLNAT_A_ENDPOINT_ADDR], &end->af,
			       &end->addr, extack);
}

static int parse_filter(const struct nlmsghdr *nlh, struct nlattr **attrs,
			struct filter *filter, struct netlink_ext_ack *extack)
{
	const struct nlattr *protocol = attrs[IPVS_FULLNAT_A_SESSION_PROTOCOL];
	int err = fnat_parse_message(nlh, 0, extack);

	if (err)
		return err;
	memset(filter, 0, sizeof(*filter));
	filter->service = attrs[IPVS_FULLNAT_A_SESSION_SERVICE];
	if (protocol)
		filter->protocol = nla_get_u8(protocol);
	if (protocol && filter->protocol != IPPROTO_TCP &&
	    filter->protocol != IPPROTO_UDP) {
		NL_SET_ERR_MSG_ATTR(extack, protocol,
				    "unknown protocol: give IPPROTO_TCP or IPPROTO_UDP");
		return -EPROTONOSUPPORT;
	}
	return (filter->service ?
		fnat_parse_service(attrs[IPVS_FULLNAT_A_SESSION_SERVICE],
				   &filter->key, extack) : 0) ?:
	       parse_end(attrs[IPVS_FULLNAT_A_SESSION_CLIENT], &filter->client,
			 extack) ?:
	       parse_end(attrs[IPVS_FULLNAT_A_SESSION_LADDR], &filter->laddr,
			 extack) ?:
	       parse_end(attrs[IPVS_FULLNAT_A_SESSION_SERVER], &filter->server,
			 extack);
}

static bool is_end(const struct end *end, u8 af, const union nf_inet_addr *addr,
		   __be16 port)
{
	if (!end->af)
		return true;
	return end->af == af && (end->any_port || end->port == port) &&
	       (af == AF_INET ? end->addr.ip == addr->ip :
				nf_inet_addr_cmp(&end->addr, addr));
}

/* What the sync daemon has made has no local address before a packet comes. */
static bool is_detached(const struct fnat_session *session)
{
	return READ_ONCE(session->phase) == FNAT_DETACHED;
}

static bool matches(const struct filter *filter,
		    const struct fnat_session *session,
		    const struct ip_vs_conn *cp)
{
	const struct fnat_pair *pair = &session->ports->pair;

	if (filter->service &&
	    memcmp(&filter->key, &session->policy->key, sizeof(filter->key)))
		return false;
	if (filter->laddr.af && is_detached(session))
		return false;
	return (!filter->protocol || filter->protocol == pair->protocol) &&
	       is_end(&filter->client, cp->af, &cp->caddr, cp->cport) &&
	       is_end(&filter->laddr, pair->af, &pair->laddr,
		      htons(session->lport)) &&
	       is_end(&filter->server, pair->af, &pair->server, pair->port);
}

static int put_end(struct sk_buff *skb, int type, u8 af,
		   const union nf_inet_addr *addr, __be16 port)
{
	struct nlattr *nest = nla_nest_start(skb, type);

	if (!nest ||
	    fnat_put_addr(skb, IPVS_FULLNAT_A_ENDPOINT_ADDR, af, addr) ||
	    nla_put_be16(skb, IPVS_FULLNAT_A_ENDPOINT_PORT, port))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static u32 seconds_left(const struct ip_vs_conn *cp)
{
	long left = READ_ONCE(cp->timer.expires) - jiffies;

	/* IPVS sets it with the first packet, just now */
	return timer_pending(&cp->timer) && left > 0 ? left / HZ : 0;
}

static int put_laddr(struct sk_buff *skb, const struct fnat_session *session)
{
	const struct fnat_pair *pair = &session->ports->pair;

	if (is_detached(session))
		return 0;
	return put_end(skb, IPVS_FULLNAT_A_SESSION_LADDR, pair->af,
		       &pair->laddr, htons(session->lport));
}

static int put_session(struct sk_buff *skb, const struct fnat_session *session,
		       const struct ip_vs_conn *cp)
{
	const struct fnat_pair *pair = &session->ports->pair;
	int err;

	err = fnat_put_service(skb, IPVS_FULLNAT_A_SESSION_SERVICE,
			       &session->policy->key) ?:
	      nla_put_u8(skb, IPVS_FULLNAT_A_SESSION_PROTOCOL,
			 pair->protocol) ?:
	      put_end(skb, IPVS_FULLNAT_A_SESSION_CLIENT, cp->af, &cp->caddr,
		      cp->cport) ?:
	      put_end(skb, IPVS_FULLNAT_A_SESSION_VIRTUAL, cp->af, &cp->vaddr,
		      cp->vport) ?:
	      put_laddr(skb, session) ?:
	      put_end(skb, IPVS_FULLNAT_A_SESSION_SERVER, pair->af,
		      &pair->server, pair->port) ?:
	      nla_put_u32(skb, IPVS_FULLNAT_A_SESSION_TIMEOUT,
			  seconds_left(cp));
	if (!err && pair->protocol == IPPROTO_TCP)
		err = nla_put_u8(skb, IPVS_FULLNAT_A_SESSION_TCP_STATE,
				 READ_ONCE(cp->state));
	if (!err && READ_ONCE(session->phase) == FNAT_RESTING)
		err = nla_put_flag(skb, IPVS_FULLNAT_A_SESSION_RESTING);
	if (!err && READ_ONCE(session->adjust) != FNAT_ADJUST_NONE)
		err = nla_put_flag(skb, IPVS_FULLNAT_A_SESSION_ADJUSTED);
	return err;
}

/* One of them */

static int parse_pair(struct genl_info *info, struct fnat_pair *pair,
		      __be16 *lport)
{
	struct filter filter;
	int err;

	err = parse_filter(info->nlhdr, info->attrs, &filter, info->extack);
	if (err)
		return err;
	if (filter.service || filter.client.af || !filter.protocol ||
	    filter.laddr.any_port || filter.server.any_port ||
	    filter.laddr.af != filter.server.af) {
		GENL_SET_ERR_MSG(info,
				 "not one session: give protocol, server and laddr, both with their ports, or dump those that match");
		return -EINVAL;
	}
	*pair = (struct fnat_pair){
		.net = genl_info_net(info),
		.server = filter.server.addr,
		.laddr = filter.laddr.addr,
		.port = filter.server.port,
		.protocol = filter.protocol,
		.af = filter.laddr.af,
	};
	*lport = filter.laddr.port;
	return 0;
}

static int put_found(struct sk_buff *skb, const struct fnat_pair *pair,
		     __be16 lport, struct netlink_ext_ack *extack)
{
	const struct fnat_session *session;
	const struct ip_vs_conn *cp = NULL;
	int err;

	rcu_read_lock();
	session = fnat_table_find(pair, lport);
	if (session)
		cp = READ_ONCE(session->cp);
	if (cp) {
		err = put_session(skb, session, cp);
	} else {
		NL_SET_ERR_MSG(extack,
			       "there is no such session: see session show");
		err = -ENOENT;
	}
	rcu_read_unlock();
	return err;
}

int ipvs_fullnat_nl_session_get_doit(struct sk_buff *skb,
				     struct genl_info *info)
{
	struct fnat_pair pair;
	struct sk_buff *reply;
	__be16 lport;
	void *header;
	int err;

	err = parse_pair(info, &pair, &lport);
	if (err)
		return err;
	reply = fnat_reply_begin(info, IPVS_FULLNAT_CMD_SESSION_GET, &header);
	if (!reply)
		return -ENOMEM;
	err = put_found(reply, &pair, lport, info->extack);
	return fnat_reply_end(info, reply, header, err);
}

/* Many of them */

/**
 * struct dump - what a walk is told
 * @filter: which sessions
 * @skb: the buffer
 * @cb: the dump
 */
struct dump {
	struct filter		filter;
	struct sk_buff		*skb;
	struct netlink_callback	*cb;
};

static int dump_one(struct fnat_session *session, struct ip_vs_conn *cp,
		    void *data)
{
	struct dump *dump = data;
	void *header;
	int err;

	if (!matches(&dump->filter, session, cp))
		return 0;
	header = genlmsg_put(dump->skb, NETLINK_CB(dump->cb->skb).portid,
			     dump->cb->nlh->nlmsg_seq, &fnat_family,
			     NLM_F_MULTI, IPVS_FULLNAT_CMD_SESSION_GET);
	if (!header)
		return -EMSGSIZE;
	err = put_session(dump->skb, session, cp);
	if (err)
		genlmsg_cancel(dump->skb, header);
	else
		genlmsg_end(dump->skb, header);
	return err;
}

int ipvs_fullnat_nl_session_get_dumpit(struct sk_buff *skb,
				       struct netlink_callback *cb)
{
	struct fnat_table_iter *iter = (void *)cb->ctx;
	struct dump dump = { .skb = skb, .cb = cb };
	int err;

	BUILD_BUG_ON(sizeof(*iter) > sizeof(cb->ctx));
	err = parse_filter(cb->nlh, genl_dump_attrs(cb), &dump.filter,
			   cb->extack);
	if (err)
		return err;
	fnat_table_walk(sock_net(cb->skb->sk), iter, dump_one, &dump);
	return skb->len;
}

/**
 * struct flush - what a walk is told
 * @filter: which sessions
 * @flushed: how many were told to end
 */
struct flush {
	struct filter	filter;
	u32		flushed;
};

static int flush_one(struct fnat_session *session, struct ip_vs_conn *cp,
		     void *data)
{
	struct flush *flush = data;

	if (matches(&flush->filter, session, cp)) {
		fnat_session_expire(cp);
		flush->flushed++;
	}
	return 0;
}

int ipvs_fullnat_nl_session_flush_doit(struct sk_buff *skb,
				       struct genl_info *info)
{
	struct fnat_table_iter iter = {};
	struct flush flush = {};
	struct sk_buff *reply;
	void *header;
	int err;

	err = parse_filter(info->nlhdr, info->attrs, &flush.filter,
			   info->extack);
	if (err)
		return err;
	reply = fnat_reply_begin(info, IPVS_FULLNAT_CMD_SESSION_FLUSH, &header);
	if (!reply)
		return -ENOMEM;
	fnat_table_walk(genl_info_net(info), &iter, flush_one, &flush);
	err = nla_put_u32(reply, IPVS_FULLNAT_A_SESSION_FLUSHED, flush.flushed);
	return fnat_reply_end(info, reply, header, err);
}
