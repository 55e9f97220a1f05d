// SPDX-License-Identifier: GPL-2.0
/* fnatctl laddr: the local addresses of a policy. */
#include <stdio.h>

#include "contract.h"
#include "output.h"
#include "policy.h"
#include "verbs.h"

static void fill(struct nl *nl, const struct args *args)
{
	put_service(nl, IPVS_FULLNAT_A_POLICY_SERVICE, &args->service);
	put_list(nl, IPVS_FULLNAT_A_POLICY_LADDR, &args->list);
}

int laddr_add(const struct args *args)
{
	return fnat_command(IPVS_FULLNAT_CMD_LADDR_ADD, args, fill);
}

int laddr_drain(const struct args *args)
{
	return fnat_command(IPVS_FULLNAT_CMD_LADDR_DRAIN, args, fill);
}

int laddr_del(const struct args *args)
{
	return fnat_command(IPVS_FULLNAT_CMD_LADDR_DEL, args, fill);
}

static void show_text(const struct policy *policy, const struct laddr *laddr)
{
	char address[ADDRESS_TEXT], service[SERVICE_TEXT];
	char used[24];

	snprintf(used, sizeof(used), "%u/%u", laddr->used, laddr->limit);
	printf("%-26s %-15s %8u %13s %8ju%s\n",
	       service_text(&policy->service, service),
	       address_text(&laddr->address, address), laddr->sessions, used,
	       (uintmax_t)laddr->no_port, laddr->draining ? " draining" : "");
}

static void show_json(const struct policy *policy, const struct laddr *laddr)
{
	json_object(NULL);
	json_service("service", &policy->service);
	json_address("address", &laddr->address);
	json_bool("draining", laddr->draining);
	json_number("sessions", laddr->sessions);
	json_number("used", laddr->used);
	json_number("limit", laddr->limit);
	json_number("no_port", laddr->no_port);
	json_close();
}

static void show_all(const struct policies *policies, bool as_json)
{
	const struct policy *policy = policies->policy;
	size_t i, j;

	if (!as_json && policies->policies)
		printf("%-26s %-15s %8s %13s %8s\n", "SERVICE", "LADDR",
		       "SESSIONS", "USED/LIMIT", "NO-PORT");
	for (i = 0; i < policies->policies; i++, policy++)
		for (j = 0; j < policy->laddrs && !output_failed(); j++) {
			if (as_json)
				show_json(policy, &policy->laddr[j]);
			else
				show_text(policy, &policy->laddr[j]);
		}
}

int laddr_show(const struct args *args)
{
	return policies_show(service_given(args), args->given & HAS_JSON,
			     show_all);
}
