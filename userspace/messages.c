// SPDX-License-Identifier: GPL-2.0
/* The messages of a dump, kept. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nl.h"

#define TRIES	16	/* of a dump that changes meanwhile */

static int keep(const struct nlmsghdr *message, void *data)
{
	struct nl_messages *messages = data;
	struct nlmsghdr **grown;

	grown = realloc(messages->message,
			(messages->count + 1) * sizeof(*grown));
	if (!grown)
		goto err;
	messages->message = grown;
	grown[messages->count] = malloc(message->nlmsg_len);
	if (!grown[messages->count])
		goto err;
	memcpy(grown[messages->count++], message, message->nlmsg_len);
	return 0;

err:
	messages->cut = true;
	return 1;
}

/**
 * nl_collect() - send the request and keep the answer, all of one moment
 * @nl: the socket, with a request for a dump
 * @messages: where the answer goes; nl_free() it
 *
 * A dump that a change got in the way of is made again, a few times. If it never
 * comes out whole nl->interrupted is set.
 *
 * Return: 0, or a negative errno and nl->error
 */
int nl_collect(struct nl *nl, struct nl_messages *messages)
{
	struct nlmsghdr *header = (struct nlmsghdr *)nl->request;
	int tries = TRIES, error;

	memset(messages, 0, sizeof(*messages));
	do {
		nl_free(messages);
		header->nlmsg_seq = ++nl->sequence;
		error = nl_run(nl, keep, messages);
	} while (!error && !messages->cut && nl->interrupted && --tries);
	if (error || !messages->cut)
		return error;
	snprintf(nl->error, sizeof(nl->error), "out of memory");
	return -ENOMEM;
}

/** nl_free() - free what nl_collect() has kept */
void nl_free(struct nl_messages *messages)
{
	while (messages->count)
		free(messages->message[--messages->count]);
	free(messages->message);
	messages->message = NULL;
}
