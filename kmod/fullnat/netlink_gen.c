// SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)
/* Do not edit directly, auto-generated from: */
/*	kmod/uapi/ipvs-fullnat.yaml */
/* YNL-GEN kernel source */
/* To make it again: make genl */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "netlink_gen.h"

#include <linux/ip_vs_fullnat.h>

/* Common nested types */
const struct nla_policy ipvs_fullnat_endpoint_nl_policy[IPVS_FULLNAT_A_ENDPOINT_PORT + 1] = {
	[IPVS_FULLNAT_A_ENDPOINT_ADDR] = { .type = NLA_BINARY, },
	[IPVS_FULLNAT_A_ENDPOINT_PORT] = { .type = NLA_U16, },
};

const struct nla_policy ipvs_fullnat_laddrs_nl_policy[IPVS_FULLNAT_A_LADDRS_DRAINING + 1] = {
	[IPVS_FULLNAT_A_LADDRS_ADDR] = { .type = NLA_BINARY, },
	[IPVS_FULLNAT_A_LADDRS_LAST_ADDR] = { .type = NLA_BINARY, },
	[IPVS_FULLNAT_A_LADDRS_PREFIX_LEN] = NLA_POLICY_MAX(NLA_U8, 128),
	[IPVS_FULLNAT_A_LADDRS_DRAINING] = { .type = NLA_FLAG, },
};

const struct nla_policy ipvs_fullnat_policy_config_nl_policy[IPVS_FULLNAT_A_POLICY_ADJUST + 1] = {
	[IPVS_FULLNAT_A_POLICY_SERVICE] = NLA_POLICY_NESTED(ipvs_fullnat_service_nl_policy),
	[IPVS_FULLNAT_A_POLICY_LADDR] = NLA_POLICY_NESTED(ipvs_fullnat_laddrs_nl_policy),
	[IPVS_FULLNAT_A_POLICY_PORTS] = NLA_POLICY_NESTED(ipvs_fullnat_ports_nl_policy),
	[IPVS_FULLNAT_A_POLICY_DEFAULT_PORTS] = { .type = NLA_FLAG, },
	[IPVS_FULLNAT_A_POLICY_UDP_TIMEOUT] = { .type = NLA_U32, },
	[IPVS_FULLNAT_A_POLICY_ADJUST] = NLA_POLICY_MAX(NLA_U8, 1),
};

const struct nla_policy ipvs_fullnat_ports_nl_policy[IPVS_FULLNAT_A_PORTS_LAST + 1] = {
	[IPVS_FULLNAT_A_PORTS_FIRST] = { .type = NLA_U16, },
	[IPVS_FULLNAT_A_PORTS_LAST] = { .type = NLA_U16, },
};

const struct nla_policy ipvs_fullnat_service_nl_policy[IPVS_FULLNAT_A_SERVICE_FWMARK + 1] = {
	[IPVS_FULLNAT_A_SERVICE_AF] = { .type = NLA_U8, },
	[IPVS_FULLNAT_A_SERVICE_PROTOCOL] = { .type = NLA_U8, },
	[IPVS_FULLNAT_A_SERVICE_ADDR] = { .type = NLA_BINARY, },
	[IPVS_FULLNAT_A_SERVICE_PORT] = { .type = NLA_U16, },
	[IPVS_FULLNAT_A_SERVICE_FWMARK] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* IPVS_FULLNAT_CMD_SERVICE_ADD - do */
const struct nla_policy ipvs_fullnat_service_add_nl_policy[IPVS_FULLNAT_A_POLICY_ADJUST + 1] = {
	[IPVS_FULLNAT_A_POLICY_SERVICE] = NLA_POLICY_NESTED(ipvs_fullnat_service_nl_policy),
	[IPVS_FULLNAT_A_POLICY_LADDR] = NLA_POLICY_NESTED(ipvs_fullnat_laddrs_nl_policy),
	[IPVS_FULLNAT_A_POLICY_PORTS] = NLA_POLICY_NESTED(ipvs_fullnat_ports_nl_policy),
	[IPVS_FULLNAT_A_POLICY_DEFAULT_PORTS] = { .type = NLA_FLAG, },
	[IPVS_FULLNAT_A_POLICY_UDP_TIMEOUT] = { .type = NLA_U32, },
	[IPVS_FULLNAT_A_POLICY_ADJUST] = NLA_POLICY_MAX(NLA_U8, 1),
};

/* IPVS_FULLNAT_CMD_SERVICE_SET - do */
const struct nla_policy ipvs_fullnat_service_set_nl_policy[IPVS_FULLNAT_A_POLICY_ADJUST + 1] = {
	[IPVS_FULLNAT_A_POLICY_SERVICE] = NLA_POLICY_NESTED(ipvs_fullnat_service_nl_policy),
	[IPVS_FULLNAT_A_POLICY_LADDR] = NLA_POLICY_NESTED(ipvs_fullnat_laddrs_nl_policy),
	[IPVS_FULLNAT_A_POLICY_PORTS] = NLA_POLICY_NESTED(ipvs_fullnat_ports_nl_policy),
	[IPVS_FULLNAT_A_POLICY_DEFAULT_PORTS] = { .type = NLA_FLAG, },
	[IPVS_FULLNAT_A_POLICY_UDP_TIMEOUT] = { .type = NLA_U32, },
	[IPVS_FULLNAT_A_POLICY_ADJUST] = NLA_POLICY_MAX(NLA_U8, 1),
};

/* IPVS_FULLNAT_CMD_SERVICE_DEL - do */
const struct nla_policy ipvs_fullnat_service_del_nl_policy[IPVS_FULLNAT_A_POLICY_SERVICE + 1] = {
	[IPVS_FULLNAT_A_POLICY_SERVICE] = NLA_POLICY_NESTED(ipvs_fullnat_service_nl_policy),
};

/* IPVS_FULLNAT_CMD_SERVICE_GET - do */
const struct nla_policy ipvs_fullnat_service_get_nl_policy[IPVS_FULLNAT_A_POLICY_SERVICE + 1] = {
	[IPVS_FULLNAT_A_POLICY_SERVICE] = NLA_POLICY_NESTED(ipvs_fullnat_service_nl_policy),
};

/* IPVS_FULLNAT_CMD_LADDR_ADD - do */
const struct nla_policy ipvs_fullnat_laddr_add_nl_policy[IPVS_FULLNAT_A_POLICY_LADDR + 1] = {
	[IPVS_FULLNAT_A_POLICY_SERVICE] = NLA_POLICY_NESTED(ipvs_fullnat_service_nl_policy),
	[IPVS_FULLNAT_A_POLICY_LADDR] = NLA_POLICY_NESTED(ipvs_fullnat_laddrs_nl_policy),
};

/* IPVS_FULLNAT_CMD_LADDR_DRAIN - do */
const struct nla_policy ipvs_fullnat_laddr_drain_nl_policy[IPVS_FULLNAT_A_POLICY_LADDR + 1] = {
	[IPVS_FULLNAT_A_POLICY_SERVICE] = NLA_POLICY_NESTED(ipvs_fullnat_service_nl_policy),
	[IPVS_FULLNAT_A_POLICY_LADDR] = NLA_POLICY_NESTED(ipvs_fullnat_laddrs_nl_policy),
};

/* IPVS_FULLNAT_CMD_LADDR_DEL - do */
const struct nla_policy ipvs_fullnat_laddr_del_nl_policy[IPVS_FULLNAT_A_POLICY_LADDR + 1] = {
	[IPVS_FULLNAT_A_POLICY_SERVICE] = NLA_POLICY_NESTED(ipvs_fullnat_service_nl_policy),
	[IPVS_FULLNAT_A_POLICY_LADDR] = NLA_POLICY_NESTED(ipvs_fullnat_laddrs_nl_policy),
};

/* IPVS_FULLNAT_CMD_LADDR_GET - do */
const struct nla_policy ipvs_fullnat_laddr_get_nl_policy[IPVS_FULLNAT_A_LADDR_ADDR + 1] = {
	[IPVS_FULLNAT_A_LADDR_SERVICE] = NLA_POLICY_NESTED(ipvs_fullnat_service_nl_policy),
	[IPVS_FULLNAT_A_LADDR_ADDR] = { .type = NLA_BINARY, },
};

/* IPVS_FULLNAT_CMD_SESSION_GET - do */
const struct nla_policy ipvs_fullnat_session_get_nl_policy[IPVS_FULLNAT_A_SESSION_SERVER + 1] = {
	[IPVS_FULLNAT_A_SESSION_SERVICE] = NLA_POLICY_NESTED(ipvs_fullnat_service_nl_policy),
	[IPVS_FULLNAT_A_SESSION_PROTOCOL] = { .type = NLA_U8, },
	[IPVS_FULLNAT_A_SESSION_CLIENT] = NLA_POLICY_NESTED(ipvs_fullnat_endpoint_nl_policy),
	[IPVS_FULLNAT_A_SESSION_LADDR] = NLA_POLICY_NESTED(ipvs_fullnat_endpoint_nl_policy),
	[IPVS_FULLNAT_A_SESSION_SERVER] = NLA_POLICY_NESTED(ipvs_fullnat_endpoint_nl_policy),
};

/* IPVS_FULLNAT_CMD_SESSION_FLUSH - do */
const struct nla_policy ipvs_fullnat_session_flush_nl_policy[IPVS_FULLNAT_A_SESSION_SERVER + 1] = {
	[IPVS_FULLNAT_A_SESSION_SERVICE] = NLA_POLICY_NESTED(ipvs_fullnat_service_nl_policy),
	[IPVS_FULLNAT_A_SESSION_PROTOCOL] = { .type = NLA_U8, },
	[IPVS_FULLNAT_A_SESSION_CLIENT] = NLA_POLICY_NESTED(ipvs_fullnat_endpoint_nl_policy),
	[IPVS_FULLNAT_A_SESSION_LADDR] = NLA_POLICY_NESTED(ipvs_fullnat_endpoint_nl_policy),
	[IPVS_FULLNAT_A_SESSION_SERVER] = NLA_POLICY_NESTED(ipvs_fullnat_endpoint_nl_policy),
};

/* IPVS_FULLNAT_CMD_STATS_GET - do */
const struct nla_policy ipvs_fullnat_stats_get_nl_policy[IPVS_FULLNAT_A_STATS_SERVICE + 1] = {
	[IPVS_FULLNAT_A_STATS_SERVICE] = NLA_POLICY_NESTED(ipvs_fullnat_service_nl_policy),
};

/* IPVS_FULLNAT_CMD_STATS_RESET - do */
const struct nla_policy ipvs_fullnat_stats_reset_nl_policy[IPVS_FULLNAT_A_STATS_SERVICE + 1] = {
	[IPVS_FULLNAT_A_STATS_SERVICE] = NLA_POLICY_NESTED(ipvs_fullnat_service_nl_policy),
};

/* IPVS_FULLNAT_CMD_RESTORE - do */
const struct nla_policy ipvs_fullnat_restore_nl_policy[IPVS_FULLNAT_A_RESTORE_REPLACE + 1] = {
	[IPVS_FULLNAT_A_RESTORE_POLICY] = NLA_POLICY_NESTED(ipvs_fullnat_policy_config_nl_policy),
	[IPVS_FULLNAT_A_RESTORE_REPLACE] = { .type = NLA_FLAG, },
};

/* Ops table for ipvs_fullnat */
const struct genl_ops ipvs_fullnat_nl_ops[13] = {
	{
		.cmd		= IPVS_FULLNAT_CMD_SERVICE_ADD,
		.doit		= ipvs_fullnat_nl_service_add_doit,
		.policy		= ipvs_fullnat_service_add_nl_policy,
		.maxattr	= IPVS_FULLNAT_A_POLICY_ADJUST,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= IPVS_FULLNAT_CMD_SERVICE_SET,
		.doit		= ipvs_fullnat_nl_service_set_doit,
		.policy		= ipvs_fullnat_service_set_nl_policy,
		.maxattr	= IPVS_FULLNAT_A_POLICY_ADJUST,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= IPVS_FULLNAT_CMD_SERVICE_DEL,
		.doit		= ipvs_fullnat_nl_service_del_doit,
		.policy		= ipvs_fullnat_service_del_nl_policy,
		.maxattr	= IPVS_FULLNAT_A_POLICY_SERVICE,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= IPVS_FULLNAT_CMD_SERVICE_GET,
		.doit		= ipvs_fullnat_nl_service_get_doit,
		.dumpit		= ipvs_fullnat_nl_service_get_dumpit,
		.policy		= ipvs_fullnat_service_get_nl_policy,
		.maxattr	= IPVS_FULLNAT_A_POLICY_SERVICE,
	},
	{
		.cmd		= IPVS_FULLNAT_CMD_LADDR_ADD,
		.doit		= ipvs_fullnat_nl_laddr_add_doit,
		.policy		= ipvs_fullnat_laddr_add_nl_policy,
		.maxattr	= IPVS_FULLNAT_A_POLICY_LADDR,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= IPVS_FULLNAT_CMD_LADDR_DRAIN,
		.doit		= ipvs_fullnat_nl_laddr_drain_doit,
		.policy		= ipvs_fullnat_laddr_drain_nl_policy,
		.maxattr	= IPVS_FULLNAT_A_POLICY_LADDR,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= IPVS_FULLNAT_CMD_LADDR_DEL,
		.doit		= ipvs_fullnat_nl_laddr_del_doit,
		.policy		= ipvs_fullnat_laddr_del_nl_policy,
		.maxattr	= IPVS_FULLNAT_A_POLICY_LADDR,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= IPVS_FULLNAT_CMD_LADDR_GET,
		.doit		= ipvs_fullnat_nl_laddr_get_doit,
		.dumpit		= ipvs_fullnat_nl_laddr_get_dumpit,
		.policy		= ipvs_fullnat_laddr_get_nl_policy,
		.maxattr	= IPVS_FULLNAT_A_LADDR_ADDR,
	},
	{
		.cmd		= IPVS_FULLNAT_CMD_SESSION_GET,
		.doit		= ipvs_fullnat_nl_session_get_doit,
		.dumpit		= ipvs_fullnat_nl_session_get_dumpit,
		.policy		= ipvs_fullnat_session_get_nl_policy,
		.maxattr	= IPVS_FULLNAT_A_SESSION_SERVER,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= IPVS_FULLNAT_CMD_SESSION_FLUSH,
		.doit		= ipvs_fullnat_nl_session_flush_doit,
		.policy		= ipvs_fullnat_session_flush_nl_policy,
		.maxattr	= IPVS_FULLNAT_A_SESSION_SERVER,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= IPVS_FULLNAT_CMD_STATS_GET,
		.doit		= ipvs_fullnat_nl_stats_get_doit,
		.dumpit		= ipvs_fullnat_nl_stats_get_dumpit,
		.policy		= ipvs_fullnat_stats_get_nl_policy,
		.maxattr	= IPVS_FULLNAT_A_STATS_SERVICE,
	},
	{
		.cmd		= IPVS_FULLNAT_CMD_STATS_RESET,
		.doit		= ipvs_fullnat_nl_stats_reset_doit,
		.policy		= ipvs_fullnat_stats_reset_nl_policy,
		.maxattr	= IPVS_FULLNAT_A_STATS_SERVICE,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= IPVS_FULLNAT_CMD_RESTORE,
		.doit		= ipvs_fullnat_nl_restore_doit,
		.policy		= ipvs_fullnat_restore_nl_policy,
		.maxattr	= IPVS_FULLNAT_A_RESTORE_REPLACE,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
};
