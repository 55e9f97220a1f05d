/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Words of the command line, and how they are written again: addresses, lists
 * of addresses, ports, services. Nothing here knows of netlink.
 *
 * Every parse_ function returns 0, or -1 with a sentence in parse_error: lower
 * case, no full stop, with the words that it is about.
 */
#ifndef FNATCTL_PARSE_H
#define FNATCTL_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/ip_vs_fullnat.h>

#define ADDRESS_TEXT	46	/* the longest address and its NUL */
#define ENDPOINT_TEXT	56	/* [address]:port */
#define RANGE_TEXT	(2 * ADDRESS_TEXT)
#define SERVICE_TEXT	64	/* a protocol or an option, and an endpoint */
#define PORT_RANGES	IPVS_FULLNAT_MAX_RANGES

/* An address; family is AF_INET or AF_INET6. Bytes in network order, those that
 * IPv4 does not have are zero, so that memcmp() compares.
 */
struct address {
	uint8_t family;
	uint8_t bytes[16];
};

/* An address and a port in host order; 0 stands for any. */
struct endpoint {
	struct address address;
	uint16_t port;
};

/* Addresses from first to last, both included, of one family. If they were
 * written as a prefix, length is its length.
 */
struct range {
	struct address first;
	struct address last;
	bool prefix;
	uint8_t length;
};

struct list {
	struct range *range;
	size_t ranges;
};

struct port_range {
	uint16_t first;
	uint16_t last;
};

/* No range: the default ports. */
struct ports {
	struct port_range range[PORT_RANGES];
	unsigned int ranges;
};

/* A virtual service as IPVS has it: protocol and endpoint or, if protocol is
 * 0, a firewall mark and endpoint.address.family.
 */
struct service {
	uint8_t protocol;
	uint32_t fwmark;
	struct endpoint endpoint;
};

extern char parse_error[256];

int wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

int parse_number(const char *text, const char *what, uint32_t low,
		 uint32_t high, uint32_t *number);
int parse_switch(const char *text, const char *what, bool *on);
int parse_address(const char *text, struct address *address);
int parse_endpoint(const char *text, const char *protocol,
		   struct endpoint *endpoint);
int parse_service(uint8_t protocol, const char *text, struct service *service);
int parse_fwmark(const char *text, bool six, struct service *service);
int parse_list(const char *text, struct list *list);
int parse_ports(const char *text, struct ports *ports);
int list_add(struct list *list, const struct range *range);
void list_free(struct list *list);

/* text.c */
size_t address_size(const struct address *address);
int address_compare(const struct address *a, const struct address *b);
int service_compare(const struct service *a, const struct service *b);
bool address_next(const struct address *a, struct address *next);
bool address_add(const struct address *a, uint32_t number,
		 struct address *sum);
bool address_previous(const struct address *a, struct address *previous);

char *address_text(const struct address *address, char *text);
char *endpoint_text(const struct endpoint *endpoint, char *text);
char *range_text(const struct range *range, char *text);
char *service_words(const struct service *service, char *text);
char *service_text(const struct service *service, char *text);
const char *protocol_name(uint8_t protocol);

#endif
