// SPDX-License-Identifier: GPL-2.0
/* fnatctl: the verbs, their usage, and the exit status. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "nl.h"
#include "output.h"
#include "verbs.h"
#include "../kmod/version.h"

#define CONFIG	(HAS_PORTS | HAS_UDP_TIMEOUT | HAS_ADJUST)
#define FILTER	(HAS_SERVICE | HAS_CLIENT | HAS_SERVER | HAS_LADDR)
#define POOL	(HAS_SERVICE | HAS_LADDR)

#define CONFIG_OPTIONS "[--ports RANGES] [--udp-timeout SEC] [--adjust on|off]"
#define FILTER_OPTIONS "[SERVICE] [--client A[:P]] [--server A[:P]] [--laddr A[:P]]"

const struct verb verbs[] = {
	{
		.object = "service", .name = "add",
		.needs = POOL, .takes = CONFIG,
		.options = "SERVICE --laddr LIST " CONFIG_OPTIONS,
		.help = "put a virtual service under a FULLNAT policy",
		.run = service_add,
	}, {
		.object = "service", .name = "set",
		.needs = HAS_SERVICE, .takes = HAS_LADDR | CONFIG,
		.some = HAS_LADDR | CONFIG,
		.options = "SERVICE [--laddr LIST] " CONFIG_OPTIONS,
		.help = "change what is given; --laddr is the pool as a whole",
		.run = service_set,
	}, {
		.object = "service", .name = "del",
		.needs = HAS_SERVICE,
		.options = "SERVICE",
		.help = "delete the policy; its sessions live on",
		.run = service_del,
	}, {
		.object = "service", .name = "show",
		.takes = HAS_SERVICE,
		.options = "[SERVICE]",
		.help = "show policies, and what IPVS has there",
		.run = service_show,
	}, {
		.object = "laddr", .name = "add",
		.needs = POOL,
		.options = "SERVICE --laddr LIST",
		.help = "add local addresses to the pool",
		.run = laddr_add,
	}, {
		.object = "laddr", .name = "drain",
		.needs = POOL,
		.options = "SERVICE --laddr LIST",
		.help = "let local addresses take no new sessions",
		.run = laddr_drain,
	}, {
		.object = "laddr", .name = "del",
		.needs = POOL,
		.options = "SERVICE --laddr LIST",
		.help = "take local addresses out; their sessions live on",
		.run = laddr_del,
	}, {
		.object = "laddr", .name = "show",
		.takes = HAS_SERVICE,
		.options = "[SERVICE]",
		.help = "show local addresses, and how full they are",
		.run = laddr_show,
	}, {
		.object = "session", .name = "show",
		.takes = FILTER,
		.options = FILTER_OPTIONS,
		.help = "show the sessions that match",
		.run = session_show,
	}, {
		.object = "session", .name = "flush",
		.takes = FILTER,
		.options = FILTER_OPTIONS,
		.help = "end the sessions that match, or all",
		.run = session_flush,
	}, {
		.object = "stats", .name = "show",
		.takes = HAS_SERVICE | HAS_PROMETHEUS,
		.options = "[SERVICE] [--prometheus]",
		.help = "show counters of services and local addresses",
		.run = stats_show,
	}, {
		.object = "stats", .name = "reset",
		.takes = HAS_SERVICE,
		.options = "[SERVICE]",
		.help = "set counters to zero",
		.run = stats_reset,
	}, {
		.object = "monitor", .name = "",
		.options = "",
		.help = "print a line for each event",
		.run = monitor,
	}, {
		.object = "save", .name = "",
		.options = "",
		.help = "print all policies as lines for restore",
		.run = save,
	}, {
		.object = "restore", .name = "",
		.options = "< FILE",
		.help = "make the policies those of the lines, all or none",
		.run = restore,
	},
	{}
};

static void put_verb(FILE *out, const struct verb *verb)
{
	char words[160];

	snprintf(words, sizeof(words), "%s%s%s%s%s", verb->object,
		 *verb->name ? " " : "", verb->name, *verb->options ? " " : "",
		 verb->options);
	fprintf(out, "  %s\n      %s\n", words, verb->help);
}

/* Which of the words of put_words() a verb's options have. */
static unsigned int words_of(const struct verb *verb)
{
	unsigned int words = verb->needs | verb->takes;

	return words & HAS_CLIENT ? words & ~HAS_LADDR : words;
}

static void put_words(FILE *out, unsigned int words)
{
	if (words & HAS_SERVICE)
		fputs("  SERVICE  -t|--tcp-service ADDR:PORT, -u|--udp-service ADDR:PORT, or\n"
		      "           -f|--fwmark-service MARK [-6]; [ADDR]:PORT if IPv6; PORT 0: any\n",
		      out);
	if (words & HAS_LADDR)
		fputs("  LIST     ADDR, ADDR-ADDR or ADDR/LEN, more of them after commas\n",
		      out);
	if (words & HAS_PORTS)
		fputs("  RANGES   LO-HI, more of them after commas; or default\n",
		      out);
	if (words & HAS_CLIENT)
		fputs("  A[:P]    ADDR, ADDR:PORT, [ADDR] or [ADDR]:PORT\n", out);
}

/* Of a verb, or of those of an object, or of all. */
static void usage(FILE *out, const struct args *args)
{
	const struct verb *verb = args->verb, *other;
	unsigned int words = 0;

	if (args->exact) {
		fprintf(out, "usage: fnatctl [-j] [-n NETNS] %s%s%s%s%s\n",
			verb->object, *verb->name ? " " : "", verb->name,
			*verb->options ? " " : "", verb->options);
		put_words(out, words_of(verb));
		return;
	}
	fputs("usage: fnatctl [-j|--json] [-n|--netns NAME] OBJECT VERB [SERVICE] [OPTIONS]\n",
	      out);
	for (other = verbs; other->object; other++) {
		if (verb && strcmp(verb->object, other->object))
			continue;
		put_verb(out, other);
		words |= words_of(other);
	}
	put_words(out, words);
}

static int run(const struct args *args)
{
	if (args->netns && netns_enter(args->netns)) {
		complain("%s", parse_error);
		return REFUSED;
	}
	return args->verb->run(args);
}

/* What is opened must not come to be standard output, or standard error. */
static bool can_say(void)
{
	while (fcntl(STDERR_FILENO, F_GETFD) < 0)
		if (open("/dev/null", O_RDWR) < 0)
			return false;
	if (fcntl(STDOUT_FILENO, F_GETFD) >= 0)
		return true;
	complain("standard output is closed");
	return false;
}

int main(int argc, char **argv)
{
	struct args args;
	int status = DONE;

	if (!can_say())
		return REFUSED;
	if (args_parse(argv + !!argc, HAS_GLOBAL, &args)) {
		complain("%s", parse_error);
		usage(stderr, &args);
		status = WRONG_WORDS;
	} else if (args.given & HAS_HELP) {
		usage(stdout, &args);
	} else if (args.given & HAS_VERSION) {
		puts("fnatctl " IPVS_FULLNAT_VERSION);
	} else {
		status = run(&args);
	}
	args_free(&args);
	return output_finish(status);
}
