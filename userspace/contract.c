// SPDX-License-Identifier: GPL-2.0
/* The attribute sets that several commands share. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "contract.h"
#include "output.h"

/**
 * fnat_open() - reach the module, which the kernel loads if it is installed
 * @nl: nl_close() it, whatever is returned
 *
 * Return: DONE, or REFUSED after saying so
 */
int fnat_open(struct nl *nl)
{
	int error = nl_open(nl, IPVS_FULLNAT_FAMILY_NAME);

	if (error == -ENOENT)
		complain("the kernel has no FULLNAT: modprobe ip_vs_fullnat");
	else if (error)
		complain("%s", nl->error);
	return error ? REFUSED : DONE;
}

/** fnat_refused() - print why a request failed; returns REFUSED */
int fnat_refused(const struct nl *nl)
{
	complain("%s", nl->error);
	return REFUSED;
}

/**
 * fnat_command() - a request that is answered by success or a refusal
 * @command: of the contract
 * @args: the words
 * @fill: writes the request's attributes
 *
 * Return: the exit status
 */
int fnat_command(uint8_t command, const struct args *args,
		 void (*fill)(struct nl *nl, const struct args *args))
{
	struct nl nl;
	int status = fnat_open(&nl);

	if (!status) {
		nl_request(&nl, command, 0);
		fill(&nl, args);
		if (nl_run(&nl, NULL, NULL))
			status = fnat_refused(&nl);
	}
	nl_close(&nl);
	return status;
}

/** put_service() - which service; @type: of the nest */
void put_service(struct nl *nl, uint16_t type, const struct service *service)
{
	const struct endpoint *endpoint = &service->endpoint;
	size_t nest = nl_nest(nl, type);

	if (service->protocol) {
		nl_put_u8(nl, IPVS_FULLNAT_A_SERVICE_PROTOCOL,
			  service->protocol);
		nl_put_address(nl, IPVS_FULLNAT_A_SERVICE_ADDR,
			       &endpoint->address);
		nl_put_be16(nl, IPVS_FULLNAT_A_SERVICE_PORT, endpoint->port);
	} else {
		nl_put_u8(nl, IPVS_FULLNAT_A_SERVICE_AF,
			  endpoint->address.family);
		nl_put_u32(nl, IPVS_FULLNAT_A_SERVICE_FWMARK, service->fwmark);
	}
	nl_nest_end(nl, nest);
}

/** put_endpoint() - an address and, unless it is 0, a port */
void put_endpoint(struct nl *nl, uint16_t type, const struct endpoint *endpoint)
{
	size_t nest = nl_nest(nl, type);

	nl_put_address(nl, IPVS_FULLNAT_A_ENDPOINT_ADDR, &endpoint->address);
	if (endpoint->port)
		nl_put_be16(nl, IPVS_FULLNAT_A_ENDPOINT_PORT, endpoint->port);
	nl_nest_end(nl, nest);
}

/** put_range() - local addresses */
void put_range(struct nl *nl, uint16_t type, const struct range *range,
	       bool draining)
{
	size_t nest = nl_nest(nl, type);

	nl_put_address(nl, IPVS_FULLNAT_A_LADDRS_ADDR, &range->first);
	if (range->prefix)
		nl_put_u8(nl, IPVS_FULLNAT_A_LADDRS_PREFIX_LEN, range->length);
	else if (address_compare(&range->first, &range->last))
		nl_put_address(nl, IPVS_FULLNAT_A_LADDRS_LAST_ADDR,
			       &range->last);
	if (draining)
		nl_put(nl, IPVS_FULLNAT_A_LADDRS_DRAINING, NULL, 0);
	nl_nest_end(nl, nest);
}

/**
 * put_list() - local addresses, each word of the list in a nest of its own
 * @nl: the request
 * @type: of the nests
 * @list: the addresses
 *
 * A refusal is about one of the words, which is marked with it.
 */
void put_list(struct nl *nl, uint16_t type, const struct list *list)
{
	char text[RANGE_TEXT];
	size_t i;

	for (i = 0; i < list->ranges; i++) {
		nl_mark(nl, 0, range_text(&list->range[i], text),
			&list->range[i].first);
		put_range(nl, type, &list->range[i], false);
	}
	nl_mark(nl, 0, NULL, NULL);
}

/* Those of a policy, or that they are the default ones. */
static void put_ports(struct nl *nl, const struct ports *ports)
{
	unsigned int i;

	if (!ports->ranges)
		nl_put(nl, IPVS_FULLNAT_A_POLICY_DEFAULT_PORTS, NULL, 0);
	for (i = 0; i < ports->ranges; i++) {
		size_t nest = nl_nest(nl, IPVS_FULLNAT_A_POLICY_PORTS);

		nl_put_be16(nl, IPVS_FULLNAT_A_PORTS_FIRST,
			    ports->range[i].first);
		nl_put_be16(nl, IPVS_FULLNAT_A_PORTS_LAST,
			    ports->range[i].last);
		nl_nest_end(nl, nest);
	}
}

/** put_settings() - what is given of a policy besides its addresses */
void put_settings(struct nl *nl, const struct args *args)
{
	if (args->given & HAS_PORTS)
		put_ports(nl, &args->ports);
	if (args->given & HAS_UDP_TIMEOUT)
		nl_put_u32(nl, IPVS_FULLNAT_A_POLICY_UDP_TIMEOUT,
			   args->udp_timeout);
	if (args->given & HAS_ADJUST)
		nl_put_u8(nl, IPVS_FULLNAT_A_POLICY_ADJUST, args->adjust);
}

/** get_service() - false if it is not there, or makes no sense */
bool get_service(const struct nlattr *nest, struct service *service)
{
	const struct nlattr *table[IPVS_FULLNAT_A_SERVICE_MAX + 1];
	struct endpoint *endpoint = &service->endpoint;

	memset(service, 0, sizeof(*service));
	nl_nested(nest, table, IPVS_FULLNAT_A_SERVICE_MAX);
	if (table[IPVS_FULLNAT_A_SERVICE_FWMARK]) {
		service->fwmark =
			nl_number(table[IPVS_FULLNAT_A_SERVICE_FWMARK]);
		endpoint->address.family =
			nl_number(table[IPVS_FULLNAT_A_SERVICE_AF]);
		return true;
	}
	service->protocol = nl_number(table[IPVS_FULLNAT_A_SERVICE_PROTOCOL]);
	endpoint->port = nl_port(table[IPVS_FULLNAT_A_SERVICE_PORT]);
	return service->protocol &&
	       nl_address(table[IPVS_FULLNAT_A_SERVICE_ADDR],
			  &endpoint->address);
}

/** get_endpoint() - false if it is not there */
bool get_endpoint(const struct nlattr *nest, struct endpoint *endpoint)
{
	const struct nlattr *table[IPVS_FULLNAT_A_ENDPOINT_MAX + 1];

	nl_nested(nest, table, IPVS_FULLNAT_A_ENDPOINT_MAX);
	endpoint->port = nl_port(table[IPVS_FULLNAT_A_ENDPOINT_PORT]);
	return nl_address(table[IPVS_FULLNAT_A_ENDPOINT_ADDR],
			  &endpoint->address);
}

/** get_range() - false if it is not there */
bool get_range(const struct nlattr *nest, struct range *range)
{
	const struct nlattr *table[IPVS_FULLNAT_A_LADDRS_MAX + 1];

	memset(range, 0, sizeof(*range));
	nl_nested(nest, table, IPVS_FULLNAT_A_LADDRS_MAX);
	if (!nl_address(table[IPVS_FULLNAT_A_LADDRS_ADDR], &range->first))
		return false;
	if (!nl_address(table[IPVS_FULLNAT_A_LADDRS_LAST_ADDR], &range->last))
		range->last = range->first;
	range->prefix = table[IPVS_FULLNAT_A_LADDRS_PREFIX_LEN];
	range->length = nl_number(table[IPVS_FULLNAT_A_LADDRS_PREFIX_LEN]);
	return true;
}

/** get_port_range() - false if it is not there */
bool get_port_range(const struct nlattr *nest, struct port_range *range)
{
	const struct nlattr *table[IPVS_FULLNAT_A_PORTS_MAX + 1];

	nl_nested(nest, table, IPVS_FULLNAT_A_PORTS_MAX);
	range->first = nl_port(table[IPVS_FULLNAT_A_PORTS_FIRST]);
	range->last = range->first;
	if (table[IPVS_FULLNAT_A_PORTS_LAST])
		range->last = nl_port(table[IPVS_FULLNAT_A_PORTS_LAST]);
	return range->first;
}
