/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	kmod/uapi/ipvs-fullnat.yaml */
/* YNL-GEN kernel header */
/* To make it again: make genl */

#ifndef _LINUX_IPVS_FULLNAT_GEN_H
#define _LINUX_IPVS_FULLNAT_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include <linux/ip_vs_fullnat.h>

/* Common nested types */
extern const struct nla_policy ipvs_fullnat_endpoint_nl_policy[IPVS_FULLNAT_A_ENDPOINT_PORT + 1];
extern const struct nla_policy ipvs_fullnat_laddrs_nl_policy[IPVS_FULLNAT_A_LADDRS_DRAINING + 1];
extern const struct nla_policy ipvs_fullnat_policy_config_nl_policy[IPVS_FULLNAT_A_POLICY_ADJUST + 1];
extern const struct nla_policy ipvs_fullnat_ports_nl_policy[IPVS_FULLNAT_A_PORTS_LAST + 1];
extern const struct nla_policy ipvs_fullnat_service_nl_policy[IPVS_FULLNAT_A_SERVICE_FWMARK + 1];

extern const struct nla_policy ipvs_fullnat_service_add_nl_policy[IPVS_FULLNAT_A_POLICY_ADJUST + 1];

extern const struct nla_policy ipvs_fullnat_service_set_nl_policy[IPVS_FULLNAT_A_POLICY_ADJUST + 1];

extern const struct nla_policy ipvs_fullnat_service_del_nl_policy[IPVS_FULLNAT_A_POLICY_SERVICE + 1];

extern const struct nla_policy ipvs_fullnat_service_get_nl_policy[IPVS_FULLNAT_A_POLICY_SERVICE + 1];

extern const struct nla_policy ipvs_fullnat_laddr_add_nl_policy[IPVS_FULLNAT_A_POLICY_LADDR + 1];

extern const struct nla_policy ipvs_fullnat_laddr_drain_nl_policy[IPVS_FULLNAT_A_POLICY_LADDR + 1];

extern const struct nla_policy ipvs_fullnat_laddr_del_nl_policy[IPVS_FULLNAT_A_POLICY_LADDR + 1];

extern const struct nla_policy ipvs_fullnat_laddr_get_nl_policy[IPVS_FULLNAT_A_LADDR_ADDR + 1];

extern const struct nla_policy ipvs_fullnat_session_get_nl_policy[IPVS_FULLNAT_A_SESSION_SERVER + 1];

extern const struct nla_policy ipvs_fullnat_session_flush_nl_policy[IPVS_FULLNAT_A_SESSION_SERVER + 1];

extern const struct nla_policy ipvs_fullnat_stats_get_nl_policy[IPVS_FULLNAT_A_STATS_SERVICE + 1];

extern const struct nla_policy ipvs_fullnat_stats_reset_nl_policy[IPVS_FULLNAT_A_STATS_SERVICE + 1];

extern const struct nla_policy ipvs_fullnat_restore_nl_policy[IPVS_FULLNAT_A_RESTORE_REPLACE + 1];

/* Ops table for ipvs_fullnat */
extern const struct genl_ops ipvs_fullnat_nl_ops[13];

int ipvs_fullnat_nl_service_add_doit(struct sk_buff *skb,
				     struct genl_info *info);
int ipvs_fullnat_nl_service_set_doit(struct sk_buff *skb,
				     struct genl_info *info);
int ipvs_fullnat_nl_service_del_doit(struct sk_buff *skb,
				     struct genl_info *info);
int ipvs_fullnat_nl_service_get_doit(struct sk_buff *skb,
				     struct genl_info *info);
int ipvs_fullnat_nl_service_get_dumpit(struct sk_buff *skb,
				       struct netlink_callback *cb);
int ipvs_fullnat_nl_laddr_add_doit(struct sk_buff *skb, struct genl_info *info);
int ipvs_fullnat_nl_laddr_drain_doit(struct sk_buff *skb,
				     struct genl_info *info);
int ipvs_fullnat_nl_laddr_del_doit(struct sk_buff *skb, struct genl_info *info);
int ipvs_fullnat_nl_laddr_get_doit(struct sk_buff *skb, struct genl_info *info);
int ipvs_fullnat_nl_laddr_get_dumpit(struct sk_buff *skb,
				     struct netlink_callback *cb);
int ipvs_fullnat_nl_session_get_doit(struct sk_buff *skb,
				     struct genl_info *info);
int ipvs_fullnat_nl_session_get_dumpit(struct sk_buff *skb,
				       struct netlink_callback *cb);
int ipvs_fullnat_nl_session_flush_doit(struct sk_buff *skb,
				       struct genl_info *info);
int ipvs_fullnat_nl_stats_get_doit(struct sk_buff *skb, struct genl_info *info);
int ipvs_fullnat_nl_stats_get_dumpit(struct sk_buff *skb,
				     struct netlink_callback *cb);
int ipvs_fullnat_nl_stats_reset_doit(struct sk_buff *skb,
				     struct genl_info *info);
int ipvs_fullnat_nl_restore_doit(struct sk_buff *skb, struct genl_info *info);

enum {
	IPVS_FULLNAT_NLGRP_EVENTS,
};

#endif /* _LINUX_IPVS_FULLNAT_GEN_H */
