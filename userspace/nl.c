// SPDX-License-Identifier: GPL-2.0
/*
 * A socket of generic netlink, with libmnl. Whatever fails is left as a sentence in
 * nl->error, and a negative errno is returned.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nl.h"

#define ANSWER_SIZE	(256 << 10)	/* the kernel's largest are 32 KiB */
#define EVENT_BYTES	(4 << 20)	/* that may wait to be read */

static int __attribute__((format(printf, 3, 4)))
fail(struct nl *nl, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(nl->error, sizeof(nl->error), format, arguments);
	va_end(arguments);
	return error;
}

/* Answers */

/* What an error means that came without a sentence. */
static const char *plain_reason(int error)
{
	switch (error) {
	case -EPERM:
		return "not permitted: this needs CAP_NET_ADMIN";
	case -EOPNOTSUPP:
		return "the kernel's module does not know this: it is older than this tool";
	default:
		return strerror(-error);
	}
}

/* @extack: the attributes that come with an error, @size bytes of them. The
 * cookie says which address it is about, where a range was given.
 */
static int refused(struct nl *nl, int error, const void *extack, size_t size)
{
	const struct nl_mark *mark = NULL;
	const char *reason = NULL, *about;
	char line[32] = "", text[ADDRESS_TEXT];
	const struct nlattr *attr;
	struct address address;
	bool single = false;
	uint32_t index = 0;

	mnl_attr_for_each_payload(extack, size) {
		switch (mnl_attr_get_type(attr)) {
		case NLMSGERR_ATTR_MSG:
			reason = nl_string(attr);
			break;
		case NLMSGERR_ATTR_OFFS:
			mark = nl_marked(nl, nl_number(attr));
			break;
		case NLMSGERR_ATTR_COOKIE:
			single = nl_index(attr, &index);
			break;
		}
	}
	if (!reason)
		reason = plain_reason(error);
	if (mark && mark->line)
		snprintf(line, sizeof(line), "line %u: ", mark->line);
	about = mark ? mark->about : NULL;
	if (single && mark && address_add(&mark->first, index, &address))
		about = address_text(&address, text);
	return fail(nl, error, "%s%s%s%s", line, about ? about : "",
		    about ? ": " : "", reason);
}

static int ended(struct nl *nl, const struct nlmsghdr *message, size_t skip)
{
	size_t size = mnl_nlmsg_get_payload_len(message);
	const char *payload = mnl_nlmsg_get_payload(message);
	int error = 0;

	if (size >= sizeof(error))
		memcpy(&error, payload, sizeof(error));
	if (error >= 0)
		return 0;
	if (!(message->nlmsg_flags & NLM_F_ACK_TLVS) || skip > size)
		skip = size;
	return refused(nl, error, payload + skip, size - skip);
}

/* How much of an NLMSG_ERROR is not attributes: the request may be in it. */
static size_t error_head(const struct nlmsghdr *message)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);
	size_t head = sizeof(*error);

	if (!(message->nlmsg_flags & NLM_F_CAPPED) &&
	    mnl_nlmsg_get_payload_len(message) >= head)
		head += MNL_ALIGN(error->msg.nlmsg_len) - NLMSG_HDRLEN;
	return head;
}

/* Return: 1 to go on; 0 or a negative errno at the end */
static int handle(struct nl *nl, const struct nlmsghdr *message, nl_each each,
		  void *data)
{
	if (message->nlmsg_seq != nl->sequence ||
	    message->nlmsg_pid != nl->portid)
		return 1;
	if (message->nlmsg_flags & NLM_F_DUMP_INTR)
		nl->interrupted = true;
	switch (message->nlmsg_type) {
	case NLMSG_ERROR:
		return ended(nl, message, error_head(message));
	case NLMSG_DONE:
		return ended(nl, message, sizeof(int));
	}
	if (message->nlmsg_type < NLMSG_MIN_TYPE || !each)
		return 1;
	return each(message, data) ? 0 : 1;
}

static ssize_t receive(struct nl *nl)
{
	ssize_t size;

	do
		size = mnl_socket_recvfrom(nl->socket, nl->answer, ANSWER_SIZE);
	while (size < 0 && errno == EINTR);
	return size < 0 ? -errno : size;
}

static int answers(struct nl *nl, nl_each each, void *data)
{
	const struct nlmsghdr *message;
	int left, status;

	for (;;) {
		left = receive(nl);
		if (left < 0)
			return fail(nl, left, "no answer from the kernel: %s",
				    strerror(-left));
		message = (const struct nlmsghdr *)nl->answer;
		while (mnl_nlmsg_ok(message, left)) {
			status = handle(nl, message, each, data);
			if (status <= 0)
				return status;
			message = mnl_nlmsg_next(message, &left);
		}
	}
}

/* The kernel takes no message that is larger than the socket's buffer. */
static void make_room(struct nl *nl)
{
	int bytes = nl->used + 4096;

	if (nl->used < 64 << 10 || nl->used > INT32_MAX / 2)
		return;
	if (mnl_socket_setsockopt(nl->socket, SO_SNDBUFFORCE, &bytes,
				  sizeof(bytes)) < 0)
		setsockopt(mnl_socket_get_fd(nl->socket), SOL_SOCKET,
			   SO_SNDBUF, &bytes, sizeof(bytes));
}

/**
 * nl_run() - send the request, take the answer
 * @nl: the socket, with a request
 * @each: is handed each message of the answer; or NULL
 * @data: for @each
 *
 * Return: 0, or a negative errno and nl->error
 */
int nl_run(struct nl *nl, nl_each each, void *data)
{
	nl->interrupted = false;
	if (nl->unfit)
		return fail(nl, -EMSGSIZE,
			    "this is more than one request can hold: use ranges, or several commands");
	make_room(nl);
	if (mnl_socket_sendto(nl->socket, nl->request, nl->used) < 0)
		return fail(nl, -errno, "cannot ask the kernel: %s",
			    strerror(errno));
	return answers(nl, each, data);
}

/**
 * nl_listen() - take the family's events, forever
 * @nl: an open socket
 * @each: is handed each; anything but 0 ends it
 * @lost: is called if events were lost, because nobody was fast enough
 * @data: for @each
 *
 * Return: 0 if @each ended it, or a negative errno and nl->error
 */
int nl_listen(struct nl *nl, nl_each each, void (*lost)(void), void *data)
{
	int bytes = EVENT_BYTES, left;
	const struct nlmsghdr *message;

	setsockopt(mnl_socket_get_fd(nl->socket), SOL_SOCKET, SO_RCVBUFFORCE,
		   &bytes, sizeof(bytes));
	if (mnl_socket_setsockopt(nl->socket, NETLINK_ADD_MEMBERSHIP,
				  &nl->group, sizeof(nl->group)) < 0)
		return fail(nl, -errno, "cannot listen to the kernel: %s",
			    plain_reason(-errno));
	for (;;) {
		left = receive(nl);
		if (left == -ENOBUFS) {
			lost();
			continue;
		}
		if (left < 0)
			return fail(nl, left, "cannot listen to the kernel: %s",
				    strerror(-left));
		message = (const struct nlmsghdr *)nl->answer;
		while (mnl_nlmsg_ok(message, left)) {
			if (message->nlmsg_type == nl->family &&
			    each(message, data))
				return 0;
			message = mnl_nlmsg_next(message, &left);
		}
	}
}

/* Families */

static void find_group(struct nl *nl, const struct nlattr *groups)
{
	const struct nlattr *group, *table[CTRL_ATTR_MCAST_GRP_MAX + 1];

	if (!groups)
		return;
	mnl_attr_for_each_nested(group, groups) {
		nl_nested(group, table, CTRL_ATTR_MCAST_GRP_MAX);
		nl->group = nl_number(table[CTRL_ATTR_MCAST_GRP_ID]);
	}
}

static int found_family(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *table[CTRL_ATTR_MAX + 1];
	struct nl *nl = data;

	nl_attributes(message, table, CTRL_ATTR_MAX);
	nl->family = nl_number(table[CTRL_ATTR_FAMILY_ID]);
	find_group(nl, table[CTRL_ATTR_MCAST_GROUPS]);
	return 0;
}

static int open_socket(struct nl *nl)
{
	int on = 1;

	nl->answer = malloc(ANSWER_SIZE);
	if (!nl->answer)
		return -ENOMEM;
	nl->socket = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!nl->socket ||
	    mnl_socket_bind(nl->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	nl->portid = mnl_socket_get_portid(nl->socket);
	mnl_socket_setsockopt(nl->socket, NETLINK_EXT_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(nl->socket, NETLINK_CAP_ACK, &on, sizeof(on));
	return 0;
}

/**
 * nl_open() - open a socket for a family
 * @nl: the socket; nl_close() it, whatever is returned
 * @family: its name. The kernel loads the module if it has it installed.
 *
 * Return: 0, or a negative errno and nl->error; -ENOENT: no such family
 */
int nl_open(struct nl *nl, const char *family)
{
	int error;

	memset(nl, 0, sizeof(*nl));
	error = open_socket(nl);
	if (error)
		return fail(nl, error, "cannot open a netlink socket: %s",
			    strerror(-error));
	nl_begin(nl, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0);
	nl_put(nl, CTRL_ATTR_FAMILY_NAME, family, strlen(family) + 1);
	error = nl_run(nl, found_family, nl);
	if (!error && !nl->family)
		error = fail(nl, -ENOENT, "the kernel has no %s", family);
	return error;
}

void nl_close(struct nl *nl)
{
	if (nl->socket)
		mnl_socket_close(nl->socket);
	nl_forget(nl);
	free(nl->answer);
}
