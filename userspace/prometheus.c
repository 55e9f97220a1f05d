// SPDX-License-Identifier: GPL-2.0
/*
 * fnatctl stats show --prometheus: the text format of Prometheus, as the node
 * exporter's textfile collector reads it.
 *
 * The labels are those of services and of local addresses, which people
 * configure; nothing that traffic brings makes a series. A service's labels are
 * always the same three, which no two services share.
 */
#include <stdio.h>

#include "output.h"
#include "policy.h"
#include "stats.h"

#define PREFIX "ipvs_fullnat_"

static void put_escaped(const char *text, bool quotes)
{
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", stdout);
		else if (*text == '\\' || (quotes && *text == '"'))
			printf("\\%c", *text);
		else
			putchar(*text);
	}
}

static void put_head(const char *name, const char *suffix, const char *type,
		     const char *help)
{
	char key[COUNTER_TEXT];

	printf("# HELP " PREFIX "%s%s ", counter_key(name, key), suffix);
	put_escaped(help, false);
	printf("\n# TYPE " PREFIX "%s%s %s\n", key, suffix, type);
}

static void put_label(const char *before, const char *name, const char *value)
{
	printf("%s%s=\"", before, name);
	put_escaped(value, true);
	putchar('"');
}

static void put_service_labels(const struct service *service)
{
	bool six = service->endpoint.address.family == AF_INET6;
	char text[ENDPOINT_TEXT];

	if (service->protocol)
		endpoint_text(&service->endpoint, text);
	else
		snprintf(text, sizeof(text), "%u", service->fwmark);
	put_label("{", "protocol", protocol_name(service->protocol));
	put_label(",", "family", six ? "ipv6" : "ipv4");
	put_label(",", "service", text);
	putchar('}');
}

static void put_sample(const char *name, const char *suffix,
		       const struct stats *stats, uint64_t value)
{
	char text[ADDRESS_TEXT], key[COUNTER_TEXT];

	printf(PREFIX "%s%s", counter_key(name, key), suffix);
	if (stats->of_laddr) {
		put_label("{", "laddr", address_text(&stats->laddr, text));
		putchar('}');
	} else {
		put_service_labels(&stats->service);
	}
	printf(" %ju\n", (uintmax_t)value);
}

static void put_counter(const struct stats_list *list, bool of_laddr, int i)
{
	char name[COUNTER_TEXT];
	bool head = false;
	size_t j;

	snprintf(name, sizeof(name), "%s-%s", of_laddr ? "laddr" : "service",
		 counters[i].name);
	for (j = 0; j < list->count; j++) {
		if (list->stats[j].of_laddr != of_laddr ||
		    !list->stats[j].has[i])
			continue;
		if (!head)
			put_head(name, "_total", "counter", counters[i].help);
		head = true;
		put_sample(name, "_total", &list->stats[j],
			   list->stats[j].value[i]);
	}
}

static void put_sessions(const struct stats_list *list, bool of_laddr)
{
	const char *name = of_laddr ? "laddr-sessions" : "service-sessions";
	size_t i;

	put_head(name, "", "gauge", "sessions that live");
	for (i = 0; i < list->count; i++)
		if (list->stats[i].of_laddr == of_laddr)
			put_sample(name, "", &list->stats[i],
				   list->stats[i].sessions);
}

/* Of a service, over its addresses. Those that drain take no new sessions, and
 * so their ports are not there to be used.
 */
enum gauge { LADDRS, DRAINING, PORTS_USED, PORTS_LIMIT, GAUGES };

static uint64_t gauge(const struct policy *policy, enum gauge gauge)
{
	uint64_t used = 0, limit = 0;
	size_t i;

	for (i = 0; i < policy->laddrs; i++) {
		if (policy->laddr[i].draining)
			continue;
		used += policy->laddr[i].used;
		limit += policy->laddr[i].limit;
	}
	switch (gauge) {
	case LADDRS:
		return policy->laddrs;
	case DRAINING:
		return policy->draining;
	case PORTS_USED:
		return used;
	default:
		return limit;
	}
}

static void put_gauge(const struct policies *policies, enum gauge which)
{
	static const struct counter gauges[GAUGES] = {
		[LADDRS] = {
			"service-laddrs", "local addresses in the pool" },
		[DRAINING] = {
			"service-laddrs-draining",
			"local addresses in the pool that drain" },
		[PORTS_USED] = {
			"service-ports-used",
			"ports in use with the real server that uses most" },
		[PORTS_LIMIT] = {
			"service-ports-limit",
			"ports that one real server can use" },
	};
	const struct policy *policy = policies->policy;
	char key[COUNTER_TEXT];
	size_t i;

	put_head(gauges[which].name, "", "gauge", gauges[which].help);
	for (i = 0; i < policies->policies; i++, policy++) {
		printf(PREFIX "%s", counter_key(gauges[which].name, key));
		put_service_labels(&policy->service);
		printf(" %ju\n", (uintmax_t)gauge(policy, which));
	}
}

/**
 * prometheus() - print it all
 * @nl: an open socket
 * @service: of which alone; NULL: of all
 * @list: the counters
 *
 * Return: the exit status; nothing is printed unless it is DONE
 */
int prometheus(struct nl *nl, const struct service *service,
	       const struct stats_list *list)
{
	struct policies policies;
	int status, i;

	status = policies_load(nl, service, &policies);
	if (!status) {
		put_sessions(list, false);
		for (i = 0; i < GAUGES; i++)
			put_gauge(&policies, i);
		for (i = 0; i < COUNTERS; i++)
			put_counter(list, false, i);
		put_sessions(list, true);
		for (i = 0; i < COUNTERS; i++)
			put_counter(list, true, i);
	}
	policies_free(&policies);
	return status;
}
