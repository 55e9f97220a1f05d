// SPDX-License-Identifier: GPL-2.0
/* Requests of generic netlink, and what their parts are about. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nl.h"

static void reserve(struct nl *nl, size_t size)
{
	size_t wanted = nl->used + size;

	if (wanted <= nl->size)
		return;
	wanted = wanted * 2 + 4096;
	nl->request = realloc(nl->request, wanted);
	if (!nl->request) {
		fputs("fnatctl: out of memory\n", stderr);
		exit(1);
	}
	memset(nl->request + nl->size, 0, wanted - nl->size);
	nl->size = wanted;
}

static void forget_marks(struct nl *nl)
{
	while (nl->marks)
		free(nl->mark[--nl->marks].about);
}

/**
 * nl_begin() - begin a request, of any family
 * @nl: an open socket
 * @type: the family's number
 * @command: of the family
 * @flags: NLM_F_DUMP, or 0
 */
void nl_begin(struct nl *nl, uint16_t type, uint8_t command, uint16_t flags)
{
	struct nlmsghdr *header;
	struct genlmsghdr *generic;

	forget_marks(nl);
	nl->used = 0;
	nl->unfit = false;
	reserve(nl, NLMSG_HDRLEN + GENL_HDRLEN);
	memset(nl->request, 0, nl->size);
	header = mnl_nlmsg_put_header(nl->request);
	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST | flags;
	if (!(flags & NLM_F_DUMP))
		header->nlmsg_flags |= NLM_F_ACK;
	header->nlmsg_seq = ++nl->sequence;
	generic = mnl_nlmsg_put_extra_header(header, sizeof(*generic));
	generic->cmd = command;
	generic->version = 1;
	nl->used = header->nlmsg_len;
}

/**
 * nl_request() - begin a request
 * @nl: an open socket
 * @command: of its family
 * @flags: NLM_F_DUMP, or 0
 */
void nl_request(struct nl *nl, uint8_t command, uint16_t flags)
{
	nl_begin(nl, nl->family, command, flags);
}

/** nl_put() - append an attribute to the request, or to the nest in it */
void nl_put(struct nl *nl, uint16_t type, const void *data, size_t size)
{
	struct nlmsghdr *header;

	if (size > UINT16_MAX - MNL_ATTR_HDRLEN) {
		nl->unfit = true;
		return;
	}
	reserve(nl, MNL_ATTR_HDRLEN + MNL_ALIGN(size));
	header = (struct nlmsghdr *)nl->request;
	mnl_attr_put(header, type, size, data);
	nl->used = header->nlmsg_len;
}

void nl_put_u8(struct nl *nl, uint16_t type, uint8_t number)
{
	nl_put(nl, type, &number, sizeof(number));
}

void nl_put_u16(struct nl *nl, uint16_t type, uint16_t number)
{
	nl_put(nl, type, &number, sizeof(number));
}

/** nl_put_be16() - of a number in host order, such as a port */
void nl_put_be16(struct nl *nl, uint16_t type, uint16_t number)
{
	nl_put_u16(nl, type, htons(number));
}

void nl_put_u32(struct nl *nl, uint16_t type, uint32_t number)
{
	nl_put(nl, type, &number, sizeof(number));
}

void nl_put_address(struct nl *nl, uint16_t type, const struct address *address)
{
	nl_put(nl, type, address->bytes, address_size(address));
}

/**
 * nl_nest() - begin an attribute that holds others
 * @nl: the request
 * @type: the attribute's
 *
 * Return: what nl_nest_end() wants
 */
size_t nl_nest(struct nl *nl, uint16_t type)
{
	size_t nest = nl->used;

	nl_put(nl, type | NLA_F_NESTED, NULL, 0);
	return nest;
}

void nl_nest_end(struct nl *nl, size_t nest)
{
	struct nlattr *attribute = (struct nlattr *)(nl->request + nest);

	if (nl->used - nest > UINT16_MAX)
		nl->unfit = true;
	else
		attribute->nla_len = nl->used - nest;
}

/**
 * nl_mark() - say what the request is about from here on
 * @nl: the request
 * @line: the line of a file, or 0
 * @about: for people, if the kernel finds fault with it; NULL: nothing special
 * @first: the first one of the addresses that it is about; NULL: of none
 */
void nl_mark(struct nl *nl, unsigned int line, const char *about,
	     const struct address *first)
{
	struct nl_mark *grown;

	grown = realloc(nl->mark, (nl->marks + 1) * sizeof(*grown));
	if (!grown)
		return;
	nl->mark = grown;
	grown[nl->marks++] = (struct nl_mark){
		.offset = nl->used,
		.line = line,
		.about = about ? strdup(about) : NULL,
	};
	if (first)
		grown[nl->marks - 1].first = *first;
}

/** nl_marked() - what the request is about at an offset; NULL: not said */
const struct nl_mark *nl_marked(const struct nl *nl, size_t offset)
{
	size_t i = nl->marks;

	while (i--)
		if (nl->mark[i].offset <= offset)
			return &nl->mark[i];
	return NULL;
}

/** nl_forget() - a request is not needed any more */
void nl_forget(struct nl *nl)
{
	forget_marks(nl);
	free(nl->mark);
	free(nl->request);
}
