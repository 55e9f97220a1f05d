// SPDX-License-Identifier: GPL-2.0
/* fnatctl stats: what was counted, for services and for local addresses. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract.h"
#include "output.h"
#include "stats.h"
#include "verbs.h"

/** counter_key() - a counter's name where there can be no dash */
char *counter_key(const char *name, char *text)
{
	char *c = text;

	do {
		*c++ = *name == '-' ? '_' : *name;
	} while (*name++);
	return text;
}

static void read_counter(const struct nlattr *nest, struct stats *stats)
{
	const struct nlattr *table[IPVS_FULLNAT_A_VALUE_MAX + 1];
	uint64_t id;

	nl_nested(nest, table, IPVS_FULLNAT_A_VALUE_MAX);
	id = nl_number(table[IPVS_FULLNAT_A_VALUE_ID]);
	if (!table[IPVS_FULLNAT_A_VALUE_VALUE] || id >= COUNTERS)
		return;
	stats->has[id] = true;
	stats->value[id] = nl_number(table[IPVS_FULLNAT_A_VALUE_VALUE]);
}

static bool read_stats(const struct nlmsghdr *message, struct stats *stats)
{
	const struct nlattr *table[IPVS_FULLNAT_A_STATS_MAX + 1], *attr;

	memset(stats, 0, sizeof(*stats));
	nl_attributes(message, table, IPVS_FULLNAT_A_STATS_MAX);
	stats->of_laddr = nl_address(table[IPVS_FULLNAT_A_STATS_LADDR],
				     &stats->laddr);
	if (!get_service(table[IPVS_FULLNAT_A_STATS_SERVICE],
			 &stats->service) && !stats->of_laddr)
		return false;
	stats->sessions = nl_number(table[IPVS_FULLNAT_A_STATS_SESSIONS]);
	mnl_attr_for_each(attr, message, GENL_HDRLEN)
		if (mnl_attr_get_type(attr) == IPVS_FULLNAT_A_STATS_COUNTER)
			read_counter(attr, stats);
	return true;
}

static int in_order(const void *a, const void *b)
{
	const struct stats *x = a, *y = b;

	if (x->of_laddr != y->of_laddr)
		return x->of_laddr ? 1 : -1;
	if (x->of_laddr)
		return address_compare(&x->laddr, &y->laddr);
	return service_compare(&x->service, &y->service);
}

static int read_all(const struct nl_messages *messages, struct stats_list *list)
{
	size_t i;

	list->stats = calloc(messages->count + 1, sizeof(*list->stats));
	if (!list->stats)
		return -ENOMEM;
	for (i = 0; i < messages->count; i++)
		if (read_stats(messages->message[i],
			       &list->stats[list->count]))
			list->count++;
	qsort(list->stats, list->count, sizeof(*list->stats), in_order);
	return 0;
}

static int load(struct nl *nl, const struct service *service,
		struct stats_list *list)
{
	struct nl_messages messages = {};
	int status = DONE;

	nl_request(nl, IPVS_FULLNAT_CMD_STATS_GET, service ? 0 : NLM_F_DUMP);
	if (service)
		put_service(nl, IPVS_FULLNAT_A_STATS_SERVICE, service);
	if (nl_collect(nl, &messages)) {
		status = fnat_refused(nl);
	} else if (read_all(&messages, list)) {
		complain("out of memory");
		status = REFUSED;
	} else if (nl->interrupted) {
		complain("services came and went: some may be missing or listed twice");
	}
	nl_free(&messages);
	return status;
}

static void show_text(const struct stats *stats)
{
	char text[SERVICE_TEXT];
	int i;

	if (stats->of_laddr)
		printf("laddr %s\n", address_text(&stats->laddr, text));
	else
		puts(service_text(&stats->service, text));
	printf("  %-16s %20u\n", "sessions", stats->sessions);
	for (i = 0; i < COUNTERS; i++)
		if (stats->has[i])
			printf("  %-16s %20ju\n", counters[i].name,
			       (uintmax_t)stats->value[i]);
}

static void show_json(const struct stats *stats)
{
	char key[COUNTER_TEXT];
	int i;

	json_object(NULL);
	if (stats->of_laddr) {
		json_null("service");
		json_address("laddr", &stats->laddr);
	} else {
		json_service("service", &stats->service);
		json_null("laddr");
	}
	json_number("sessions", stats->sessions);
	json_object("counters");
	for (i = 0; i < COUNTERS; i++)
		if (stats->has[i])
			json_number(counter_key(counters[i].name, key),
				    stats->value[i]);
	json_close();
	json_close();
}

static void show_all(const struct stats_list *list, bool as_json)
{
	size_t i;

	if (as_json)
		json_begin();
	for (i = 0; i < list->count && !output_failed(); i++) {
		if (as_json)
			show_json(&list->stats[i]);
		else
			show_text(&list->stats[i]);
	}
	json_end();
}

int stats_show(const struct args *args)
{
	const struct service *service = service_given(args);
	struct stats_list list = {};
	struct nl nl;
	int status;

	status = fnat_open(&nl);
	if (!status)
		status = load(&nl, service, &list);
	if (!status && args->given & HAS_PROMETHEUS)
		status = prometheus(&nl, service, &list);
	else if (!status)
		show_all(&list, args->given & HAS_JSON);
	free(list.stats);
	nl_close(&nl);
	return status;
}

static void fill(struct nl *nl, const struct args *args)
{
	if (args->given & HAS_SERVICE)
		put_service(nl, IPVS_FULLNAT_A_STATS_SERVICE, &args->service);
}

int stats_reset(const struct args *args)
{
	return fnat_command(IPVS_FULLNAT_CMD_STATS_RESET, args, fill);
}
