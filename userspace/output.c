// SPDX-License-Identifier: GPL-2.0
/* Standard output: JSON as it is made, and errors of writing. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "args.h"
#include "output.h"

#define DEPTH	8

/* What is open, outermost first, by the character that closes it. */
static struct {
	char closer[DEPTH];
	unsigned int depth;
	bool comma;
	bool lines;
} json;

static int write_error;	/* the first one */

/** complain() - one line on standard error, after the tool's name */
void complain(const char *format, ...)
{
	va_list arguments;

	fflush(stdout);
	output_failed();
	fputs("fnatctl: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

static void put_text(const char *text)
{
	const unsigned char *c;

	putchar_unlocked('"');
	for (c = (const unsigned char *)text; *c; c++) {
		if (*c == '"' || *c == '\\')
			putchar_unlocked('\\');
		if (*c < 0x20 || *c >= 0x7f)
			printf("\\u%04x", *c);
		else
			putchar_unlocked(*c);
	}
	putchar_unlocked('"');
}

/* What comes before a value: a comma, a new line, its key. */
static void lead(const char *key)
{
	if (json.comma)
		putchar_unlocked(',');
	if (json.depth == 1 && !json.lines)
		putchar_unlocked('\n');
	json.comma = true;
	if (!key)
		return;
	put_text(key);
	putchar_unlocked(':');
}

static void enter(const char *key, char opener, char closer)
{
	lead(key);
	putchar_unlocked(opener);
	json.closer[json.depth++] = closer;
	json.comma = false;
}

void json_object(const char *key)
{
	enter(key, '{', '}');
}

void json_array(const char *key)
{
	enter(key, '[', ']');
}

/** json_close() - of the object or array that was entered last */
void json_close(void)
{
	putchar_unlocked(json.closer[--json.depth]);
	json.comma = true;
	if (json.lines && !json.depth) {
		json.comma = false;
		putchar_unlocked('\n');
	}
}

/** json_begin() - a document */
void json_begin(void)
{
	json_array(NULL);
}

/** json_end() - the document's end, whatever is open; once or more often */
void json_end(void)
{
	if (!json.depth)
		return;
	while (json.depth > 1)
		json_close();
	putchar_unlocked('\n');
	json_close();
	putchar_unlocked('\n');
}

/** json_lines() - from now on each value is a document, on one line */
void json_lines(void)
{
	json.lines = true;
}

void json_number(const char *key, uint64_t number)
{
	char digits[21], *digit = digits + sizeof(digits);

	lead(key);
	*--digit = '\0';
	do {
		*--digit = '0' + number % 10;
	} while (number /= 10);
	fputs_unlocked(digit, stdout);
}

void json_bool(const char *key, bool value)
{
	lead(key);
	fputs_unlocked(value ? "true" : "false", stdout);
}

void json_null(const char *key)
{
	lead(key);
	fputs_unlocked("null", stdout);
}

void json_string(const char *key, const char *text)
{
	lead(key);
	put_text(text);
}

void json_address(const char *key, const struct address *address)
{
	char text[ADDRESS_TEXT];

	json_string(key, address_text(address, text));
}

/** json_endpoint() - {"address":A,"port":P} */
void json_endpoint(const char *key, const struct endpoint *endpoint)
{
	json_object(key);
	json_address("address", &endpoint->address);
	json_number("port", endpoint->port);
	json_close();
}

/** json_ports() - an array of {"first":LO,"last":HI} */
void json_ports(const char *key, const struct ports *ports)
{
	unsigned int i;

	json_array(key);
	for (i = 0; i < ports->ranges; i++) {
		json_object(NULL);
		json_number("first", ports->range[i].first);
		json_number("last", ports->range[i].last);
		json_close();
	}
	json_close();
}

/**
 * json_service() - what the service is, with the same keys for every kind
 * @key: as ever
 * @service: one with an address or one with a firewall mark, which has null
 *	where the other has something
 */
void json_service(const char *key, const struct service *service)
{
	bool six = service->endpoint.address.family == AF_INET6;

	json_object(key);
	json_string("protocol", protocol_name(service->protocol));
	json_string("family", six ? "ipv6" : "ipv4");
	if (service->protocol) {
		json_address("address", &service->endpoint.address);
		json_number("port", service->endpoint.port);
		json_null("fwmark");
	} else {
		json_null("address");
		json_null("port");
		json_number("fwmark", service->fwmark);
	}
	json_close();
}

/** output_failed() - has writing failed? Then more of it is in vain. */
bool output_failed(void)
{
	if (ferror_unlocked(stdout) && !write_error)
		write_error = errno;
	return ferror_unlocked(stdout);
}

/**
 * output_finish() - write out what is left
 * @status: the exit status so far
 *
 * Return: @status, or REFUSED if not all could be written, after saying so
 */
int output_finish(int status)
{
	bool failed = output_failed();

	errno = 0;
	/* some file systems do not tell before */
	if (!fclose(stdout) && !failed)
		return status;
	if (!write_error)
		write_error = errno;
	fprintf(stderr, "fnatctl: cannot write: %s\n", strerror(write_error));
	return status ? status : REFUSED;
}
