// SPDX-License-Identifier: GPL-2.0
/*
 * fnatctl restore: lines of the tool's own words, as save prints them, become
 * one request, which the kernel does as a whole or not at all.
 *
 * All lines of a service are put together: `service add` comes first, `laddr
 * add` adds to its pool, `laddr drain` marks what is in the pool by then.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract.h"
#include "output.h"
#include "verbs.h"

#define WORDS	64

/* Addresses of a pool, and the line that has given them. */
struct part {
	struct range range;
	unsigned int line;
	bool draining;
};

/* A policy to be. @args is of its `service add`; its list is in @part. */
struct plan {
	struct plan *next;
	struct args args;
	unsigned int line;
	struct part *part;
	size_t parts;
};

struct plans {
	struct plan *first;	/* in the order of their lines */
	struct plan *last;
	void *tree;		/* the same, by their services: tsearch(3) */
	unsigned int line;	/* that is being read */
};

static int by_service(const void *a, const void *b)
{
	const struct plan *x = a, *y = b;

	return service_compare(&x->args.service, &y->args.service);
}

static struct plan *find(const struct plans *plans,
			 const struct service *service)
{
	struct plan key = { .args.service = *service }, **found;

	found = tfind(&key, &plans->tree, by_service);
	return found ? *found : NULL;
}

static void free_plan(void *plan)
{
	free(((struct plan *)plan)->part);
	free(plan);
}

static void free_plans(struct plans *plans)
{
	tdestroy(plans->tree, free_plan);
}

/* Return: NULL if memory is short */
static struct plan *add_plan(struct plans *plans, const struct args *args)
{
	struct plan *plan = malloc(sizeof(*plan));

	if (!plan)
		return NULL;
	*plan = (struct plan){ .args = *args, .line = plans->line };
	memset(&plan->args.list, 0, sizeof(plan->args.list));
	if (!tsearch(plan, &plans->tree, by_service)) {
		free(plan);
		return NULL;
	}
	if (plans->last)
		plans->last->next = plan;
	else
		plans->first = plan;
	plans->last = plan;
	return plan;
}

static int add_part(struct plan *plan, const struct range *range,
		    unsigned int line, bool draining)
{
	struct part *grown;

	grown = realloc(plan->part, (plan->parts + 1) * sizeof(*grown));
	if (!grown)
		return wrong("out of memory");
	plan->part = grown;
	grown[plan->parts++] = (struct part){ *range, line, draining };
	return 0;
}

static int add_list(struct plans *plans, struct plan *plan,
		    const struct list *list)
{
	size_t i;

	for (i = 0; i < list->ranges; i++)
		if (add_part(plan, &list->range[i], plans->line, false))
			return -1;
	return 0;
}

static int add_service(struct plans *plans, const struct args *args)
{
	const struct plan *other = find(plans, &args->service);
	struct plan *plan;

	if (other)
		return wrong("this service is in line %u already", other->line);
	plan = add_plan(plans, args);
	if (!plan)
		return wrong("out of memory");
	return add_list(plans, plan, &args->list);
}

static bool before(const struct address *a, const struct address *b)
{
	return address_compare(a, b) < 0;
}

static bool overlap(const struct range *a, const struct range *b)
{
	return !before(&a->last, &b->first) && !before(&b->last, &a->first);
}

/* The part of the pool that has this address; NULL: the pool does not have it */
static struct part *holder(const struct plan *plan, const struct address *a)
{
	struct range range = { .first = *a, .last = *a };
	size_t i;

	for (i = 0; i < plan->parts; i++)
		if (overlap(&plan->part[i].range, &range))
			return &plan->part[i];
	return NULL;
}

/* Cuts what is before first off a part, into one of its own. */
static int cut(struct plan *plan, size_t i, const struct address *first)
{
	struct part head = plan->part[i];

	address_previous(first, &head.range.last);
	plan->part[i].range.first = *first;
	return add_part(plan, &head.range, head.line, head.draining);
}

/* Makes one part, or what the range has of it, drain. */
static int drain_part(struct plan *plan, size_t i, const struct range *range)
{
	const struct range *whole = &plan->part[i].range;
	struct address rest;
	char text[RANGE_TEXT];

	if ((before(&whole->first, &range->first) ||
	     before(&range->last, &whole->last)) && whole->prefix)
		return wrong("some of the prefix %s shall drain: write it as a range",
			     range_text(whole, text));
	if (before(&whole->first, &range->first) &&
	    cut(plan, i, &range->first))
		return -1;
	if (before(&range->last, &plan->part[i].range.last)) {
		/* the tail stays where it is, the head is the new part */
		address_next(&range->last, &rest);
		if (cut(plan, i, &rest))
			return -1;
		i = plan->parts - 1;
	}
	plan->part[i].draining = true;
	return 0;
}

/* As the kernel does it: the first and the last address of an IPv4 prefix, if
 * it has more, are meant only if they are there.
 */
static struct range drained(const struct plan *plan, const struct range *given)
{
	struct range range = *given;

	if (!range.prefix || range.first.family != AF_INET || range.length > 30)
		return range;
	if (!holder(plan, &range.first))
		address_next(&range.first, &range.first);
	if (!holder(plan, &range.last))
		address_previous(&range.last, &range.last);
	return range;
}

static int drain_range(struct plan *plan, const struct range *range)
{
	struct address address = range->first;
	char text[ADDRESS_TEXT];
	const struct part *part;
	size_t i, parts;

	for (;;) {
		part = holder(plan, &address);
		if (!part)
			return wrong("%s: no line before adds this address to the service",
				     address_text(&address, text));
		if (!before(&part->range.last, &range->last))
			break;
		if (!address_next(&part->range.last, &address))
			break;
	}
	/* the parts that are cut off by the way do not drain, or do already */
	parts = plan->parts;
	for (i = 0; i < parts; i++)
		if (overlap(&plan->part[i].range, range) &&
		    drain_part(plan, i, range))
			return -1;
	return 0;
}

static int drain(struct plan *plan, const struct list *list)
{
	struct range range;
	size_t i;

	for (i = 0; i < list->ranges; i++) {
		range = drained(plan, &list->range[i]);
		if (drain_range(plan, &range))
			return -1;
	}
	return 0;
}

static int take(struct plans *plans, const struct args *args)
{
	struct plan *plan;

	if (args->verb->run == service_add)
		return add_service(plans, args);
	if (args->verb->run != laddr_add && args->verb->run != laddr_drain)
		return wrong("restore knows service add, laddr add and laddr drain, not %s%s%s",
			     args->verb->object, *args->verb->name ? " " : "",
			     args->verb->name);
	plan = find(plans, &args->service);
	if (!plan)
		return wrong("no line before adds this service");
	if (args->verb->run == laddr_drain)
		return drain(plan, &args->list);
	return add_list(plans, plan, &args->list);
}

static int take_line(struct plans *plans, char *line)
{
	char *words[WORDS + 1], **word = words, *next = line;
	struct args args = {};
	int error;

	line[strcspn(line, "#")] = '\0';
	while ((*word = strsep(&next, " \t\r\n\v\f"))) {
		if (!**word)
			continue;
		if (word - words == WORDS - 1)
			return wrong("too many words");
		word++;
	}
	word = words;
	if (*word && !strcmp(*word, "fnatctl"))
		word++;
	if (!*word)
		return 0;
	error = args_parse(word, 0, &args);
	if (!error)
		error = take(plans, &args);
	args_free(&args);
	return error;
}

/* Return: 0, or -1 with parse_error */
static int read_lines(FILE *in, struct plans *plans)
{
	bool begun = false, ended = false;
	char *line = NULL;
	size_t size = 0;
	ssize_t length;
	int error = 0;

	errno = 0;
	while (!error && (length = getline(&line, &size, in)) >= 0) {
		if (!plans->line++)
			begun = !strncmp(line, SAVE_BEGIN "\n", length);
		ended = !strcmp(line, SAVE_END "\n");
		if (strlen(line) != (size_t)length)
			error = wrong("this is not text");
		else
			error = take_line(plans, line);
	}
	free(line);
	if (!error && begun && !ended && feof(in))
		error = wrong("the file is cut off: what begins with '%s' ends with '%s'",
			      SAVE_BEGIN, SAVE_END);
	return error;
}

static void put_plan(struct nl *nl, const struct plan *plan)
{
	const struct args *args = &plan->args;
	size_t nest, i;
	char text[RANGE_TEXT];

	nl_mark(nl, plan->line, service_text(&args->service, text), NULL);
	nest = nl_nest(nl, IPVS_FULLNAT_A_RESTORE_POLICY);
	put_service(nl, IPVS_FULLNAT_A_POLICY_SERVICE, &args->service);
	put_settings(nl, args);
	for (i = 0; i < plan->parts; i++) {
		const struct part *part = &plan->part[i];

		nl_mark(nl, part->line, range_text(&part->range, text),
			&part->range.first);
		put_range(nl, IPVS_FULLNAT_A_POLICY_LADDR, &part->range,
			  part->draining);
	}
	nl_nest_end(nl, nest);
}

static int send_plans(const struct plans *plans)
{
	const struct plan *plan;
	struct nl nl;
	int status = fnat_open(&nl);

	if (!status) {
		nl_request(&nl, IPVS_FULLNAT_CMD_RESTORE, 0);
		nl_put(&nl, IPVS_FULLNAT_A_RESTORE_REPLACE, NULL, 0);
		for (plan = plans->first; plan; plan = plan->next)
			put_plan(&nl, plan);
		if (nl_run(&nl, NULL, NULL))
			status = fnat_refused(&nl);
	}
	nl_close(&nl);
	return status;
}

/* An empty file is what is left when a save went wrong, not a wish to delete
 * all: save always writes a line.
 */
int restore(const struct args *args)
{
	struct plans plans = {};
	int status;

	(void)args;
	if (read_lines(stdin, &plans)) {
		complain("line %u: %s", plans.line, parse_error);
		status = WRONG_WORDS;
	} else if (!feof(stdin)) {
		complain("cannot read: %s", strerror(errno));
		status = REFUSED;
	} else if (!plans.line) {
		complain("the file is empty: for no policies at all, give a comment line");
		status = WRONG_WORDS;
	} else {
		status = send_plans(&plans);
	}
	free_plans(&plans);
	return status;
}
