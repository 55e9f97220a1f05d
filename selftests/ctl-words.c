// SPDX-License-Identifier: GPL-2.0
/*
 * The words of fnatctl, without a kernel: random command lines and lines of a
 * restore, under sanitizers; what is written is read again as the same; pools
 * are put together as a plain model of them says. ctl-test builds and runs it.
 *
 * usage: ctl-words [SEED]
 */
#define main fnatctl_main
#include "../userspace/main.c"
#undef main
#include "../userspace/restore.c"

#include <arpa/inet.h>

#define ROUNDS	20000
#define HOSTS	32	/* of the model: addresses 10.0.0.0 to .31 */

static uint64_t state;
static unsigned int number, failed;

static uint32_t draw(uint32_t below)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (state >> 33) % below;
}

static void result(bool good, const char *name)
{
	printf("%sok %u %s\n", good ? "" : "not ", ++number, name);
	failed += !good;
}

/* Random words */

static const char *const dictionary[] = {
	"service", "laddr", "session", "stats", "monitor", "save", "restore",
	"add", "set", "del", "show", "drain", "flush", "reset", "-t", "-u",
	"-f", "-6", "-j", "-n", "-h", "-jt", "-t=1", "--tcp-service",
	"--udp-service=[::1]:53", "--fwmark-service", "--laddr", "--laddr=",
	"--ports", "--udp-timeout", "--adjust", "--client", "--server",
	"--prometheus", "--json", "--netns", "--help", "--version", "--", "-",
	"", "192.0.2.1:80", "192.0.2.1:http", "[2001:db8::1]:443", "[::]",
	"0x10", "17", "10.0.0.1", "10.0.0.1-10.0.0.9", "10.0.0.0/24",
	"2001:db8::/64", "::1-::ffff", "255.255.255.255", "0.0.0.0/0", "::/0",
	"10.0.0.1,,10.0.0.2", "1024-65535", "1-2,4-9", "default", "on", "off",
	"86400", "-1", "99999999999999999999", "[", "]", ":", "/", ",",
	"[::1]:", "1.2.3.4:-1", "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
};

#define ENTRIES	(sizeof(dictionary) / sizeof(*dictionary))
#define VERBS	(sizeof(verbs) / sizeof(*verbs) - 1)

static char *random_word(void)
{
	char word[400];
	size_t length, i;

	snprintf(word, sizeof(word), "%s%s", dictionary[draw(ENTRIES)],
		 draw(8) ? "" : dictionary[draw(ENTRIES)]);
	length = strlen(word);
	for (i = draw(6) ? 0 : draw(4); i && length; i--)
		word[draw(length)] = 1 + draw(255);
	if (!draw(100)) {
		memset(word, '1' + draw(9), sizeof(word) - 1);
		word[sizeof(word) - 1] = '\0';
	}
	return strdup(word);
}

/* Mostly a verb with what it needs, so that values are looked at; else anything
 * at all. Return: how many words
 */
static unsigned int random_line(char **words)
{
	const struct verb *verb = &verbs[draw(VERBS)];
	unsigned int count = 0, more = draw(6);

	if (draw(4)) {
		words[count++] = strdup(verb->object);
		if (*verb->name)
			words[count++] = strdup(verb->name);
		if (verb->needs & HAS_SERVICE || draw(2)) {
			words[count++] = strdup(draw(2) ? "-t" : "-f");
			words[count++] = random_word();
		}
		if (verb->needs & HAS_LADDR) {
			words[count++] = strdup("--laddr");
			words[count++] = random_word();
		}
		more = draw(3);
	}
	while (more--)
		words[count++] = random_word();
	words[count] = NULL;
	return count;
}

static void random_command_lines(void)
{
	unsigned int good = 0, i, j, count;
	char *words[12], *kept[12];
	bool sentences = true;
	struct args args;

	for (i = 0; i < ROUNDS * 10; i++) {
		count = random_line(kept);
		memcpy(words, kept, sizeof(words));
		*parse_error = '\0';
		if (!args_parse(words, draw(2) ? HAS_GLOBAL : 0, &args))
			good++;
		else if (!*parse_error)
			sentences = false;
		args_free(&args);
		for (j = 0; j < count; j++)
			free(kept[j]);
	}
	result(good > ROUNDS / 4, "random command lines: some are good");
	result(sentences, "those that are not have a sentence");
}

/* What is written is read again */

static void random_address(struct address *address)
{
	size_t i;

	memset(address, 0, sizeof(*address));
	address->family = draw(2) ? AF_INET : AF_INET6;
	for (i = 0; i < address_size(address); i++)
		address->bytes[i] = draw(3) ? draw(256) : 0;
}

static bool address_again(const struct address *address)
{
	char text[ADDRESS_TEXT], libc[ADDRESS_TEXT];
	struct address again;

	address_text(address, text);
	inet_ntop(address->family, address->bytes, libc, sizeof(libc));
	return !strcmp(text, libc) && !parse_address(text, &again) &&
	       !address_compare(address, &again);
}

static bool endpoint_again(const struct address *address)
{
	struct endpoint endpoint = { *address, draw(65536) }, again;
	char text[ENDPOINT_TEXT];

	return !parse_endpoint(endpoint_text(&endpoint, text), NULL, &again) &&
	       !address_compare(&endpoint.address, &again.address) &&
	       endpoint.port == again.port;
}

static bool neighbours_again(const struct address *address)
{
	struct address next, back;

	return !address_next(address, &next) ||
	       (address_compare(address, &next) < 0 &&
		address_previous(&next, &back) &&
		!address_compare(address, &back));
}

static bool range_again(const struct address *address)
{
	struct range range = { .first = *address, .last = *address };
	char text[RANGE_TEXT];
	struct list list;
	bool same;

	range.last.bytes[address_size(address) - 1] = 255;
	same = !parse_list(range_text(&range, text), &list) &&
	       list.ranges == 1 && !memcmp(list.range, &range, sizeof(range));
	list_free(&list);
	return same;
}

static bool service_again(const struct address *address)
{
	struct service service = { .protocol = draw(2) ? IPPROTO_TCP : 17 };
	char text[SERVICE_TEXT], *words[] = {
		(char *)"service", (char *)"del", NULL, NULL, NULL, NULL };
	char *next = text;
	struct args args;
	int i;

	service.endpoint.address = *address;
	service.endpoint.port = draw(65536);
	if (!draw(3)) {
		memset(service.endpoint.address.bytes, 0, 16);
		service.endpoint.port = 0;
		service.protocol = 0;
		service.fwmark = 1 + draw(0x7fffffff);
	}
	service_words(&service, text);
	for (i = 2; next; i++)
		words[i] = strsep(&next, " ");
	return !args_parse(words, 0, &args) &&
	       !service_compare(&service, &args.service);
}

static void written_and_read(void)
{
	bool addresses = true, endpoints = true, ranges = true;
	bool services = true, neighbours = true;
	struct address address;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		random_address(&address);
		addresses &= address_again(&address);
		endpoints &= endpoint_again(&address);
		neighbours &= neighbours_again(&address);
		ranges &= range_again(&address);
		services &= service_again(&address);
	}
	result(addresses, "addresses are written as libc does, and read again");
	result(endpoints, "endpoints are read as they were written");
	result(neighbours, "the address before the one after is the same");
	result(ranges, "ranges are read as they were written");
	result(services, "services are read as they were written");
}

/* Lines of a restore */

static void random_lines(void)
{
	struct plans plans;
	unsigned int i, j, count, taken = 0;
	char line[4096], *words[12];

	for (i = 0; i < ROUNDS; i++) {
		memset(&plans, 0, sizeof(plans));
		plans.line = 1;
		do {
			*line = '\0';
			count = random_line(words);
			for (j = 0; j < count; j++) {
				strcat(line, words[j]);
				strcat(line, draw(20) ? " " : "");
				free(words[j]);
			}
			taken++;
		} while (!take_line(&plans, line) && taken % 64);
		free_plans(&plans);
	}
	result(true, "random lines of a restore");
}

enum { OUT, ACTIVE, DRAINING };

static unsigned int host(const struct address *address)
{
	return address->bytes[3];
}

/* The pool as the request would have it; false if an address is in it twice */
static bool as_sent(const struct plan *plan, uint8_t *pool)
{
	size_t i;
	unsigned int j;

	memset(pool, OUT, HOSTS);
	for (i = 0; i < plan->parts; i++) {
		const struct part *part = &plan->part[i];

		for (j = host(&part->range.first); j <= host(&part->range.last);
		     j++) {
			if (pool[j] != OUT)
				return false;
			pool[j] = part->draining ? DRAINING : ACTIVE;
		}
	}
	return true;
}

static void say(struct plans *plans, const char *what, unsigned int first,
		unsigned int last, int *error)
{
	char line[160];

	plans->line++;
	snprintf(line, sizeof(line),
		 "%s -t 192.0.2.1:80 --laddr 10.0.0.%u-10.0.0.%u%s", what, first,
		 last, draw(5) ? "" : " # as it is");
	*error = take_line(plans, line);
}

/* Some disjoint ranges, then some drains: each is taken if, and only if, the
 * pool has all of it.
 */
static bool pool_as_model(void)
{
	uint8_t model[HOSTS] = {}, pool[HOSTS];
	unsigned int first, last = 0, i, j;
	struct plans plans = {};
	const char *what = "service add";
	bool good = true, whole;
	int error;

	for (first = draw(6); first < HOSTS; first = last + 1 + draw(4)) {
		last = first + draw(6);
		if (last >= HOSTS)
			last = HOSTS - 1;
		say(&plans, what, first, last, &error);
		good &= !error;
		memset(model + first, ACTIVE, last - first + 1);
		what = "laddr add";
	}
	for (i = draw(8); i; i--) {
		first = draw(HOSTS);
		last = first + draw(HOSTS - first);
		whole = !memchr(model + first, OUT, last - first + 1);
		say(&plans, "laddr drain", first, last, &error);
		good &= whole == !error;
		for (j = first; whole && j <= last; j++)
			model[j] = DRAINING;
	}
	good &= as_sent(plans.first, pool) && !memcmp(pool, model, HOSTS);
	free_plans(&plans);
	return good;
}

static void pools(void)
{
	unsigned int i;
	bool good = true;

	for (i = 0; i < ROUNDS && good; i++)
		good = pool_as_model();
	result(good, "pools that drain in part are as the lines say");
}

int main(int argc, char **argv)
{
	state = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	random_command_lines();
	written_and_read();
	random_lines();
	pools();
	return failed ? 1 : 0;
}
