// SPDX-License-Identifier: GPL-2.0
/* fnatctl service: policies of virtual services. */
#include <stdio.h>
#include <stdlib.h>

#include "contract.h"
#include "ipvs.h"
#include "output.h"
#include "policy.h"
#include "verbs.h"

static void fill(struct nl *nl, const struct args *args)
{
	put_service(nl, IPVS_FULLNAT_A_POLICY_SERVICE, &args->service);
	put_list(nl, IPVS_FULLNAT_A_POLICY_LADDR, &args->list);
	put_settings(nl, args);
}

int service_add(const struct args *args)
{
	return fnat_command(IPVS_FULLNAT_CMD_SERVICE_ADD, args, fill);
}

int service_set(const struct args *args)
{
	return fnat_command(IPVS_FULLNAT_CMD_SERVICE_SET, args, fill);
}

int service_del(const struct args *args)
{
	return fnat_command(IPVS_FULLNAT_CMD_SERVICE_DEL, args, fill);
}

static void show_ipvs(const struct service *service, const struct ipvs *ipvs)
{
	char words[SERVICE_TEXT];

	fputs("  ipvs         ", stdout);
	switch (ipvs->state) {
	case IPVS_UNKNOWN:
		puts("does not tell (CAP_NET_ADMIN is needed)");
		return;
	case IPVS_NO_SERVICE:
		/* for any port ipvsadm takes persistent services alone */
		printf("no service yet: ipvsadm -A %s%s\n",
		       service_words(service, words),
		       service->protocol && !service->endpoint.port ? " -p" :
								      "");
		return;
	default:
		break;
	}
	printf("scheduler %s, %u real server%s, %u masquerading",
	       ipvs->scheduler, ipvs->real_servers,
	       ipvs->real_servers == 1 ? "" : "s", ipvs->masquerading);
	if (ipvs->state == IPVS_ONE_PACKET)
		fputs("; one-packet scheduling: datagrams are dropped", stdout);
	else if (ipvs->state == IPVS_NO_MASQUERADING)
		fputs(": FULLNAT needs real servers with -m", stdout);
	putchar('\n');
}

static void show_text(const struct policy *policy, const struct ipvs *ipvs)
{
	char text[SERVICE_TEXT], ports[PORTS_TEXT], *pool;

	puts(service_text(&policy->service, text));
	pool = pool_text(policy, false);
	printf("  laddr        %s\n", pool ? pool : "?");
	free(pool);
	if (policy->draining) {
		pool = pool_text(policy, true);
		printf("  draining     %s\n", pool ? pool : "?");
		free(pool);
	}
	printf("  ports        %s%s\n", ports_text(&policy->ports, ports),
	       policy->default_ports ? " (default)" : "");
	if (policy->has_udp_timeout)
		printf("  udp-timeout  %u\n", policy->udp_timeout);
	if (policy->has_adjust)
		printf("  adjust       %s\n", policy->adjust ? "on" : "off");
	printf("  sessions     %u\n", policy->sessions);
	show_ipvs(&policy->service, ipvs);
}

static void json_pool(const struct policy *policy)
{
	size_t i;

	json_array("laddr");
	for (i = 0; i < policy->laddrs; i++) {
		json_object(NULL);
		json_address("address", &policy->laddr[i].address);
		json_bool("draining", policy->laddr[i].draining);
		json_close();
	}
	json_close();
}

static void json_ipvs(const struct ipvs *ipvs)
{
	json_object("ipvs");
	json_string("state", ipvs_state_name(ipvs->state));
	if (*ipvs->scheduler)
		json_string("scheduler", ipvs->scheduler);
	else
		json_null("scheduler");
	json_bool("one_packet", ipvs->one_packet);
	json_number("real_servers", ipvs->real_servers);
	json_number("masquerading", ipvs->masquerading);
	json_close();
}

static void show_json(const struct policy *policy, const struct ipvs *ipvs)
{
	json_object(NULL);
	json_service("service", &policy->service);
	json_pool(policy);
	policy_settings_json(policy);
	json_number("sessions", policy->sessions);
	json_ipvs(ipvs);
	json_close();
}

static void show_all(const struct policies *policies, bool as_json)
{
	const struct policy *policy = policies->policy;
	struct ipvs ipvs = {};
	struct nl nl;
	bool knows;
	size_t i;

	knows = !nl_open(&nl, IPVS_GENL_NAME);
	for (i = 0; i < policies->policies && !output_failed(); i++, policy++) {
		if (knows)
			ipvs_look(&nl, &policy->service, &ipvs);
		if (as_json)
			show_json(policy, &ipvs);
		else
			show_text(policy, &ipvs);
	}
	nl_close(&nl);
}

int service_show(const struct args *args)
{
	return policies_show(service_given(args), args->given & HAS_JSON,
			     show_all);
}
