// SPDX-License-Identifier: GPL-2.0
/*
 * fnatctl save: the policies as lines of the tool's own words, which restore
 * reads. What is as it would be by default is not written, so that a default
 * that depends on the machine stays one.
 */
#include <stdio.h>
#include <stdlib.h>

#include "contract.h"
#include "output.h"
#include "policy.h"
#include "verbs.h"

static void put_line(char *line, bool as_json)
{
	if (as_json)
		json_string(NULL, line);
	else
		puts(line);
	free(line);
}

/* Return: a line, to be freed; NULL if memory is short */
static char *add_line(const struct policy *policy)
{
	char words[SERVICE_TEXT], ports[PORTS_TEXT], *line = NULL;
	char *pool = pool_text(policy, false);
	size_t size;
	FILE *out = pool ? open_memstream(&line, &size) : NULL;

	if (out) {
		fprintf(out, "service add %s --laddr %s",
			service_words(&policy->service, words), pool);
		if (!policy->default_ports)
			fprintf(out, " --ports %s",
				ports_text(&policy->ports, ports));
		if (policy->udp_timeout)
			fprintf(out, " --udp-timeout %u", policy->udp_timeout);
		if (policy->has_adjust && !policy->adjust)
			fputs(" --adjust off", out);
		fclose(out);
	}
	free(pool);
	return line;
}

static char *drain_line(const struct policy *policy)
{
	char words[SERVICE_TEXT], *line = NULL;
	char *pool = pool_text(policy, true);

	if (!pool || asprintf(&line, "laddr drain %s --laddr %s",
			      service_words(&policy->service, words), pool) < 0)
		line = NULL;
	free(pool);
	return line;
}

static int save_one(const struct policy *policy, bool as_json)
{
	char *line = add_line(policy);

	if (!line)
		return -1;
	put_line(line, as_json);
	if (!policy->draining)
		return 0;
	line = drain_line(policy);
	if (!line)
		return -1;
	put_line(line, as_json);
	return 0;
}

static int save_all(const struct policies *policies, bool as_json)
{
	int error = 0;
	size_t i;

	if (as_json)
		json_begin();
	else
		puts(SAVE_BEGIN);
	for (i = 0; i < policies->policies && !error; i++)
		error = save_one(&policies->policy[i], as_json);
	json_end();
	if (!as_json && !error)
		puts(SAVE_END);
	if (error)
		complain("out of memory");
	return error ? REFUSED : DONE;
}

int save(const struct args *args)
{
	struct policies policies = {};
	struct nl nl;
	int status;

	status = fnat_open(&nl);
	if (!status)
		status = policies_load(&nl, NULL, &policies);
	if (!status)
		status = save_all(&policies, args->given & HAS_JSON);
	policies_free(&policies);
	nl_close(&nl);
	return status;
}
