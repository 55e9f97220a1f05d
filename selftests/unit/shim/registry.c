// SPDX-License-Identifier: GPL-2.0
/* What a module registers: parameters, schedulers, files in debugfs. */
#include <stdarg.h>

#include "shim.h"

static struct { const char *name; void *var; } params[16];

void shim_param_add(const char *name, void *var)
{
	for (size_t i = 0; i < ARRAY_SIZE(params); i++) {
		if (params[i].name)
			continue;
		params[i].name = name;
		params[i].var = var;
		return;
	}
	shim_die(__FILE__, __LINE__, __func__, "too many parameters");
}

void *shim_param(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(params) && params[i].name; i++)
		if (!strcmp(params[i].name, name))
			return params[i].var;
	return NULL;
}

static struct ip_vs_scheduler *schedulers[8];
unsigned int shim_err_count;
const char *shim_err_last = "";

int register_ip_vs_scheduler(struct ip_vs_scheduler *sched)
{
	if (!sched || !sched->name || strlen(sched->name) >= IP_VS_SCHEDNAME_MAXLEN ||
	    !sched->init_service || !sched->schedule || shim_scheduler(sched->name))
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(schedulers); i++) {
		if (schedulers[i])
			continue;
		schedulers[i] = sched;
		return 0;
	}
	return -ENOMEM;
}

int unregister_ip_vs_scheduler(struct ip_vs_scheduler *sched)
{
	for (size_t i = 0; i < ARRAY_SIZE(schedulers); i++) {
		if (schedulers[i] != sched)
			continue;
		schedulers[i] = NULL;
		return 0;
	}
	return -EINVAL;
}

struct ip_vs_scheduler *shim_scheduler(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(schedulers); i++)
		if (schedulers[i] && !strcmp(schedulers[i]->name, name))
			return schedulers[i];
	return NULL;
}

unsigned int shim_schedulers(void)
{
	unsigned int n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(schedulers); i++)
		n += !!schedulers[i];
	return n;
}

void ip_vs_scheduler_err(struct ip_vs_service *svc, const char *msg)
{
	shim_assert(svc && msg);
	__atomic_fetch_add(&shim_err_count, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&shim_err_last, msg, __ATOMIC_RELAXED);
}

/* debugfs: a list of paths */
struct dentry {
	struct dentry *next, *parent;
	const struct file_operations *fops;
	struct inode inode;
	char path[256];
};

static struct dentry *entries;
static pthread_mutex_t entries_lock = PTHREAD_MUTEX_INITIALIZER;	/* held while reading */

struct dentry *debugfs_create_file(const char *name, umode_t mode, struct dentry *parent,
				   void *data, const struct file_operations *fops)
{
	struct dentry *d = calloc(1, sizeof(*d));

	might_sleep();
	(void)mode;
	snprintf(d->path, sizeof(d->path), "%.180s%s%.60s", parent ? parent->path : "",
		 parent ? "/" : "", name);
	d->parent = parent;
	d->fops = fops;
	d->inode.i_private = data;
	pthread_mutex_lock(&entries_lock);
	d->next = entries;
	entries = d;
	pthread_mutex_unlock(&entries_lock);
	return d;
}

struct dentry *debugfs_create_dir(const char *name, struct dentry *parent)
{
	return debugfs_create_file(name, 0, parent, NULL, NULL);
}

void debugfs_remove(struct dentry *d)
{
	struct dentry **at;

	might_sleep();
	if (IS_ERR_OR_NULL(d))
		return;
	pthread_mutex_lock(&entries_lock);
	for (at = &entries; *at && *at != d; at = &(*at)->next)
		shim_assert((*at)->parent != d);	/* our modules tidy up themselves */
	shim_assert(*at);
	*at = d->next;
	pthread_mutex_unlock(&entries_lock);
	free(d);
}

unsigned int shim_debugfs_entries(void)
{
	unsigned int n = 0;

	for (struct dentry *d = entries; d; d = d->next)
		n++;
	return n;
}

struct open_file { int (*show)(struct seq_file *m, void *v); void *data; };

int single_open(struct file *file, int (*show)(struct seq_file *, void *), void *data)
{
	struct open_file *of = file->private_data;

	of->show = show;
	of->data = data;
	return 0;
}

ssize_t shim_debugfs_read(const char *path, char *buf, size_t size)
{
	struct open_file of = { 0 };
	struct file file = { .private_data = &of };
	struct seq_file m = { .buf = buf, .size = size };
	int err = -ENOENT;
	struct dentry *d;

	pthread_mutex_lock(&entries_lock);
	for (d = entries; d && (!d->fops || strcmp(d->path, path)); d = d->next)
		;
	if (d)
		err = d->fops->open(&d->inode, &file);
	m.private = of.data;
	if (!err)
		err = of.show(&m, NULL);
	pthread_mutex_unlock(&entries_lock);
	return err ? err : (ssize_t)m.count;
}

/* As the kernel's, which knows addresses: %pI4 and %pI6c. */
static int print(char *buf, size_t size, const char *fmt, va_list args)
{
	size_t at = 0;
	char spec[16], one[256];

	for (; *fmt; fmt++) {
		size_t n = 1 + strspn(fmt + 1, "-+ #0123456789.lhz");
		bool big = memchr(fmt, 'l', n) || memchr(fmt, 'z', n);

		snprintf(spec, sizeof(spec), "%.*s", (int)n + 1, fmt);
		if (*fmt != '%')
			snprintf(one, sizeof(one), "%c", *fmt);
		else if (!strncmp(fmt, "%pI4", 4))
			inet_ntop(AF_INET, va_arg(args, void *), one, sizeof(one));
		else if (!strncmp(fmt, "%pI6c", 5))
			inet_ntop(AF_INET6, va_arg(args, void *), one, sizeof(one));
		else if (fmt[n] == 's' || fmt[n] == 'p')
			snprintf(one, sizeof(one), spec, va_arg(args, void *));
		else if (big)
			snprintf(one, sizeof(one), spec, va_arg(args, long long));
		else
			snprintf(one, sizeof(one), spec, va_arg(args, int));
		if (*fmt == '%')
			fmt += !strncmp(fmt, "%pI4", 4) ? 3 : !strncmp(fmt, "%pI6c", 5) ? 4 : n;
		at += snprintf(buf + at, at < size ? size - at : 0, "%s", one);
	}
	return at;
}

int shim_snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = print(buf, size, fmt, args);
	va_end(args);
	return n;
}

void seq_printf(struct seq_file *m, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	m->count += print(m->buf + m->count, m->size - m->count, fmt, args);
	va_end(args);
	shim_assert(m->count < m->size);
}
