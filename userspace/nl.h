/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Generic netlink: a family, a request that grows as needed, the kernel's
 * answer and, if it refuses, its sentence and what that is about.
 */
#ifndef FNATCTL_NL_H
#define FNATCTL_NL_H

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <stdbool.h>
#include <stdint.h>

#include "parse.h"

/* From @offset on the request is about this, until the next mark. */
struct nl_mark {
	size_t offset;
	unsigned int line;
	char *about;
	struct address first;
};

/* A socket of one family, and the request that is being made for it.
 *
 * @portid: the socket's address
 * @sequence: of the last request
 * @family: its number
 * @group: its multicast group's number, 0 if it has none
 * @request: the request, of which @used bytes are written
 * @mark: what parts of the request are about, by their place in it
 * @unfit: something in the request is larger than netlink can say
 * @interrupted: the last dump saw a change, so it may lack or repeat things
 * @answer: received bytes
 * @error: what went wrong, for people
 */
struct nl {
	struct mnl_socket *socket;
	unsigned int portid;
	unsigned int sequence;
	uint16_t family;
	uint32_t group;
	char *request;
	size_t used;
	size_t size;
	struct nl_mark *mark;
	size_t marks;
	bool unfit;
	bool interrupted;
	char *answer;
	char error[512];
};

/* Copies of a dump's messages; @cut: memory was too short for all. */
struct nl_messages {
	struct nlmsghdr **message;
	size_t count;
	bool cut;
};

/* Is handed each message of an answer; anything but 0 ends it. */
typedef int (*nl_each)(const struct nlmsghdr *message, void *data);

int nl_open(struct nl *nl, const char *family);
void nl_close(struct nl *nl);

int nl_run(struct nl *nl, nl_each each, void *data);
int nl_listen(struct nl *nl, nl_each each, void (*lost)(void), void *data);

/* request.c */
void nl_begin(struct nl *nl, uint16_t type, uint8_t command, uint16_t flags);
void nl_request(struct nl *nl, uint8_t command, uint16_t flags);
void nl_put(struct nl *nl, uint16_t type, const void *data, size_t size);
void nl_put_u8(struct nl *nl, uint16_t type, uint8_t number);
void nl_put_u16(struct nl *nl, uint16_t type, uint16_t number);
void nl_put_be16(struct nl *nl, uint16_t type, uint16_t number);
void nl_put_u32(struct nl *nl, uint16_t type, uint32_t number);
void nl_put_address(struct nl *nl, uint16_t type,
		    const struct address *address);
size_t nl_nest(struct nl *nl, uint16_t type);
void nl_nest_end(struct nl *nl, size_t nest);
void nl_mark(struct nl *nl, unsigned int line, const char *about,
	     const struct address *first);
const struct nl_mark *nl_marked(const struct nl *nl, size_t offset);
void nl_forget(struct nl *nl);

/* messages.c */
int nl_collect(struct nl *nl, struct nl_messages *messages);
void nl_free(struct nl_messages *messages);

/* attributes.c */
void nl_attributes(const struct nlmsghdr *message, const struct nlattr **table,
		   uint16_t max);
void nl_nested(const struct nlattr *nest, const struct nlattr **table,
	       uint16_t max);
uint8_t nl_command(const struct nlmsghdr *message);
uint64_t nl_number(const struct nlattr *attribute);
uint16_t nl_port(const struct nlattr *attribute);
bool nl_index(const struct nlattr *attribute, uint32_t *index);
bool nl_address(const struct nlattr *attribute, struct address *address);
const char *nl_string(const struct nlattr *attribute);

/* netns.c */
int netns_enter(const char *name);

#endif
