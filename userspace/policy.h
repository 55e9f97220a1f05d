/* SPDX-License-Identifier: GPL-2.0 */
/* The policies that there are, and their local addresses, all of one moment. */
#ifndef FNATCTL_POLICY_H
#define FNATCTL_POLICY_H

#include "nl.h"
#include "parse.h"

/* A local address in the pool of a policy.
 *
 * @draining: it takes no new sessions
 * @sessions: that live, of all policies
 * @limit: ports of the policy's ranges
 * @used: those of them in use with the real server that uses most of them
 * @no_port: connections that found every port in use
 */
struct laddr {
	struct address address;
	bool draining;
	uint32_t sessions;
	uint32_t limit;
	uint32_t used;
	uint64_t no_port;
};

/* @ports: also if they are the default ones, which @default_ports says
 * @has_udp_timeout, @has_adjust: they make sense for the service
 */
struct policy {
	struct service service;
	struct ports ports;
	bool default_ports;
	bool has_udp_timeout;
	uint32_t udp_timeout;
	bool has_adjust;
	bool adjust;
	uint32_t sessions;
	struct laddr *laddr;
	size_t laddrs;
	size_t draining;
	uint32_t generation;
};

struct policies {
	struct policy *policy;
	size_t policies;
};

int policies_load(struct nl *nl, const struct service *service,
		  struct policies *policies);
void policies_free(struct policies *policies);
int policies_show(const struct service *service, bool as_json,
		  void (*show)(const struct policies *policies, bool as_json));
bool policy_read(const struct nlmsghdr *message, struct policy *policy);

char *pool_text(const struct policy *policy, bool draining_alone);
void policy_settings_json(const struct policy *policy);
char *ports_text(const struct ports *ports, char *text);

#define PORTS_TEXT	(PORT_RANGES * sizeof("65535-65535"))

#endif
