// SPDX-License-Identifier: GPL-2.0
/*
 * The policies that there are. The kernel tells of policies and of their local
 * addresses in two dumps; both name the generation that they are of, and if it
 * is not the same they are taken again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract.h"
#include "output.h"
#include "policy.h"

#define TRIES	16

static void read_ports(const struct nlmsghdr *message, struct ports *ports)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, GENL_HDRLEN) {
		if (mnl_attr_get_type(attr) != IPVS_FULLNAT_A_POLICY_PORTS ||
		    ports->ranges == PORT_RANGES)
			continue;
		if (get_port_range(attr, &ports->range[ports->ranges]))
			ports->ranges++;
	}
}

/**
 * policy_read() - a policy as the kernel tells it, without its addresses
 * @message: of service-get, or an event of the same form
 * @policy: where it goes
 *
 * Return: false if it is none
 */
bool policy_read(const struct nlmsghdr *message, struct policy *policy)
{
	const struct nlattr *table[IPVS_FULLNAT_A_POLICY_MAX + 1];

	memset(policy, 0, sizeof(*policy));
	nl_attributes(message, table, IPVS_FULLNAT_A_POLICY_MAX);
	if (!get_service(table[IPVS_FULLNAT_A_POLICY_SERVICE],
			 &policy->service))
		return false;
	read_ports(message, &policy->ports);
	policy->default_ports = table[IPVS_FULLNAT_A_POLICY_DEFAULT_PORTS];
	policy->has_udp_timeout = table[IPVS_FULLNAT_A_POLICY_UDP_TIMEOUT];
	policy->udp_timeout =
		nl_number(table[IPVS_FULLNAT_A_POLICY_UDP_TIMEOUT]);
	policy->has_adjust = table[IPVS_FULLNAT_A_POLICY_ADJUST];
	policy->adjust = nl_number(table[IPVS_FULLNAT_A_POLICY_ADJUST]);
	policy->sessions = nl_number(table[IPVS_FULLNAT_A_POLICY_SESSIONS]);
	policy->generation = nl_number(table[IPVS_FULLNAT_A_POLICY_GENERATION]);
	return true;
}

static int by_service(const void *a, const void *b)
{
	const struct policy *x = a, *y = b;

	return service_compare(&x->service, &y->service);
}

static int by_address(const void *a, const void *b)
{
	const struct laddr *x = a, *y = b;

	return address_compare(&x->address, &y->address);
}

/* The policy that an address is of; NULL if it is of none that we know. */
static struct policy *find(const struct policies *policies,
			   const struct service *service)
{
	struct policy key = { .service = *service };

	if (!policies->policies)
		return NULL;
	return bsearch(&key, policies->policy, policies->policies,
		       sizeof(key), by_service);
}

static int add_laddr(struct policy *policy, const struct nlattr **table)
{
	struct laddr *laddr;

	laddr = realloc(policy->laddr, (policy->laddrs + 1) * sizeof(*laddr));
	if (!laddr)
		return -ENOMEM;
	policy->laddr = laddr;
	laddr += policy->laddrs++;
	nl_address(table[IPVS_FULLNAT_A_LADDR_ADDR], &laddr->address);
	laddr->draining = table[IPVS_FULLNAT_A_LADDR_DRAINING];
	laddr->sessions = nl_number(table[IPVS_FULLNAT_A_LADDR_SESSIONS]);
	laddr->limit = nl_number(table[IPVS_FULLNAT_A_LADDR_LIMIT]);
	laddr->used = nl_number(table[IPVS_FULLNAT_A_LADDR_USED]);
	laddr->no_port = nl_number(table[IPVS_FULLNAT_A_LADDR_NO_PORT]);
	policy->draining += laddr->draining;
	return 0;
}

/* Return: 0, -EAGAIN if it is not of the policies' moment, -ENOMEM */
static int read_laddr(const struct nlmsghdr *message, struct policies *policies)
{
	const struct nlattr *table[IPVS_FULLNAT_A_LADDR_MAX + 1];
	struct service service;
	struct policy *policy;

	nl_attributes(message, table, IPVS_FULLNAT_A_LADDR_MAX);
	if (!get_service(table[IPVS_FULLNAT_A_LADDR_SERVICE], &service))
		return 0;
	policy = find(policies, &service);
	if (!policy || policy->generation !=
	    nl_number(table[IPVS_FULLNAT_A_LADDR_GENERATION]))
		return -EAGAIN;
	return add_laddr(policy, table);
}

static int read_all(const struct nl_messages *services,
		    const struct nl_messages *laddrs, struct policies *policies)
{
	struct policy *policy;
	int error = 0;
	size_t i;

	policies->policy = calloc(services->count + 1, sizeof(*policy));
	if (!policies->policy)
		return -ENOMEM;
	for (i = 0; i < services->count; i++) {
		policy = &policies->policy[policies->policies];
		if (policy_read(services->message[i], policy))
			policies->policies++;
	}
	qsort(policies->policy, policies->policies, sizeof(*policy),
	      by_service);
	for (i = 0; i < laddrs->count && !error; i++)
		error = read_laddr(laddrs->message[i], policies);
	for (i = 0; i < policies->policies; i++) {
		policy = &policies->policy[i];
		if (!policy->laddrs)
			return error ? error : -EAGAIN;
		qsort(policy->laddr, policy->laddrs, sizeof(*policy->laddr),
		      by_address);
	}
	return error;
}

/* @service: NULL for all */
static int ask(struct nl *nl, uint8_t command, uint16_t flags, uint16_t type,
	       const struct service *service, struct nl_messages *messages)
{
	nl_request(nl, command, flags);
	if (service)
		put_service(nl, type, service);
	return nl_collect(nl, messages);
}

static int load(struct nl *nl, const struct service *service,
		struct policies *policies)
{
	struct nl_messages services = {}, laddrs = {};
	int error;

	error = ask(nl, IPVS_FULLNAT_CMD_SERVICE_GET, service ? 0 : NLM_F_DUMP,
		    IPVS_FULLNAT_A_POLICY_SERVICE, service, &services);
	if (!error)
		error = ask(nl, IPVS_FULLNAT_CMD_LADDR_GET, NLM_F_DUMP,
			    IPVS_FULLNAT_A_LADDR_SERVICE, service, &laddrs);
	if (!error)
		error = read_all(&services, &laddrs, policies);
	nl_free(&services);
	nl_free(&laddrs);
	return error;
}

/**
 * policies_load() - ask the kernel
 * @nl: an open socket
 * @service: of which there is a policy; NULL: all, in the order of services
 * @policies: where they go; policies_free() them, whatever is returned
 *
 * Return: DONE, or REFUSED after saying so
 */
int policies_load(struct nl *nl, const struct service *service,
		  struct policies *policies)
{
	int tries = TRIES, error;

	memset(policies, 0, sizeof(*policies));
	do {
		policies_free(policies);
		error = load(nl, service, policies);
	} while (error == -EAGAIN && --tries);
	if (!error)
		return DONE;
	if (error == -EAGAIN)
		complain("policies change too fast to be read: try again");
	else if (error == -ENOMEM && !*nl->error)
		complain("out of memory");
	else
		complain("%s", nl->error);
	return REFUSED;
}

void policies_free(struct policies *policies)
{
	while (policies->policies)
		free(policies->policy[--policies->policies].laddr);
	free(policies->policy);
	policies->policy = NULL;
}

/**
 * policies_show() - load policies and show them
 * @service: the one of this service alone; NULL: all
 * @as_json: as a document
 * @show: shows them
 *
 * Return: the exit status
 */
int policies_show(const struct service *service, bool as_json,
		  void (*show)(const struct policies *policies, bool as_json))
{
	struct policies policies = {};
	struct nl nl;
	int status;

	status = fnat_open(&nl);
	if (!status)
		status = policies_load(&nl, service, &policies);
	if (!status) {
		if (as_json)
			json_begin();
		show(&policies, as_json);
		json_end();
	}
	policies_free(&policies);
	nl_close(&nl);
	return status;
}

/* The address ends the run that it is in. */
static bool run_ends(const struct policy *policy, size_t i, bool draining_alone)
{
	const struct laddr *laddr = &policy->laddr[i];
	struct address next;

	return i + 1 == policy->laddrs ||
	       (draining_alone && !laddr[1].draining) ||
	       !address_next(&laddr->address, &next) ||
	       address_compare(&next, &laddr[1].address);
}

/**
 * pool_text() - a policy's addresses as a list, short by means of ranges
 * @policy: the policy
 * @draining_alone: only those that drain
 *
 * Return: a string, to be freed; NULL if memory is short
 */
char *pool_text(const struct policy *policy, bool draining_alone)
{
	struct range range = {};
	char text[RANGE_TEXT], *list = NULL;
	bool open = false;
	size_t i, size;
	FILE *out = open_memstream(&list, &size);

	if (!out)
		return NULL;
	for (i = 0; i < policy->laddrs; i++) {
		if (draining_alone && !policy->laddr[i].draining)
			continue;
		if (!open)
			range.first = policy->laddr[i].address;
		range.last = policy->laddr[i].address;
		open = !run_ends(policy, i, draining_alone);
		if (!open)
			fprintf(out, "%s%s", ftell(out) ? "," : "",
				range_text(&range, text));
	}
	fclose(out);
	return list;
}

/** policy_settings_json() - the same keys for every kind of service */
void policy_settings_json(const struct policy *policy)
{
	json_ports("ports", &policy->ports);
	json_bool("default_ports", policy->default_ports);
	if (policy->has_udp_timeout)
		json_number("udp_timeout", policy->udp_timeout);
	else
		json_null("udp_timeout");
	if (policy->has_adjust)
		json_bool("adjust", policy->adjust);
	else
		json_null("adjust");
}

/** ports_text() - ranges of ports; @text holds PORTS_TEXT bytes */
char *ports_text(const struct ports *ports, char *text)
{
	char *end = text;
	unsigned int i;

	*end = '\0';
	for (i = 0; i < ports->ranges; i++)
		end += sprintf(end, "%s%u-%u", i ? "," : "",
			       ports->range[i].first, ports->range[i].last);
	return text;
}
