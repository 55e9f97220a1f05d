// SPDX-License-Identifier: GPL-2.0
/*
 * The command line, in three steps: which words are options and which are not;
 * which verb that is, and whether it takes them; what their values mean. The
 * lines of a restore go the same way.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "args.h"

struct option {
	char letter;
	const char *name;
	bool value;
	unsigned int bit;
};

enum {
	TCP, UDP, FWMARK, SIX, LADDR, PORTS, UDP_TIMEOUT, ADJUST, CLIENT,
	SERVER, PROMETHEUS, JSON, NETNS, HELP, VERSION,
	OPTIONS
};

static const struct option options[OPTIONS] = {
	[TCP]		= { 't', "tcp-service", true, HAS_SERVICE },
	[UDP]		= { 'u', "udp-service", true, HAS_SERVICE },
	[FWMARK]	= { 'f', "fwmark-service", true, HAS_SERVICE },
	[SIX]		= { '6', "ipv6", false, HAS_SIX },
	[LADDR]		= { 0, "laddr", true, HAS_LADDR },
	[PORTS]		= { 0, "ports", true, HAS_PORTS },
	[UDP_TIMEOUT]	= { 0, "udp-timeout", true, HAS_UDP_TIMEOUT },
	[ADJUST]	= { 0, "adjust", true, HAS_ADJUST },
	[CLIENT]	= { 0, "client", true, HAS_CLIENT },
	[SERVER]	= { 0, "server", true, HAS_SERVER },
	[PROMETHEUS]	= { 0, "prometheus", false, HAS_PROMETHEUS },
	[JSON]		= { 'j', "json", false, HAS_JSON },
	[NETNS]		= { 'n', "netns", true, HAS_NETNS },
	[HELP]		= { 'h', "help", false, HAS_HELP },
	[VERSION]	= { 'V', "version", false, HAS_VERSION },
};

/* The words, told apart; values in the order of options[]. */
struct raw {
	const char *object;
	const char *name;
	const char *value[OPTIONS];
	char **words;
	unsigned int given;
};

/* What was written: its letter or its name, whichever it has of them. */
static const char *option_text(const struct option *option)
{
	static char text[32];

	if (option->letter)
		snprintf(text, sizeof(text), "-%c|--%s", option->letter,
			 option->name);
	else
		snprintf(text, sizeof(text), "--%s", option->name);
	return text;
}

static int take(struct raw *raw, const struct option *option, const char *value)
{
	unsigned int once = option->bit & ~(HAS_JSON | HAS_HELP);

	if (option->value && !value)
		value = *raw->words ? *raw->words++ : NULL;
	if (option->value && !value)
		return wrong("%s wants a value", option_text(option));
	if (raw->given & once) {
		if (option->bit == HAS_SERVICE)
			return wrong("more than one service is given");
		return wrong("%s is given twice", option_text(option));
	}
	raw->given |= option->bit;
	raw->value[option - options] = value;
	return 0;
}

static int take_name(struct raw *raw, char *name)
{
	const char *value = strchr(name, '=');
	size_t i, length = value ? (size_t)(value - name) : strlen(name);

	for (i = 0; i < OPTIONS; i++) {
		if (strlen(options[i].name) != length ||
		    memcmp(options[i].name, name, length))
			continue;
		if (value && !options[i].value)
			return wrong("--%s takes no value", options[i].name);
		return take(raw, &options[i], value ? value + 1 : NULL);
	}
	return wrong("there is no option --%s", name);
}

/* Letters of one word: -jt is -j -t, and a value may follow without a blank */
static int take_letters(struct raw *raw, const char *letters)
{
	const struct option *option;
	size_t i;

	while (*letters) {
		option = NULL;
		for (i = 0; i < OPTIONS; i++)
			if (options[i].letter == *letters)
				option = &options[i];
		if (!option)
			return wrong("there is no option -%c", *letters);
		letters++;
		if (option->value)
			return take(raw, option, *letters ? letters : NULL);
		if (take(raw, option, NULL))
			return -1;
	}
	return 0;
}

static int tell_apart(struct raw *raw)
{
	while (*raw->words) {
		char *word = *raw->words++;
		int error = 0;

		if (!strncmp(word, "--", 2) && word[2])
			error = take_name(raw, word + 2);
		else if (word[0] == '-' && word[1] && word[1] != '-')
			error = take_letters(raw, word + 1);
		else if (!raw->object)
			raw->object = word;
		else if (!raw->name)
			raw->name = word;
		else
			error = wrong("unexpected word '%s'", word);
		if (error)
			return -1;
	}
	return 0;
}

/* The verb, or one of the same object, or none: as far as the words go. */
static void find_verb(const struct raw *raw, struct args *args)
{
	const char *name = raw->name ? raw->name : "";
	const struct verb *verb;

	for (verb = verbs; raw->object && verb->object; verb++) {
		if (strcmp(verb->object, raw->object))
			continue;
		if (!args->verb)
			args->verb = verb;
		if (strcmp(verb->name, name))
			continue;
		args->verb = verb;
		args->exact = true;
	}
}

static int no_verb(const struct raw *raw, const struct args *args)
{
	if (!raw->object)
		return wrong("an object is missing");
	if (!args->verb)
		return wrong("there is no object '%s'", raw->object);
	if (!raw->name)
		return wrong("%s: a verb is missing", raw->object);
	if (!*args->verb->name)
		return wrong("%s: unexpected word '%s'", raw->object,
			     raw->name);
	return wrong("%s: there is no verb '%s'", raw->object, raw->name);
}

static int check(const struct raw *raw, const struct verb *verb,
		 unsigned int global)
{
	const char *blank = *verb->name ? " " : "";
	unsigned int takes = verb->needs | verb->takes | global;
	unsigned int missing = verb->needs & ~raw->given;
	size_t i;

	if (takes & HAS_SERVICE)
		takes |= HAS_SIX;
	for (i = 0; i < OPTIONS; i++)
		if (raw->given & options[i].bit & ~takes)
			return wrong("%s%s%s takes no %s", verb->object, blank,
				     verb->name,
				     options[i].bit == HAS_SERVICE ?
				     "service" : option_text(&options[i]));
	if (missing & HAS_SERVICE)
		return wrong("%s%s%s: a service is missing", verb->object,
			     blank, verb->name);
	for (i = 0; i < OPTIONS; i++)
		if (missing & options[i].bit)
			return wrong("%s%s%s: %s is missing", verb->object,
				     blank, verb->name,
				     option_text(&options[i]));
	if (verb->some && !(raw->given & verb->some))
		return wrong("%s%s%s: nothing is given to be done",
			     verb->object, blank, verb->name);
	if (raw->given & HAS_JSON && raw->given & HAS_PROMETHEUS)
		return wrong("--json and --prometheus exclude each other");
	if (raw->given & HAS_SIX && !raw->value[FWMARK])
		return wrong("-6|--ipv6 goes with -f alone: an address shows its family");
	return 0;
}

/* Of a session, --laddr is one endpoint; else it is a list. */
static int parse_laddr(const char *value, struct args *args)
{
	if (args->verb->takes & HAS_CLIENT)
		return parse_endpoint(value, NULL, &args->laddr);
	return parse_list(value, &args->list);
}

static int parse_value(size_t option, const char *value, struct args *args)
{
	switch (option) {
	case TCP:
		return parse_service(IPPROTO_TCP, value, &args->service);
	case UDP:
		return parse_service(IPPROTO_UDP, value, &args->service);
	case FWMARK:
		return parse_fwmark(value, args->given & HAS_SIX,
				    &args->service);
	case LADDR:
		return parse_laddr(value, args);
	case PORTS:
		return parse_ports(value, &args->ports);
	case UDP_TIMEOUT:
		return parse_number(value, "--udp-timeout", 0, IPVS_FULLNAT_MAX_UDP_TIMEOUT,
				    &args->udp_timeout);
	case ADJUST:
		return parse_switch(value, "--adjust", &args->adjust);
	case CLIENT:
		return parse_endpoint(value, NULL, &args->client);
	case SERVER:
		return parse_endpoint(value, NULL, &args->server);
	case NETNS:
		args->netns = value;
	}
	return 0;
}

/**
 * args_parse() - find out what is to be done
 * @words: the words, without the program's name, and NULL
 * @global: which of HAS_GLOBAL are taken here
 * @args: where it goes; args_free() it, whatever is returned
 *
 * The values are parsed only if no help is asked for.
 *
 * Return: 0, or -1 with parse_error; args->verb is set in any case as far as
 * the words tell it
 */
int args_parse(char **words, unsigned int global, struct args *args)
{
	struct raw raw = { .words = words };
	int error = tell_apart(&raw);
	size_t i;

	memset(args, 0, sizeof(*args));
	find_verb(&raw, args);
	if (error)
		return -1;
	args->given = raw.given;
	if (raw.given & global & (HAS_HELP | HAS_VERSION)) {
		if (args->exact || !raw.object || (args->verb && !raw.name))
			return 0;
		return no_verb(&raw, args);
	}
	if (!args->exact)
		return no_verb(&raw, args);
	if (check(&raw, args->verb, global))
		return -1;
	for (i = 0; i < OPTIONS; i++)
		if (raw.value[i] && parse_value(i, raw.value[i], args))
			return -1;
	return 0;
}

void args_free(struct args *args)
{
	list_free(&args->list);
}
