/* SPDX-License-Identifier: GPL-2.0 */
/* The command line: objects, verbs, their options, and what they were given. */
#ifndef FNATCTL_ARGS_H
#define FNATCTL_ARGS_H

#include <stdbool.h>

#include "parse.h"

/* Exit statuses. */
enum {
	DONE,
	REFUSED,	/* the kernel did not do it, or could not be asked */
	WRONG_WORDS,
};

/* What can be given, as bits of args.given. */
enum {
	HAS_SERVICE	= 1 << 0,
	HAS_SIX		= 1 << 1,
	HAS_LADDR	= 1 << 2,
	HAS_PORTS	= 1 << 3,
	HAS_UDP_TIMEOUT	= 1 << 4,
	HAS_ADJUST	= 1 << 5,
	HAS_CLIENT	= 1 << 6,
	HAS_SERVER	= 1 << 7,
	HAS_PROMETHEUS	= 1 << 8,
	HAS_JSON	= 1 << 9,
	HAS_NETNS	= 1 << 10,
	HAS_HELP	= 1 << 11,
	HAS_VERSION	= 1 << 12,

	HAS_GLOBAL	= HAS_JSON | HAS_NETNS | HAS_HELP | HAS_VERSION,
};

struct args;

/* One thing that the tool does.
 *
 * @object: the first word
 * @name: the second word; empty if there is none
 * @needs: the options without which it is not done
 * @takes: those that it takes as well
 * @some: of these, one at least
 * @options: all of them, for people
 * @help: what it does, for people
 * @run: does it; returns the exit status
 */
struct verb {
	const char *object;
	const char *name;
	unsigned int needs;
	unsigned int takes;
	unsigned int some;
	const char *options;
	const char *help;
	int (*run)(const struct args *args);
};

/* @exact: @verb is what the words say, not only one of the same object
 * @list: --laddr of a service or an address
 * @laddr: that of a session
 */
struct args {
	const struct verb *verb;
	bool exact;
	unsigned int given;
	const char *netns;
	struct service service;
	struct list list;
	struct ports ports;
	uint32_t udp_timeout;
	bool adjust;
	struct endpoint client;
	struct endpoint server;
	struct endpoint laddr;
};

extern const struct verb verbs[];

int args_parse(char **words, unsigned int global, struct args *args);
void args_free(struct args *args);

#endif
