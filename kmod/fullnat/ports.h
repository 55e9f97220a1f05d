/* SPDX-License-Identifier: GPL-2.0 */
/* The local ports of one local address that are in use with one real server. */
#ifndef _FNAT_PORTS_H
#define _FNAT_PORTS_H

#include <linux/hash.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/netfilter.h>
#include <linux/rcupdate.h>
#include <linux/siphash.h>
#include <linux/socket.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <net/ipv6.h>
#include <net/net_namespace.h>

struct fnat_pool;

/* Bitmaps are made by the chunk, as ports come into use. */
#define FNAT_CHUNK_BITS	4096U
#define FNAT_CHUNKS	(65536U / FNAT_CHUNK_BITS)

/**
 * struct fnat_pair - a local address and a real server
 * @net: the namespace; no reference
 * @server: address of the real server
 * @laddr: the local address
 * @port: port of the real server
 * @protocol: IPPROTO_TCP or IPPROTO_UDP
 * @af: AF_INET or AF_INET6
 */
struct fnat_pair {
	struct net		*net;
	union nf_inet_addr	server;
	union nf_inet_addr	laddr;
	__be16			port;
	u8			protocol;
	u8			af;
};

/**
 * struct fnat_ports - the port map of a pair
 * @node: in the table of port maps
 * @at_laddr: in the table of port maps by their local addresses
 * @pair: whose
 * @hash: of @pair
 * @lock: held to change what follows; taken with bottom halves off. The lock
 *	  of an ip_vs_conn may be held, none is taken under it but those of
 *	  buckets of the session table.
 * @rover: the port that was given last
 * @turn: which one of its word that was
 * @times: with @plus, the order in which ports of that word are given
 * @plus: see @times
 * @key: those orders depend on it
 * @dead: it left the table, look again
 * @busy: sessions that live
 * @users: sessions in all: the resting ones and the ghosts too
 * @idle: jiffies when the last user left
 * @ghosts: resting sessions whose connections are gone, the oldest first
 * @checked: jiffies when the next three were found out
 * @local: the real server is on this host
 * @low: first port that the director's own sockets may take
 * @high: the last one
 * @taken: busy ports of each chunk
 * @chunk: bitmaps of the busy ports; NULL: none is
 * @rcu: to free it
 */
struct fnat_ports {
	struct hlist_node	node;
	struct hlist_node	at_laddr;
	struct fnat_pair	pair;
	u32			hash;
	spinlock_t		lock;	/* see above */
	u16			rover;
	u8			turn;
	u8			times;
	u8			plus;
	bool			dead;
	u32			key;
	u32			busy;
	u32			users;
	unsigned long		idle;
	struct list_head	ghosts;
	unsigned long		checked;
	bool			local;
	int			low;
	int			high;
	u16			taken[FNAT_CHUNKS];
	unsigned long		*chunk[FNAT_CHUNKS];
	struct rcu_head		rcu;
};

extern u64 fnat_ports_seed;
extern siphash_key_t fnat_ports_key;

static inline u64 fnat_pair_mix(u64 sum, u64 word)
{
	sum = (sum ^ word) * GOLDEN_RATIO_64;
	return sum ^ sum >> 32;
}

/**
 * fnat_pair_hash() - of what a session's reply has in common with its neighbours
 * @pair: the pair
 *
 * Clients choose none of it, so it need not be strong.
 *
 * Return: it, the same for the life of the module.
 */
static inline u32 fnat_pair_hash(const struct fnat_pair *pair)
{
	u64 sum = fnat_ports_seed ^ net_hash_mix(pair->net);

	if (pair->af == AF_INET6) {
		sum = fnat_pair_mix(sum, (u64)pair->server.all[0] << 32 |
					 pair->server.all[1]);
		sum = fnat_pair_mix(sum, (u64)pair->server.all[2] << 32 |
					 pair->server.all[3]);
		sum = fnat_pair_mix(sum, (u64)pair->laddr.all[0] << 32 |
					 pair->laddr.all[1]);
		sum = fnat_pair_mix(sum, (u64)pair->laddr.all[2] << 32 |
					 pair->laddr.all[3]);
	} else {
		sum = fnat_pair_mix(sum, (u64)pair->server.all[0] << 32 |
					 pair->laddr.all[0]);
	}
	return fnat_pair_mix(sum, (__force u32)pair->port << 16 |
				  pair->protocol);
}

/**
 * fnat_pair_equal() - are they the same?
 * @a: one
 * @b: another
 *
 * Return: whether they are.
 */
static inline bool fnat_pair_equal(const struct fnat_pair *a,
				   const struct fnat_pair *b)
{
	/* in this order, or the compiler has both in memory to compare them */
	if (a->port != b->port || a->net != b->net ||
	    a->protocol != b->protocol)
		return false;
	if (b->af == AF_INET6)
		return ipv6_addr_equal(&a->server.in6, &b->server.in6) &&
		       a->af == b->af &&
		       ipv6_addr_equal(&a->laddr.in6, &b->laddr.in6);
	return a->server.ip == b->server.ip && a->af == b->af &&
	       a->laddr.ip == b->laddr.ip;
}

/* All port maps, by namespace and local address */
#define FNAT_LADDR_BITS	12
extern struct hlist_head fnat_ports_at_laddr[1 << FNAT_LADDR_BITS];

/**
 * fnat_ports_at() - where port maps of a local address are
 * @net: the namespace
 * @af: AF_INET or AF_INET6
 * @laddr: the local address
 *
 * Return: the list that they are in, with those of others.
 */
static inline struct hlist_head *fnat_ports_at(const struct net *net, u8 af,
					       const union nf_inet_addr *laddr)
{
	u32 word = (__force u32)laddr->ip;

	if (af == AF_INET6)
		word ^= laddr->all[1] ^ laddr->all[2] ^ laddr->all[3];
	return &fnat_ports_at_laddr[hash_32(word ^ net_hash_mix(net),
					    FNAT_LADDR_BITS)];
}

/**
 * fnat_ports_may_be_to() - may this be an address that sessions use?
 * @net: the namespace
 * @af: AF_INET or AF_INET6
 * @addr: the address
 *
 * Spares all packets but replies the search for a session.
 *
 * Context: any.
 * Return: false if it certainly is none.
 */
static inline bool fnat_ports_may_be_to(const struct net *net, u8 af,
					const union nf_inet_addr *addr)
{
	return !hlist_empty(fnat_ports_at(net, af, addr));
}

/**
 * fnat_ports_leave() - a user of a port map leaves
 * @ports: the port map
 *
 * Context: the lock of @ports is held.
 */
static inline void fnat_ports_leave(struct fnat_ports *ports)
{
	if (!--ports->users)
		ports->idle = jiffies;
}

int fnat_ports_init(void);
void fnat_ports_exit(void);

struct fnat_ports *fnat_ports_get(const struct fnat_pair *pair);
bool fnat_ports_retire(struct fnat_ports *ports, unsigned long idle);
bool fnat_ports_for_each(void (*fn)(struct fnat_ports *ports, void *data),
			 void *data);

bool fnat_ports_local(struct fnat_ports *ports);
int fnat_ports_take(struct fnat_ports *ports, const struct fnat_pool *pool);
int fnat_ports_keep(struct fnat_ports *ports, u16 port);
void fnat_ports_give(struct fnat_ports *ports, u16 port);
void fnat_ports_trim(struct fnat_ports *ports);
u32 fnat_ports_limit(struct net *net, const struct fnat_pool *pool);
u32 fnat_ports_used(struct net *net, u8 af,
		    const union nf_inet_addr *laddr,
		    const struct fnat_pool *pool);

#endif /* _FNAT_PORTS_H */
