// SPDX-License-Identifier: GPL-2.0
/* What IPVS has where a policy is, asked of its own netlink family. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ipvs.h"

static void put_key(struct nl *nl, const struct service *service)
{
	const struct endpoint *endpoint = &service->endpoint;
	size_t nest = nl_nest(nl, IPVS_CMD_ATTR_SERVICE);

	nl_put_u16(nl, IPVS_SVC_ATTR_AF, endpoint->address.family);
	if (service->protocol) {
		nl_put_u16(nl, IPVS_SVC_ATTR_PROTOCOL, service->protocol);
		nl_put(nl, IPVS_SVC_ATTR_ADDR, endpoint->address.bytes,
		       sizeof(endpoint->address.bytes));
		nl_put_be16(nl, IPVS_SVC_ATTR_PORT, endpoint->port);
	} else {
		nl_put_u32(nl, IPVS_SVC_ATTR_FWMARK, service->fwmark);
	}
	nl_nest_end(nl, nest);
}

static int see_service(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *table[IPVS_CMD_ATTR_MAX + 1];
	const struct nlattr *service[IPVS_SVC_ATTR_MAX + 1];
	struct ipvs *ipvs = data;
	struct ip_vs_flags flags = {};
	const struct nlattr *attr;
	const char *name;

	nl_attributes(message, table, IPVS_CMD_ATTR_MAX);
	nl_nested(table[IPVS_CMD_ATTR_SERVICE], service, IPVS_SVC_ATTR_MAX);
	name = nl_string(service[IPVS_SVC_ATTR_SCHED_NAME]);
	snprintf(ipvs->scheduler, sizeof(ipvs->scheduler), "%s",
		 name ? name : "none");
	attr = service[IPVS_SVC_ATTR_FLAGS];
	if (attr && mnl_attr_get_payload_len(attr) >= sizeof(flags))
		memcpy(&flags, mnl_attr_get_payload(attr), sizeof(flags));
	ipvs->one_packet = flags.flags & IP_VS_SVC_F_ONEPACKET;
	return 0;
}

static int see_server(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *table[IPVS_CMD_ATTR_MAX + 1];
	const struct nlattr *server[IPVS_DEST_ATTR_MAX + 1];
	struct ipvs *ipvs = data;
	uint32_t method;

	nl_attributes(message, table, IPVS_CMD_ATTR_MAX);
	nl_nested(table[IPVS_CMD_ATTR_DEST], server, IPVS_DEST_ATTR_MAX);
	if (!server[IPVS_DEST_ATTR_FWD_METHOD])
		return 0;
	method = nl_number(server[IPVS_DEST_ATTR_FWD_METHOD]);
	ipvs->real_servers++;
	if ((method & IP_VS_CONN_F_FWD_MASK) == IP_VS_CONN_F_MASQ)
		ipvs->masquerading++;
	return 0;
}

/**
 * ipvs_look() - see what IPVS has for a service
 * @nl: a socket of IPVS's family
 * @service: which
 * @ipvs: where it goes; state IPVS_UNKNOWN if IPVS does not tell
 */
void ipvs_look(struct nl *nl, const struct service *service, struct ipvs *ipvs)
{
	int error;

	memset(ipvs, 0, sizeof(*ipvs));
	nl_request(nl, IPVS_CMD_GET_SERVICE, 0);
	put_key(nl, service);
	error = nl_run(nl, see_service, ipvs);
	if (error == -ESRCH)
		ipvs->state = IPVS_NO_SERVICE;
	if (error)
		return;
	nl_request(nl, IPVS_CMD_GET_DEST, NLM_F_DUMP);
	put_key(nl, service);
	if (nl_run(nl, see_server, ipvs))
		return;
	if (ipvs->one_packet)
		ipvs->state = IPVS_ONE_PACKET;
	else if (!ipvs->masquerading)
		ipvs->state = IPVS_NO_MASQUERADING;
	else
		ipvs->state = IPVS_READY;
}

/** ipvs_state_name() - a word for programs */
const char *ipvs_state_name(enum ipvs_state state)
{
	static const char *const names[] = {
		[IPVS_UNKNOWN] = "unknown",
		[IPVS_NO_SERVICE] = "no-service",
		[IPVS_ONE_PACKET] = "one-packet",
		[IPVS_NO_MASQUERADING] = "no-masquerading",
		[IPVS_READY] = "ready",
	};

	return names[state];
}
