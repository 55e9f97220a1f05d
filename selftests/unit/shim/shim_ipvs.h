/* SPDX-License-Identifier: GPL-2.0 */
/* What <net/ip_vs.h> gives a scheduler, in the shape of both kinds of kernel: those
 * that count the inactive connections of a server and those that count all.
 */
#ifndef SHIM_IPVS_H
#define SHIM_IPVS_H

#include <netinet/in.h>
#include <arpa/inet.h>

#define IP_VS_SCHEDNAME_MAXLEN		16
#define IP_VS_SVC_F_PERSISTENT		0x0001
#define IP_VS_SVC_F_HASHED		0x0002
#define IP_VS_SVC_F_ONEPACKET		0x0004
#define IP_VS_SVC_F_SCHED1		0x0008
#define IP_VS_SVC_F_SCHED2		0x0010
#define IP_VS_SVC_F_SCHED3		0x0020
#define IP_VS_DEST_F_AVAILABLE		0x0001
#define IP_VS_DEST_F_OVERLOAD		0x0002

struct ns_common { unsigned int inum; };
struct net { struct ns_common ns; };
struct netns_ipvs { struct net *net; };
struct sk_buff;
struct ip_vs_iphdr { int off, len, fragoffs; };
union nf_inet_addr {
	__u32 all[4];
	__be32 ip;
	__be32 ip6[4];
	struct in_addr in;
	struct in6_addr in6;
};

struct ip_vs_scheduler;
struct ip_vs_service {
	struct list_head s_list;
	u16 af, protocol;
	union nf_inet_addr addr;
	__be16 port;
	__u32 fwmark;
	unsigned int flags, timeout;
	__be32 netmask;
	struct netns_ipvs *ipvs;
	struct list_head destinations;
	__u32 num_dests;
	struct ip_vs_scheduler __rcu *scheduler;
	spinlock_t sched_lock;
	void *sched_data;
};

struct ip_vs_dest {
	struct list_head n_list;
	u16 af;
	__be16 port;
	union nf_inet_addr addr;
	volatile unsigned int flags;
	unsigned long cflags;
	atomic_t conn_flags, weight, last_weight;
	atomic_t refcnt;
	__u32 u_threshold, l_threshold;
	atomic_t activeconns;
#ifdef HAVE_IP_VS_DEST_TOTALCONNS
	atomic_t totalconns;
#else
	atomic_t inactconns;
#endif
	atomic_t persistconns;
	struct ip_vs_service __rcu *svc;
	u16 protocol;
	__be16 vport;
	union nf_inet_addr vaddr;
	__u32 vfwmark;
	struct rcu_head rcu_head;
};

struct ip_vs_scheduler {
	struct list_head n_list;
	char *name;
	atomic_t refcnt;
	struct module *module;
	int (*init_service)(struct ip_vs_service *svc);
	void (*done_service)(struct ip_vs_service *svc);
	int (*add_dest)(struct ip_vs_service *svc, struct ip_vs_dest *dest);
	int (*del_dest)(struct ip_vs_service *svc, struct ip_vs_dest *dest);
	int (*upd_dest)(struct ip_vs_service *svc, struct ip_vs_dest *dest);
	struct ip_vs_dest *(*schedule)(struct ip_vs_service *svc, const struct sk_buff *skb,
				       struct ip_vs_iphdr *iph);
};

int register_ip_vs_scheduler(struct ip_vs_scheduler *sched);
int unregister_ip_vs_scheduler(struct ip_vs_scheduler *sched);
void ip_vs_scheduler_err(struct ip_vs_service *svc, const char *msg);
struct ip_vs_scheduler *shim_scheduler(const char *name);	/* as registered, or NULL */
unsigned int shim_schedulers(void);
extern unsigned int shim_err_count;
extern const char *shim_err_last;
#endif
