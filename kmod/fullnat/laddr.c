// SPDX-License-Identifier: GPL-2.0
/*
 * Local addresses. There is one object for an address in a namespace, whoever
 * uses it: a port of it is in use or not for all of them. It is there as long
 * as a pool or a session refers to it, and found again if it is given anew.
 *
 * Sessions outlive their namespace's struct fnat_net. So what an address is
 * linked into is taken from it when the namespace dies, under a lock that
 * belongs to no namespace.
 */
#include <linux/hashtable.h>
#include <linux/inetdevice.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <net/addrconf.h>
#include <net/ip6_route.h>
#include <net/netns/hash.h>
#include <net/route.h>

#include "laddr.h"
#include "stats.h"

static DEFINE_HASHTABLE(table, 10);

/* Of the table and of the lists of all namespaces; the last session of an
 * address takes it, so softirqs do.
 */
static DEFINE_SPINLOCK(table_lock);

static u32 hash_addr(const struct net *net, const union nf_inet_addr *addr)
{
	return jhash2(addr->all, ARRAY_SIZE(addr->all), net_hash_mix(net));
}

static struct fnat_laddr *find(const struct net *net, u8 af,
			       const union nf_inet_addr *addr)
{
	struct fnat_laddr *laddr;

	hash_for_each_possible(table, laddr, node, hash_addr(net, addr))
		if (laddr->net == net && laddr->af == af &&
		    nf_inet_addr_cmp(&laddr->addr, addr) &&
		    refcount_inc_not_zero(&laddr->refs))
			return laddr;
	return NULL;
}

static void unlink_locked(struct fnat_laddr *laddr)
{
	hash_del(&laddr->node);
	list_del_rcu(&laddr->list);
	laddr->net = NULL;
}

/**
 * fnat_laddr_create() - find an address of a namespace, or make it
 * @fn: the namespace
 * @af: the family
 * @addr: the address, the rest of the union zero
 *
 * Context: process, under @fn's mutex; may sleep.
 * Return: the address, with a reference for the caller; NULL without memory.
 */
struct fnat_laddr *fnat_laddr_create(struct fnat_net *fn, u8 af,
				     const union nf_inet_addr *addr)
{
	struct fnat_laddr *laddr;

	spin_lock_bh(&table_lock);
	laddr = find(fn->net, af, addr);
	spin_unlock_bh(&table_lock);
	if (laddr)
		return laddr;

	laddr = kzalloc(sizeof(*laddr), GFP_KERNEL_ACCOUNT);
	if (!laddr)
		return NULL;
	laddr->counters = fnat_counters_alloc(FNAT_LADDR_COUNTERS);
	if (!laddr->counters) {
		kfree(laddr);
		return NULL;
	}
	laddr->addr = *addr;
	laddr->af = af;
	laddr->net = fn->net;
	laddr->id = ++fn->last_id;
	refcount_set(&laddr->refs, 1);

	spin_lock_bh(&table_lock);
	hash_add(table, &laddr->node, hash_addr(fn->net, addr));
	list_add_tail_rcu(&laddr->list, &fn->laddrs);
	spin_unlock_bh(&table_lock);
	return laddr;
}

static void free_rcu(struct rcu_head *rcu)
{
	struct fnat_laddr *laddr = container_of(rcu, struct fnat_laddr, rcu);

	free_percpu(laddr->counters);
	kfree(laddr);
}

/**
 * fnat_laddr_put() - give back a reference
 * @laddr: the address
 *
 * Whoever found it under RCU may go on to read it until the grace period ends.
 *
 * Context: process or softirq.
 */
void fnat_laddr_put(struct fnat_laddr *laddr)
{
	if (!refcount_dec_and_test(&laddr->refs))
		return;
	spin_lock_bh(&table_lock);
	if (laddr->net)
		unlink_locked(laddr);
	spin_unlock_bh(&table_lock);
	call_rcu(&laddr->rcu, free_rcu);
}

/**
 * fnat_laddrs_forget() - a namespace dies: take from it those that sessions use
 * @fn: the namespace
 *
 * Context: process.
 */
void fnat_laddrs_forget(struct fnat_net *fn)
{
	struct fnat_laddr *laddr, *next;

	spin_lock_bh(&table_lock);
	list_for_each_entry_safe(laddr, next, &fn->laddrs, list)
		unlink_locked(laddr);
	spin_unlock_bh(&table_lock);
}

/**
 * fnat_laddr_is_local4() - is it an address of the namespace?
 * @net: the namespace
 * @addr: an IPv4 address
 *
 * Context: process.
 * Return: whether it is, be it of an interface or by a local route.
 */
bool fnat_laddr_is_local4(struct net *net, __be32 addr)
{
	struct net_device *dev;
	bool local;

	if (inet_addr_type(net, addr) == RTN_LOCAL)
		return true;
	/* an address of a VRF is in a table of that VRF's own */
	rcu_read_lock();
	dev = __ip_dev_find(net, addr, false);
	local = dev && inet_addr_type_dev_table(net, dev, addr) == RTN_LOCAL;
	rcu_read_unlock();
	return local;
}

static int usable4(struct net *net, __be32 addr,
		   struct netlink_ext_ack *extack)
{
	if (ipv4_is_loopback(addr)) {
		NL_SET_ERR_MSG(extack,
			       "a loopback address: give one that real servers can answer to");
		return -EINVAL;
	}
	if (ipv4_is_zeronet(addr) || ipv4_is_multicast(addr) ||
	    ipv4_is_lbcast(addr)) {
		NL_SET_ERR_MSG(extack,
			       "not a unicast address: give another one");
		return -EINVAL;
	}
	if (fnat_laddr_is_local4(net, addr))
		return 0;
	if (inet_addr_type(net, addr) == RTN_BROADCAST)
		NL_SET_ERR_MSG(extack,
			       "a broadcast address of one of this namespace's networks: leave it out");
	else
		NL_SET_ERR_MSG(extack,
			       "not an address of this namespace: add it to an interface, or a local route to it, first");
	return -EADDRNOTAVAIL;
}

#if IS_ENABLED(CONFIG_IPV6)
/* One that is tentative yet will be there soon. */
static bool is_own6(struct net *net, const struct in6_addr *addr,
		    const struct net_device *vrf)
{
	return ipv6_chk_addr_and_flags(net, addr, vrf, true, 0,
				       IFA_F_DADFAILED);
}

static bool is_own6_of_vrf(struct net *net, const struct in6_addr *addr)
{
	struct net_device *dev;
	bool own = false;

	rcu_read_lock();
	for_each_netdev_rcu(net, dev) {
		own = netif_is_l3_master(dev) && is_own6(net, addr, dev);
		if (own)
			break;
	}
	rcu_read_unlock();
	return own;
}

static bool is_route6(struct net *net, const struct in6_addr *addr)
{
	struct flowi6 flow = { .daddr = *addr };
	struct dst_entry *dst = ip6_route_output(net, NULL, &flow);
	bool local = !dst->error &&
		     ((struct rt6_info *)dst)->rt6i_flags & RTF_LOCAL;

	dst_release(dst);
	return local;
}

static int usable6(struct net *net, const struct in6_addr *addr,
		   struct netlink_ext_ack *extack)
{
	int type = ipv6_addr_type(addr);

	if (!ipv6_mod_enabled()) {
		NL_SET_ERR_MSG(extack, "this kernel has IPv6 turned off");
		return -EAFNOSUPPORT;
	}
	if (type & IPV6_ADDR_LOOPBACK) {
		NL_SET_ERR_MSG(extack,
			       "a loopback address: give one that real servers can answer to");
		return -EINVAL;
	}
	if (!(type & IPV6_ADDR_UNICAST) || type & IPV6_ADDR_MAPPED) {
		NL_SET_ERR_MSG(extack,
			       "not a unicast address: give another one");
		return -EINVAL;
	}
	if (type & IPV6_ADDR_LINKLOCAL) {
		NL_SET_ERR_MSG(extack,
			       "a link-local address: give one of a wider scope");
		return -EINVAL;
	}
	if (is_own6(net, addr, NULL) || is_route6(net, addr) ||
	    is_own6_of_vrf(net, addr))
		return 0;
	NL_SET_ERR_MSG(extack,
		       "not an address of this namespace: add it to an interface, or a local route to it, first");
	return -EADDRNOTAVAIL;
}
#else
static int usable6(struct net *net, const struct in6_addr *addr,
		   struct netlink_ext_ack *extack)
{
	NL_SET_ERR_MSG(extack, "this kernel has no IPv6");
	return -EAFNOSUPPORT;
}
#endif

/**
 * fnat_laddr_usable() - can connections go out from an address?
 * @net: the namespace
 * @af: the family
 * @addr: the address
 * @extack: gets the reason if not
 *
 * Context: process.
 * Return: 0 if so, a negative errno if not.
 */
int fnat_laddr_usable(struct net *net, u8 af, const union nf_inet_addr *addr,
		      struct netlink_ext_ack *extack)
{
	if (af == AF_INET)
		return usable4(net, addr->ip, extack);
	return usable6(net, &addr->in6, extack);
}
