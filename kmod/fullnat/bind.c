// SPDX-License-Identifier: GPL-2.0
/*
 * The binding of sessions to the connections of IPVS.
 *
 * IPVS offers every new connection of a protocol to application helpers, by the
 * protocol's app_conn_bind, before anybody else can see the connection. Ours
 * comes around the stock one; what no helper wants and has a policy is bound to
 * our application. IPVS calls that when the connection dies, and keeps our
 * module until then. Which connections are offered is decided by a counter in
 * each namespace, so others pay nothing.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kallsyms.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <net/ip_vs.h>

#include "bind.h"
#include "policy.h"
#include "request.h"
#include "session.h"
#include "stats.h"

typedef int (*bind_fn)(struct ip_vs_conn *cp);

static bind_fn stock_tcp __ro_after_init, stock_udp __ro_after_init;

static int end_connection(struct ip_vs_app *app, struct ip_vs_conn *cp)
{
	/* the sync daemon may do this while packets are under way */
	struct fnat_session *session = xchg(&cp->app_data, NULL);

	if (session)
		fnat_session_end(session);
	return 0;
}

/* Never registered, so nobody looks it up; application and incarnation in one. */
struct ip_vs_app fnat_app = {
	.name		= "fullnat",
	.module		= THIS_MODULE,
	.app		= &fnat_app,
	.done_conn	= end_connection,
};

/* FTP, with its helper or not, is not for us. */
static bool has_helper(const struct ip_vs_conn *cp)
{
	if (cp->app || (cp->flags & IP_VS_CONN_F_NO_CPORT))
		return true;
	if (cp->protocol != IPPROTO_TCP)
		return false;
	/* nothing else tells the connections that carry its data, as yet */
	return cp->vport == FTPPORT || cp->dest->vport == FTPPORT ||
	       (cp->vport == FTPDATA && cp->dport == FTPDATA);
}

static struct fnat_session *make_session(struct ip_vs_conn *cp,
					 struct fnat_policy *policy)
{
	/* most of those that a backup knows never send a packet to it */
	if (cp->flags & IP_VS_CONN_F_SYNC)
		return fnat_session_create_detached(cp, policy);
	return fnat_session_create(cp, policy);
}

static void bind_session(struct ip_vs_conn *cp, struct fnat_policy *policy)
{
	struct fnat_session *session = make_session(cp, policy);

	switch (PTR_ERR_OR_ZERO(session)) {
	case -ELOOP:
		fnat_count(policy, NULL, IPVS_FULLNAT_COUNT_LOCAL_SERVER);
		return;
	case -ENOENT:
		return;
	case 0:
		/* the session has the policy, and that has the module */
		__module_get(THIS_MODULE);
		break;
	default:
		/* the policy may have been deleted, and we be on our way out */
		if (!try_module_get(THIS_MODULE))
			return;
		/* refused: what comes is dropped, and IPVS forgets it soon */
		session = NULL;
	}
	fnat_request_through(cp);
	/* IPVS gives this and the module back, after end_connection() */
	atomic_inc(&fnat_app.usecnt);
	/* the sync daemon binds connections that can be found already */
	WRITE_ONCE(cp->app_data, session);
	/* for fnat_session_of() */
	smp_store_release(&cp->app, &fnat_app);
	/* for fnat_request(), which takes the session for bound */
	smp_store_release(&cp->packet_xmit, fnat_request);
}

static void bind_connection(struct ip_vs_conn *cp)
{
	struct fnat_policy *policy;

	if (!cp->dest || IP_VS_FWD_METHOD(cp) != IP_VS_CONN_F_MASQ ||
	    cp->af != cp->daf || (cp->flags & IP_VS_CONN_F_TEMPLATE))
		return;
	policy = fnat_policy_find(cp);
	if (!policy)
		return;
	if (unlikely(has_helper(cp))) {
		fnat_count(policy, NULL, IPVS_FULLNAT_COUNT_HELPER);
	} else if (unlikely(cp->flags & IP_VS_CONN_F_ONE_PACKET)) {
		/* nobody can find it when there is a reply */
		fnat_count(policy, NULL, IPVS_FULLNAT_COUNT_ONE_PACKET);
		cp->packet_xmit = fnat_request_drop;
	} else {
		bind_session(cp, policy);
	}
}

static int bind_tcp(struct ip_vs_conn *cp)
{
	int err = stock_tcp ? stock_tcp(cp) : 0;

	bind_connection(cp);
	return err;
}

static int bind_udp(struct ip_vs_conn *cp)
{
	int err = stock_udp ? stock_udp(cp) : 0;

	bind_connection(cp);
	return err;
}

static atomic_t *offered(struct net *net, u16 protocol)
{
	return &ip_vs_proto_data_get(net_ipvs(net), protocol)->appcnt;
}

/**
 * fnat_bind_enable() - have new connections of a namespace offered to us
 * @net: the namespace
 *
 * Context: process.
 * Return: 0.
 */
int fnat_bind_enable(struct net *net)
{
	atomic_inc(offered(net, IPPROTO_TCP));
	atomic_inc(offered(net, IPPROTO_UDP));
	return 0;
}

/**
 * fnat_bind_disable() - the opposite of fnat_bind_enable()
 * @net: the namespace
 *
 * Context: process.
 */
void fnat_bind_disable(struct net *net)
{
	atomic_dec(offered(net, IPPROTO_TCP));
	atomic_dec(offered(net, IPPROTO_UDP));
}

/* "[module]", or "" if it is of the kernel itself */
static const char *module_of(const void *function, char *buffer, size_t size)
{
	const char *name;

	snprintf(buffer, size, "%ps", function);
	name = strrchr(buffer, '[');
	return name ?: "";
}

/* Has another module come around what the protocol has? */
static bool is_wrapped(const struct ip_vs_protocol *pp)
{
	char own[KSYM_SYMBOL_LEN], bound[KSYM_SYMBOL_LEN];

	return pp->app_conn_bind &&
	       strcmp(module_of(ip_vs_proto_get, own, sizeof(own)),
		      module_of(pp->app_conn_bind, bound, sizeof(bound)));
}

/**
 * fnat_bind_init() - at loading: come around the helpers of IPVS
 *
 * Context: process.
 * Return: 0 or -EBUSY, with a sentence in the log.
 */
int __init fnat_bind_init(void)
{
	struct ip_vs_protocol *tcp = ip_vs_proto_get(IPPROTO_TCP);
	struct ip_vs_protocol *udp = ip_vs_proto_get(IPPROTO_UDP);

	if (!tcp || !udp) {
		pr_err("IPVS of this kernel has not both TCP and UDP\n");
		return -EOPNOTSUPP;
	}
	if (is_wrapped(tcp) || is_wrapped(udp)) {
		pr_err("another module, %ps, binds connections of IPVS: unload it first\n",
		       is_wrapped(tcp) ? tcp->app_conn_bind :
					 udp->app_conn_bind);
		return -EBUSY;
	}
	fnat_request_init();
	stock_tcp = tcp->app_conn_bind;
	stock_udp = udp->app_conn_bind;
	WRITE_ONCE(tcp->app_conn_bind, bind_tcp);
	WRITE_ONCE(udp->app_conn_bind, bind_udp);
	return 0;
}

/**
 * fnat_bind_exit() - at unloading: leave IPVS as it was
 *
 * When this returns, nobody is in our part of it.
 *
 * Context: process; may sleep.
 */
void fnat_bind_exit(void)
{
	struct ip_vs_protocol *tcp = ip_vs_proto_get(IPPROTO_TCP);
	struct ip_vs_protocol *udp = ip_vs_proto_get(IPPROTO_UDP);

	/* who came around us later must be gone by now */
	WARN_ON(cmpxchg(&tcp->app_conn_bind, bind_tcp, stock_tcp) != bind_tcp);
	WARN_ON(cmpxchg(&udp->app_conn_bind, bind_udp, stock_udp) != bind_udp);
	synchronize_rcu();
}
