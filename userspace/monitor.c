// SPDX-License-Identifier: GPL-2.0
/*
 * fnatctl monitor: a line for each change of a policy and for each pool that is
 * exhausted, as it happens. With --json each line is a document.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "contract.h"
#include "output.h"
#include "policy.h"
#include "verbs.h"

#define TIME_TEXT	32

static bool as_json;

static const char *event_name(uint8_t command)
{
	switch (command) {
	case IPVS_FULLNAT_CMD_SERVICE_ADD_NTF:
		return "service-add";
	case IPVS_FULLNAT_CMD_SERVICE_SET_NTF:
		return "service-set";
	case IPVS_FULLNAT_CMD_SERVICE_DEL_NTF:
		return "service-del";
	case IPVS_FULLNAT_CMD_LADDR_ADD_NTF:
		return "laddr-add";
	case IPVS_FULLNAT_CMD_LADDR_DRAIN_NTF:
		return "laddr-drain";
	case IPVS_FULLNAT_CMD_LADDR_DEL_NTF:
		return "laddr-del";
	case IPVS_FULLNAT_CMD_EXHAUSTED_NTF:
		return "exhausted";
	default:
		return NULL;
	}
}

static const char *time_text(char *text)
{
	struct timespec now;
	struct tm utc;
	size_t length;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	length = strftime(text, TIME_TEXT, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(text + length, TIME_TEXT - length, ".%03uZ",
		 (unsigned int)(now.tv_nsec / 1000000 % 1000));
	return text;
}

static void begin(const char *event)
{
	char text[TIME_TEXT];

	if (as_json) {
		json_object(NULL);
		json_string("time", time_text(text));
		json_string("event", event);
	} else {
		printf("%s %s", time_text(text), event);
	}
}

static void end(void)
{
	if (as_json)
		json_close();
	else
		putchar('\n');
	fflush(stdout);
}

static void show_service(const struct nlattr *nest)
{
	char text[SERVICE_TEXT];
	struct service service;

	if (!get_service(nest, &service))
		return;
	if (as_json)
		json_service("service", &service);
	else
		printf(" %s", service_text(&service, text));
}

/* What a service has now; its addresses are not in it. */
static void show_policy(const struct nlmsghdr *message)
{
	struct policy policy;
	char text[PORTS_TEXT];

	if (!policy_read(message, &policy))
		return;
	if (as_json) {
		policy_settings_json(&policy);
		return;
	}
	printf(" ports %s", ports_text(&policy.ports, text));
	if (policy.has_udp_timeout)
		printf(" udp-timeout %u", policy.udp_timeout);
	if (policy.has_adjust)
		printf(" adjust %s", policy.adjust ? "on" : "off");
}

static void show_pool(const struct nlmsghdr *message)
{
	const struct nlattr *attr;
	const char *before = " laddr ";
	char text[RANGE_TEXT];
	struct range range;

	if (as_json)
		json_array("laddr");
	mnl_attr_for_each(attr, message, GENL_HDRLEN) {
		if (mnl_attr_get_type(attr) != IPVS_FULLNAT_A_POLICY_LADDR ||
		    !get_range(attr, &range))
			continue;
		if (as_json)
			json_string(NULL, range_text(&range, text));
		else
			printf("%s%s", before, range_text(&range, text));
		before = ",";
	}
	if (as_json)
		json_close();
}

static void show_exhausted(const struct nlmsghdr *message)
{
	const struct nlattr *table[IPVS_FULLNAT_A_LADDR_MAX + 1];

	nl_attributes(message, table, IPVS_FULLNAT_A_LADDR_MAX);
	show_service(table[IPVS_FULLNAT_A_LADDR_SERVICE]);
}

static void show_change(const struct nlmsghdr *message, uint8_t command)
{
	const struct nlattr *table[IPVS_FULLNAT_A_POLICY_MAX + 1];

	nl_attributes(message, table, IPVS_FULLNAT_A_POLICY_MAX);
	show_service(table[IPVS_FULLNAT_A_POLICY_SERVICE]);
	switch (command) {
	case IPVS_FULLNAT_CMD_SERVICE_ADD_NTF:
	case IPVS_FULLNAT_CMD_SERVICE_SET_NTF:
		show_policy(message);
		break;
	case IPVS_FULLNAT_CMD_SERVICE_DEL_NTF:
		break;
	default:
		show_pool(message);
	}
}

static int show_event(const struct nlmsghdr *message, void *data)
{
	uint8_t command = nl_command(message);
	const char *name = event_name(command);

	(void)data;
	if (!name)
		return 0;
	begin(name);
	if (command == IPVS_FULLNAT_CMD_EXHAUSTED_NTF)
		show_exhausted(message);
	else
		show_change(message, command);
	end();
	return output_failed();
}

static void show_lost(void)
{
	begin("lost");
	end();
}

int monitor(const struct args *args)
{
	struct nl nl;
	int status;

	as_json = args->given & HAS_JSON;
	json_lines();
	status = fnat_open(&nl);
	if (!status && nl_listen(&nl, show_event, show_lost, NULL))
		status = fnat_refused(&nl);
	nl_close(&nl);
	return status;
}
