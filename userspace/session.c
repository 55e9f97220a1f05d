// SPDX-License-Identifier: GPL-2.0
/*
 * fnatctl session: live sessions. There can be millions, so each is printed as
 * it comes; the kernel applies the filter.
 */
#include <stdio.h>
#include <string.h>

#include "contract.h"
#include "output.h"
#include "verbs.h"

static const char *const states[] = {
	[IPVS_FULLNAT_TCP_STATE_NONE] = "none",
	[IPVS_FULLNAT_TCP_STATE_ESTABLISHED] = "established",
	[IPVS_FULLNAT_TCP_STATE_SYN_SENT] = "syn-sent",
	[IPVS_FULLNAT_TCP_STATE_SYN_RECV] = "syn-recv",
	[IPVS_FULLNAT_TCP_STATE_FIN_WAIT] = "fin-wait",
	[IPVS_FULLNAT_TCP_STATE_TIME_WAIT] = "time-wait",
	[IPVS_FULLNAT_TCP_STATE_CLOSE] = "close",
	[IPVS_FULLNAT_TCP_STATE_CLOSE_WAIT] = "close-wait",
	[IPVS_FULLNAT_TCP_STATE_LAST_ACK] = "last-ack",
	[IPVS_FULLNAT_TCP_STATE_LISTEN] = "listen",
	[IPVS_FULLNAT_TCP_STATE_SYNACK] = "synack",
};

struct session {
	struct service service;
	uint8_t protocol;
	struct endpoint client;
	struct endpoint virtual;
	bool has_laddr;
	struct endpoint laddr;
	struct endpoint server;
	const char *state;
	uint32_t timeout;
	bool resting;
	bool adjusted;
};

static void fill(struct nl *nl, const struct args *args)
{
	if (args->given & HAS_SERVICE)
		put_service(nl, IPVS_FULLNAT_A_SESSION_SERVICE, &args->service);
	if (args->given & HAS_CLIENT)
		put_endpoint(nl, IPVS_FULLNAT_A_SESSION_CLIENT, &args->client);
	if (args->given & HAS_SERVER)
		put_endpoint(nl, IPVS_FULLNAT_A_SESSION_SERVER, &args->server);
	if (args->given & HAS_LADDR)
		put_endpoint(nl, IPVS_FULLNAT_A_SESSION_LADDR, &args->laddr);
}

static const char *state_name(const struct nlattr *state)
{
	uint64_t number = nl_number(state);

	if (!state)
		return NULL;
	return number < sizeof(states) / sizeof(*states) ? states[number] :
							   "unknown";
}

static bool read_session(const struct nlmsghdr *message,
			 struct session *session)
{
	const struct nlattr *table[IPVS_FULLNAT_A_SESSION_MAX + 1];

	nl_attributes(message, table, IPVS_FULLNAT_A_SESSION_MAX);
	get_service(table[IPVS_FULLNAT_A_SESSION_SERVICE], &session->service);
	session->protocol = nl_number(table[IPVS_FULLNAT_A_SESSION_PROTOCOL]);
	session->state = state_name(table[IPVS_FULLNAT_A_SESSION_TCP_STATE]);
	session->timeout = nl_number(table[IPVS_FULLNAT_A_SESSION_TIMEOUT]);
	session->resting = table[IPVS_FULLNAT_A_SESSION_RESTING];
	session->adjusted = table[IPVS_FULLNAT_A_SESSION_ADJUSTED];
	/* what the sync daemon made has none until a packet comes */
	session->has_laddr = get_endpoint(table[IPVS_FULLNAT_A_SESSION_LADDR],
					  &session->laddr);
	return get_endpoint(table[IPVS_FULLNAT_A_SESSION_CLIENT],
			    &session->client) &&
	       get_endpoint(table[IPVS_FULLNAT_A_SESSION_VIRTUAL],
			    &session->virtual) &&
	       get_endpoint(table[IPVS_FULLNAT_A_SESSION_SERVER],
			    &session->server);
}

/* printf would take longer than the kernel */
static void put_column(const char *text, size_t width)
{
	size_t length = strlen(text);

	fwrite_unlocked(text, 1, length, stdout);
	do {
		putchar_unlocked(' ');
	} while (++length <= width);
}

static void put_endpoint_column(const struct endpoint *endpoint)
{
	char text[ENDPOINT_TEXT];

	put_column(endpoint_text(endpoint, text), 21);
}

static void show_text(const struct session *session)
{
	put_column(protocol_name(session->protocol), 5);
	put_endpoint_column(&session->client);
	put_endpoint_column(&session->virtual);
	if (session->has_laddr)
		put_endpoint_column(&session->laddr);
	else
		put_column("-", 21);
	put_endpoint_column(&session->server);
	put_column(session->state ? session->state : "-", 11);
	printf("%7u%s%s\n", session->timeout,
	       session->resting ? " resting" : "",
	       session->adjusted ? " adjusted" : "");
}

static void show_json(const struct session *session)
{
	json_object(NULL);
	json_service("service", &session->service);
	json_string("protocol", protocol_name(session->protocol));
	json_endpoint("client", &session->client);
	json_endpoint("virtual", &session->virtual);
	if (session->has_laddr)
		json_endpoint("laddr", &session->laddr);
	else
		json_null("laddr");
	json_endpoint("server", &session->server);
	if (session->state)
		json_string("state", session->state);
	else
		json_null("state");
	json_number("timeout", session->timeout);
	json_bool("resting", session->resting);
	json_bool("adjusted", session->adjusted);
	json_close();
}

/* Where the output is; a refusal comes before it has begun. */
struct show {
	bool as_json;
	bool begun;
};

static void begin(struct show *show)
{
	if (show->begun)
		return;
	show->begun = true;
	if (show->as_json)
		json_begin();
	else
		printf("%-5s %-21s %-21s %-21s %-21s %-11s %7s\n", "PROTO",
		       "CLIENT", "VIRTUAL", "LADDR", "SERVER", "STATE",
		       "TIMEOUT");
}

static int show_one(const struct nlmsghdr *message, void *data)
{
	struct session session;
	struct show *show = data;

	if (!read_session(message, &session))
		return 0;
	begin(show);
	if (show->as_json)
		show_json(&session);
	else
		show_text(&session);
	return output_failed();
}

static int show_all(struct nl *nl, struct show *show)
{
	int error = nl_run(nl, show_one, show);

	if (!error)
		begin(show);
	json_end();
	return error ? fnat_refused(nl) : DONE;
}

int session_show(const struct args *args)
{
	struct show show = { .as_json = args->given & HAS_JSON };
	struct nl nl;
	int status;

	status = fnat_open(&nl);
	if (!status) {
		nl_request(&nl, IPVS_FULLNAT_CMD_SESSION_GET, NLM_F_DUMP);
		fill(&nl, args);
		status = show_all(&nl, &show);
	}
	nl_close(&nl);
	return status;
}

static int see_flushed(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *table[IPVS_FULLNAT_A_SESSION_MAX + 1];

	nl_attributes(message, table, IPVS_FULLNAT_A_SESSION_MAX);
	*(unsigned int *)data = nl_number(table[IPVS_FULLNAT_A_SESSION_FLUSHED]);
	return 0;
}

static void show_flushed(unsigned int flushed, bool as_json)
{
	if (as_json)
		printf("{\"flushed\":%u}\n", flushed);
	else
		printf("%u session%s flushed\n", flushed,
		       flushed == 1 ? "" : "s");
}

int session_flush(const struct args *args)
{
	unsigned int flushed = 0;
	struct nl nl;
	int status;

	status = fnat_open(&nl);
	if (!status) {
		nl_request(&nl, IPVS_FULLNAT_CMD_SESSION_FLUSH, 0);
		fill(&nl, args);
		if (nl_run(&nl, see_flushed, &flushed))
			status = fnat_refused(&nl);
		else
			show_flushed(flushed, args->given & HAS_JSON);
	}
	nl_close(&nl);
	return status;
}
