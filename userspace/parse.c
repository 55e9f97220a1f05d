// SPDX-License-Identifier: GPL-2.0
/*
 * Words of the command line: addresses, lists, ports, services.
 *
 * Numeric addresses only: a host's name can mean several addresses, and what
 * they are is another machine's say. Ports may be names, as with ipvsadm.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parse.h"

char parse_error[256];

/**
 * wrong() - say what is wrong with the words
 * @format: a sentence, in lower case and without a full stop
 *
 * What does not fit is cut; bytes that a terminal would obey become '?'.
 *
 * Return: -1, for the caller to return
 */
int wrong(const char *format, ...)
{
	va_list arguments;
	char *c;

	va_start(arguments, format);
	vsnprintf(parse_error, sizeof(parse_error), format, arguments);
	va_end(arguments);
	for (c = parse_error; *c; c++)
		if (iscntrl((unsigned char)*c))
			*c = '?';
	return -1;
}

/* digits alone: strtoul would take blanks and signs, too */
static bool all_digits(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text);
}

/**
 * parse_number() - a decimal number
 * @text: the word
 * @what: what it is, for the sentence
 * @low: the least that is accepted
 * @high: the most
 * @number: where it goes
 */
int parse_number(const char *text, const char *what, uint32_t low,
		 uint32_t high, uint32_t *number)
{
	unsigned long long value;

	errno = 0;
	value = all_digits(text) ? strtoull(text, NULL, 10) : 0;
	if (!all_digits(text) || errno || value < low || value > high)
		return wrong("%s '%s' is not a number from %u to %u", what,
			     text, low, high);
	*number = value;
	return 0;
}

/** parse_switch() - on or off */
int parse_switch(const char *text, const char *what, bool *on)
{
	*on = !strcmp(text, "on");
	if (!*on && strcmp(text, "off"))
		return wrong("%s '%s' is neither on nor off", what, text);
	return 0;
}

/** parse_address() - an IPv4 or IPv6 address, without brackets */
int parse_address(const char *text, struct address *address)
{
	memset(address, 0, sizeof(*address));
	if (inet_pton(AF_INET, text, address->bytes) == 1)
		address->family = AF_INET;
	else if (inet_pton(AF_INET6, text, address->bytes) == 1)
		address->family = AF_INET6;
	else
		return wrong("'%s' is not an address", text);
	return 0;
}

/* A number, or a name of services(5). @protocol: NULL if numbers only. */
static int parse_port(const char *text, const char *protocol, uint16_t *port)
{
	struct servent *entry = NULL;
	uint32_t number;

	if (protocol && *text && !all_digits(text)) {
		entry = getservbyname(text, protocol);
		if (!entry)
			return wrong("no %s port is named '%s'", protocol,
				     text);
		*port = ntohs(entry->s_port);
		return 0;
	}
	if (parse_number(text, "port", 0, UINT16_MAX, &number))
		return -1;
	*port = number;
	return 0;
}

/* Cuts [ADDR6]:PORT up; *port is NULL if there is none. */
static int cut_brackets(char *text, char **address, char **port)
{
	char *end = strchr(text, ']');

	if (!end)
		return wrong("'%s' has no closing bracket", text);
	*end++ = '\0';
	if (*end && *end != ':')
		return wrong("'%s' after the address is not :PORT", end);
	*address = text + 1;
	*port = *end ? end + 1 : NULL;
	return 0;
}

static int cut_colon(char *text, char **address, char **port)
{
	char *colon = strchr(text, ':');

	if (colon && strchr(colon + 1, ':'))
		return wrong("'%s': write an IPv6 address in brackets, as in [2001:db8::1]:80",
			     text);
	*address = text;
	*port = colon ? colon + 1 : NULL;
	if (colon)
		*colon = '\0';
	return 0;
}

static int split_endpoint(char *text, const char *protocol,
			  struct endpoint *endpoint)
{
	char *address = text, *port = NULL;
	bool brackets = *text == '[';

	memset(endpoint, 0, sizeof(*endpoint));
	if (brackets ? cut_brackets(text, &address, &port) :
		       cut_colon(text, &address, &port))
		return -1;
	if (parse_address(address, &endpoint->address))
		return -1;
	if (brackets && endpoint->address.family != AF_INET6)
		return wrong("'%s' in brackets is not an IPv6 address",
			     address);
	return port ? parse_port(port, protocol, &endpoint->port) : 0;
}

/**
 * parse_endpoint() - ADDR, ADDR:PORT, [ADDR6] or [ADDR6]:PORT
 *
 * IPv6 needs its brackets always: else 2001:db8::1:80 would be something, but
 * not what is meant.
 *
 * @text: the word
 * @protocol: "tcp" or "udp", whose names of ports are known; or NULL
 * @endpoint: where it goes; no port: 0
 */
int parse_endpoint(const char *text, const char *protocol,
		   struct endpoint *endpoint)
{
	char copy[128];

	if (strlen(text) >= sizeof(copy))
		return wrong("'%.40s...' is too long for an address and a port",
			     text);
	memcpy(copy, text, strlen(text) + 1);
	return split_endpoint(copy, protocol, endpoint);
}

/** parse_service() - the word after -t or -u */
int parse_service(uint8_t protocol, const char *text, struct service *service)
{
	memset(service, 0, sizeof(*service));
	service->protocol = protocol;
	return parse_endpoint(text, protocol_name(protocol),
			      &service->endpoint);
}

/**
 * parse_fwmark() - the word after -f
 * @text: a number, decimal or, as firewalls show marks, 0x and hexadecimal
 * @six: of IPv6
 * @service: where it goes
 */
int parse_fwmark(const char *text, bool six, struct service *service)
{
	bool hexadecimal = !strncmp(text, "0x", 2) || !strncmp(text, "0X", 2);
	const char *digits = hexadecimal ? text + 2 : text;
	const char *known = hexadecimal ? "0123456789abcdefABCDEF" :
					  "0123456789";
	unsigned long long mark;

	memset(service, 0, sizeof(*service));
	service->endpoint.address.family = six ? AF_INET6 : AF_INET;
	errno = 0;
	mark = strtoull(digits, NULL, hexadecimal ? 16 : 10);
	if (digits[strspn(digits, known)] || errno || !mark ||
	    mark > UINT32_MAX)
		return wrong("firewall mark '%s' is not a number from 1 to %u",
			     text, UINT32_MAX);
	service->fwmark = mark;
	return 0;
}

/* A prefix, and the first and the last address that it covers. */
static int parse_prefix(char *text, char *slash, struct range *range)
{
	unsigned int bits, bit;
	uint32_t length;

	*slash = '\0';
	if (parse_address(text, &range->first))
		return -1;
	bits = address_size(&range->first) * 8;
	if (parse_number(slash + 1, "prefix length", 0, bits, &length))
		return -1;
	range->prefix = true;
	range->length = length;
	range->last = range->first;
	for (bit = length; bit < bits; bit++) {
		if (range->first.bytes[bit / 8] & 0x80 >> bit % 8)
			return wrong("'%s/%u' has bits set behind the prefix",
				     text, length);
		range->last.bytes[bit / 8] |= 0x80 >> bit % 8;
	}
	return 0;
}

static int parse_range(char *text, struct range *range)
{
	char *slash = strchr(text, '/'), *dash = strchr(text, '-');

	memset(range, 0, sizeof(*range));
	if (!*text)
		return wrong("an address is missing in the list");
	if (slash)
		return parse_prefix(text, slash, range);
	if (dash)
		*dash = '\0';
	if (parse_address(text, &range->first))
		return -1;
	range->last = range->first;
	if (!dash)
		return 0;
	if (parse_address(dash + 1, &range->last))
		return -1;
	if (range->first.family != range->last.family)
		return wrong("'%s-%s' mixes IPv4 and IPv6", text, dash + 1);
	if (address_compare(&range->first, &range->last) > 0)
		return wrong("'%s-%s' ends before it begins", text, dash + 1);
	return 0;
}

static int parse_items(char *text, struct list *list)
{
	char *item, *next = text;
	struct range range;

	while ((item = strsep(&next, ","))) {
		if (parse_range(item, &range) || list_add(list, &range))
			return -1;
		if (range.first.family != list->range->first.family)
			return wrong("the list mixes IPv4 and IPv6");
	}
	return 0;
}

/**
 * parse_list() - ADDR, ADDR-ADDR or ADDR/LEN, any number, between commas
 * @text: the word
 * @list: where they go, in the order in which they are; list_free() it, whatever
 *	is returned
 */
int parse_list(const char *text, struct list *list)
{
	char *copy = strdup(text);
	int error;

	memset(list, 0, sizeof(*list));
	error = copy ? parse_items(copy, list) : wrong("out of memory");
	free(copy);
	return error;
}

/** list_add() - append to a list */
int list_add(struct list *list, const struct range *range)
{
	struct range *grown;

	grown = realloc(list->range, (list->ranges + 1) * sizeof(*grown));
	if (!grown)
		return wrong("out of memory");
	list->range = grown;
	grown[list->ranges++] = *range;
	return 0;
}

void list_free(struct list *list)
{
	free(list->range);
	memset(list, 0, sizeof(*list));
}

static int parse_port_range(char *text, struct port_range *range)
{
	char *dash = strchr(text, '-');
	uint32_t first, last;

	if (dash)
		*dash = '\0';
	if (parse_number(text, "port", 1, UINT16_MAX, &first) ||
	    parse_number(dash ? dash + 1 : text, "port", 1, UINT16_MAX, &last))
		return -1;
	if (first > last)
		return wrong("ports '%u-%u' end before they begin", first,
			     last);
	range->first = first;
	range->last = last;
	return 0;
}

static bool overlaps(const struct ports *ports, const struct port_range *range)
{
	const struct port_range *other;

	for (other = ports->range; other < range; other++)
		if (other->first <= range->last && range->first <= other->last)
			return true;
	return false;
}

/** parse_ports() - LO-HI, or some of them between commas; or default */
int parse_ports(const char *text, struct ports *ports)
{
	char copy[PORT_RANGES * sizeof("65535-65535")], *item, *next = copy;
	struct port_range *range;

	memset(ports, 0, sizeof(*ports));
	if (!strcmp(text, "default"))
		return 0;
	if (strlen(text) >= sizeof(copy))
		return wrong("ports '%.40s...' are too many ranges", text);
	memcpy(copy, text, strlen(text) + 1);
	while ((item = strsep(&next, ","))) {
		if (ports->ranges == PORT_RANGES)
			return wrong("ports '%s' are more than %d ranges", text,
				     PORT_RANGES);
		range = &ports->range[ports->ranges++];
		if (parse_port_range(item, range))
			return -1;
		if (overlaps(ports, range))
			return wrong("ports '%s' overlap", text);
	}
	return 0;
}
