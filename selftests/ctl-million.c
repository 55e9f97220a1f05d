// SPDX-License-Identifier: GPL-2.0
/*
 * session show with a million sessions, which this makes up in the kernel's
 * place: the time and the memory that the tool itself takes. ctl-test builds it
 * with nl_open() and nl_run() wrapped, and reads what it prints.
 *
 * usage: ctl-million [-j] > OUTPUT; the memory in KiB and the time in
 * milliseconds go to standard error
 *        ctl-million -m: keep them all, in too little memory
 *        ctl-million -s: save a policy whose addresses do not fit into memory
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "../userspace/contract.h"
#include "../userspace/output.h"
#include "../userspace/policy.h"
#include "../userspace/verbs.h"

#define SESSIONS	1000000
#define ROOM		(64 << 20)

const struct verb verbs[1];

int __wrap_nl_open(struct nl *nl, const char *family)
{
	(void)family;
	memset(nl, 0, sizeof(*nl));
	nl->answer = malloc(4096);
	return 0;
}

static void put_end(struct nl *nl, uint16_t type, const char *text,
		    unsigned int number)
{
	struct endpoint endpoint;
	uint32_t address;

	parse_endpoint(text, NULL, &endpoint);
	memcpy(&address, endpoint.address.bytes, sizeof(address));
	address = htonl(ntohl(address) + number);
	memcpy(endpoint.address.bytes, &address, sizeof(address));
	endpoint.port = 1 + number % 65535;
	put_endpoint(nl, type, &endpoint);
}

/* A policy with one address, whichever of both is asked for */
static int tell_policy(uint8_t command, const struct service *service,
		       nl_each each, void *data)
{
	bool policy = command == IPVS_FULLNAT_CMD_SERVICE_GET;
	struct address address;
	struct nl made = {};

	parse_address("10.0.0.1", &address);
	nl_request(&made, command, 0);
	put_service(&made, policy ? IPVS_FULLNAT_A_POLICY_SERVICE :
				    IPVS_FULLNAT_A_LADDR_SERVICE, service);
	if (!policy)
		nl_put_address(&made, IPVS_FULLNAT_A_LADDR_ADDR, &address);
	each((struct nlmsghdr *)made.request, data);
	free(made.request);
	return 0;
}

/* Memory is short */
char *__wrap_pool_text(const struct policy *policy, bool draining_alone)
{
	(void)policy;
	(void)draining_alone;
	return NULL;
}

int __wrap_nl_run(struct nl *nl, nl_each each, void *data)
{
	uint8_t command = nl_command((struct nlmsghdr *)nl->request);
	struct service service;
	struct nl made = {};
	unsigned int i;
	int stop = 0;

	parse_service(IPPROTO_TCP, "192.0.2.100:80", &service);
	if (command != IPVS_FULLNAT_CMD_SESSION_GET)
		return tell_policy(command, &service, each, data);
	for (i = 0; i < SESSIONS && !stop; i++) {
		nl_request(&made, IPVS_FULLNAT_CMD_SESSION_GET, 0);
		put_service(&made, IPVS_FULLNAT_A_SESSION_SERVICE, &service);
		nl_put_u8(&made, IPVS_FULLNAT_A_SESSION_PROTOCOL, IPPROTO_TCP);
		put_end(&made, IPVS_FULLNAT_A_SESSION_CLIENT, "172.16.0.0", i);
		put_endpoint(&made, IPVS_FULLNAT_A_SESSION_VIRTUAL,
			     &service.endpoint);
		/* some are the sync daemon's, and have none yet */
		if (i % 10 != 7)
			put_end(&made, IPVS_FULLNAT_A_SESSION_LADDR,
				"10.0.0.1", i / 9);
		put_end(&made, IPVS_FULLNAT_A_SESSION_SERVER, "10.1.0.1", i % 9);
		nl_put_u32(&made, IPVS_FULLNAT_A_SESSION_TIMEOUT, i % 900);
		nl_put_u8(&made, IPVS_FULLNAT_A_SESSION_TCP_STATE,
			  i % (IPVS_FULLNAT_TCP_STATE_SYNACK + 1));
		stop = each((struct nlmsghdr *)made.request, data);
	}
	free(made.request);
	return 0;
}

static int keep_all(void)
{
	struct rlimit limit = { ROOM, ROOM };
	struct nl_messages messages;
	struct nl nl;
	int error;

	nl_open(&nl, IPVS_FULLNAT_FAMILY_NAME);
	nl_request(&nl, IPVS_FULLNAT_CMD_SESSION_GET, NLM_F_DUMP);
	setrlimit(RLIMIT_AS, &limit);
	error = nl_collect(&nl, &messages);
	fprintf(stderr, "%zu messages: %d, %s\n", messages.count, error,
		nl.error);
	return error != -ENOMEM || strcmp(nl.error, "out of memory");
}

int main(int argc, char **argv)
{
	struct args args = { .given = argc > 1 && !strcmp(argv[1], "-j") ?
				      HAS_JSON : 0 };
	struct rusage usage;
	int status;

	if (argc > 1 && !strcmp(argv[1], "-m"))
		return keep_all();
	if (argc > 1 && !strcmp(argv[1], "-s"))
		return output_finish(save(&args));
	status = output_finish(session_show(&args));
	getrusage(RUSAGE_SELF, &usage);
	fprintf(stderr, "%ld %ld\n", usage.ru_maxrss,
		usage.ru_utime.tv_sec * 1000 + usage.ru_utime.tv_usec / 1000);
	return status;
}
