// SPDX-License-Identifier: GPL-2.0
/* Named network namespaces. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "nl.h"

#define NETNS_DIR	"/run/netns"

/**
 * netns_enter() - enter a named network namespace
 * @name: as ip netns knows it
 *
 * Return: 0, or a negative errno with a sentence in parse_error
 */
int netns_enter(const char *name)
{
	char path[300];
	int fd, error;

	if (!*name || strchr(name, '/') || !strcmp(name, ".") ||
	    !strcmp(name, "..") || strlen(name) > 255) {
		wrong("'%.60s' is not the name of a network namespace", name);
		return -EINVAL;
	}
	snprintf(path, sizeof(path), NETNS_DIR "/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		wrong("there is no network namespace '%s'", name);
		return -ENOENT;
	}
	error = fd < 0 || setns(fd, CLONE_NEWNET) ? -errno : 0;
	if (error)
		wrong("cannot enter the network namespace '%s': %s", name,
		      strerror(-error));
	if (fd >= 0)
		close(fd);
	return error;
}
