// SPDX-License-Identifier: GPL-2.0
/* Addresses and services: their order, and how they are written. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "parse.h"

size_t address_size(const struct address *address)
{
	return address->family == AF_INET6 ? 16 : 4;
}

int address_compare(const struct address *a, const struct address *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

/** service_compare() - the order in which people look for services */
int service_compare(const struct service *a, const struct service *b)
{
	int order;

	if (a->protocol != b->protocol)
		return a->protocol && (a->protocol < b->protocol ||
				       !b->protocol) ? -1 : 1;
	order = address_compare(&a->endpoint.address, &b->endpoint.address);
	if (order)
		return order;
	if (a->endpoint.port != b->endpoint.port)
		return a->endpoint.port < b->endpoint.port ? -1 : 1;
	if (a->fwmark != b->fwmark)
		return a->fwmark < b->fwmark ? -1 : 1;
	return 0;
}

/**
 * address_next() - the address after this one
 * @a: an address
 * @next: where the one after goes; may be @a
 *
 * Return: false if @a is the last one of its family
 */
bool address_next(const struct address *a, struct address *next)
{
	int i = address_size(a);

	*next = *a;
	while (i--)
		if (++next->bytes[i])
			return true;
	return false;
}

/**
 * address_add() - the address so many after this one
 * @a: an address, or none (its family is 0)
 * @number: how many
 * @sum: where that one goes; may be @a
 *
 * Return: false if there is none
 */
bool address_add(const struct address *a, uint32_t number, struct address *sum)
{
	uint64_t carry = number;
	int i = address_size(a);

	*sum = *a;
	while (i--) {
		carry += sum->bytes[i];
		sum->bytes[i] = carry;
		carry >>= 8;
	}
	return sum->family && !carry;
}

/** address_previous() - the address before this one; as address_next() */
bool address_previous(const struct address *a, struct address *previous)
{
	int i = address_size(a);

	*previous = *a;
	while (i--)
		if (previous->bytes[i]--)
			return true;
	return false;
}

/* libc takes half a microsecond for it, which a million sessions would show */
static char *ipv4_text(const uint8_t *bytes, char *text)
{
	char *end = text;
	int i;

	for (i = 0; i < 4; i++) {
		if (bytes[i] >= 100)
			*end++ = '0' + bytes[i] / 100;
		if (bytes[i] >= 10)
			*end++ = '0' + bytes[i] / 10 % 10;
		*end++ = '0' + bytes[i] % 10;
		*end++ = i < 3 ? '.' : '\0';
	}
	return text;
}

/** address_text() - write an address; @text holds ADDRESS_TEXT bytes */
char *address_text(const struct address *address, char *text)
{
	if (address->family != AF_INET6)
		return ipv4_text(address->bytes, text);
	inet_ntop(AF_INET6, address->bytes, text, ADDRESS_TEXT);
	return text;
}

/** endpoint_text() - write ADDR:PORT; @text holds ENDPOINT_TEXT bytes */
char *endpoint_text(const struct endpoint *endpoint, char *text)
{
	bool six = endpoint->address.family == AF_INET6;
	char *end = text, digits[6], *digit = digits + sizeof(digits);
	unsigned int port = endpoint->port;

	if (six)
		*end++ = '[';
	address_text(&endpoint->address, end);
	end += strlen(end);
	if (six)
		*end++ = ']';
	*end++ = ':';
	*--digit = '\0';
	do {
		*--digit = '0' + port % 10;
	} while (port /= 10);
	memcpy(end, digit, strlen(digit) + 1);
	return text;
}

/** range_text() - write ADDR, ADDR-ADDR or ADDR/LEN; @text: RANGE_TEXT bytes */
char *range_text(const struct range *range, char *text)
{
	char *end;

	address_text(&range->first, text);
	end = text + strlen(text);
	if (range->prefix) {
		sprintf(end, "/%u", range->length);
	} else if (address_compare(&range->first, &range->last)) {
		*end++ = '-';
		address_text(&range->last, end);
	}
	return text;
}

/** protocol_name() - "tcp", "udp"; 0 is "fwmark" */
const char *protocol_name(uint8_t protocol)
{
	switch (protocol) {
	case 0:
		return "fwmark";
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	default:
		return "unknown";
	}
}

/** service_words() - the words that mean it; @text holds SERVICE_TEXT bytes */
char *service_words(const struct service *service, char *text)
{
	char endpoint[ENDPOINT_TEXT];

	if (!service->protocol)
		snprintf(text, SERVICE_TEXT, "-f %u%s", service->fwmark,
			 service->endpoint.address.family == AF_INET6 ?
			 " -6" : "");
	else
		snprintf(text, SERVICE_TEXT, "-%c %s",
			 service->protocol == IPPROTO_TCP ? 't' : 'u',
			 endpoint_text(&service->endpoint, endpoint));
	return text;
}

/** service_text() - what a person calls it; @text holds SERVICE_TEXT bytes */
char *service_text(const struct service *service, char *text)
{
	char endpoint[ENDPOINT_TEXT];

	if (!service->protocol)
		snprintf(text, SERVICE_TEXT, "fwmark %u%s", service->fwmark,
			 service->endpoint.address.family == AF_INET6 ?
			 " ipv6" : "");
	else
		snprintf(text, SERVICE_TEXT, "%s %s",
			 protocol_name(service->protocol),
			 endpoint_text(&service->endpoint, endpoint));
	return text;
}
