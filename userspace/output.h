/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Standard output: JSON as it is made, without a copy of it in memory, and the
 * end of it, where errors of writing come to light.
 *
 * A document is an array, and each of its members is on a line of its own.
 */
#ifndef FNATCTL_OUTPUT_H
#define FNATCTL_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "parse.h"

void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

void json_begin(void);
void json_end(void);
void json_lines(void);

/* key: NULL inside an array */
void json_object(const char *key);
void json_array(const char *key);
void json_close(void);
void json_number(const char *key, uint64_t number);
void json_bool(const char *key, bool value);
void json_string(const char *key, const char *text);
void json_null(const char *key);
void json_address(const char *key, const struct address *address);
void json_endpoint(const char *key, const struct endpoint *endpoint);
void json_ports(const char *key, const struct ports *ports);
void json_service(const char *key, const struct service *service);

bool output_failed(void);
int output_finish(int status);

#endif
