// SPDX-License-Identifier: GPL-2.0
/* The running part of the shim: sections, memory, RCU, locks. */
#include "shim.h"

#include <malloc.h>
#include <stdarg.h>

#ifdef SHIM_TSAN
int shim_fence;
/* Called at volatile accesses, with which the kernel says that a race is meant. */
#define SHIM_VOLATILE(op) \
void __tsan_volatile_##op(void *p); \
void __tsan_volatile_##op(void *p) { (void)p; }
SHIM_VOLATILE(read4)
SHIM_VOLATILE(write4)
SHIM_VOLATILE(read8)
SHIM_VOLATILE(write8)
#endif

bool shim_threads;

void shim_die(const char *file, int line, const char *func, const char *what)
{
	fflush(stdout);
	fprintf(stderr, "%s:%d: %s: failed: %s\n", file, line, func, what);
	abort();
}

/* Every section is a reader of one lock, which a grace period takes as writer. */
static pthread_rwlock_t readers = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static __thread unsigned int depth;
static struct rcu_head *freed;		/* oldest last */
static pthread_mutex_t freed_lock = PTHREAD_MUTEX_INITIALIZER;

void shim_section_enter(void)
{
	if (!depth++)
		pthread_rwlock_rdlock(&readers);
}

void shim_section_leave(void)
{
	shim_assert(depth);
	if (--depth)
		return;
	pthread_rwlock_unlock(&readers);
	if (!shim_threads && freed)
		shim_grace_period();
}

bool shim_in_section(void)
{
	return depth;
}

void synchronize_rcu(void)
{
	might_sleep();
	pthread_rwlock_wrlock(&readers);
	pthread_rwlock_unlock(&readers);
}

void shim_grace_period(void)
{
	struct rcu_head *head, *next;

	pthread_mutex_lock(&freed_lock);
	head = freed;
	freed = NULL;
	pthread_mutex_unlock(&freed_lock);
	synchronize_rcu();
	for (; head; head = next) {
		next = head->next;
		/* kfree_rcu() leaves the offset in place of the function */
		if ((unsigned long)head->func < 4096)
			kfree((char *)head - (unsigned long)head->func);
		else
			head->func(head);
	}
}

void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head))
{
	head->func = func;
	pthread_mutex_lock(&freed_lock);
	head->next = freed;
	freed = head;
	pthread_mutex_unlock(&freed_lock);
	if (!shim_threads && !depth)
		shim_grace_period();
}

/* Memory. The allocator knows what was asked for where a sanitizer supplies it. */
static struct shim_memory memory;
static pthread_mutex_t memory_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned int fail_at, fail_count;
static bool fail_on;

static size_t rounded(size_t size)
{
	size_t class = 8;

	if (size > 8192)
		return round_up(size, 4096);
	if (size > 64 && size <= 96)
		return 96;
	if (size > 128 && size <= 192)
		return 192;
	while (class < size)
		class *= 2;
	return class;
}

static void memory_count(const void *p, int sign)
{
	size_t size = malloc_usable_size((void *)p);

	pthread_mutex_lock(&memory_lock);
	memory.objects += sign;
	memory.bytes += sign * size;
	memory.rounded += sign * rounded(size);
	pthread_mutex_unlock(&memory_lock);
}

void (*shim_on_alloc)(void);

void *shim_alloc(size_t n, size_t size, gfp_t gfp)
{
	void *p;

	if (shim_on_alloc)
		shim_on_alloc();

	if (gfp & GFP_KERNEL)
		might_sleep();
	if (fail_at && !--fail_at) {
		fail_count++;
		fail_at = fail_on;
		return NULL;
	}
	if (__builtin_mul_overflow(n, size, &size))
		return NULL;
	if (posix_memalign(&p, 64, size ?: 1))
		shim_die(__FILE__, __LINE__, __func__, "out of memory");
	memset(p, gfp & __GFP_ZERO ? 0 : 0x5a, size);
	memory_count(p, 1);
	return p;
}

void kfree(const void *p)
{
	if (!p)
		return;
	memory_count(p, -1);
	free((void *)p);
}

void shim_fail_nth(unsigned int n, bool on)
{
	fail_at = n;
	fail_on = on;
	fail_count = 0;
}

unsigned int shim_failed(void)
{
	return fail_count;
}

struct shim_memory shim_memory(void)
{
	return memory;
}

/* Locks */
bool shim_lock_held(const struct shim_lock *l)
{
	return __atomic_load_n(&l->held, __ATOMIC_RELAXED) &&
	       __atomic_load_n(&l->owner, __ATOMIC_RELAXED) == pthread_self();
}

static bool take(struct shim_lock *l)
{
	if (__atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE))
		return false;
	__atomic_store_n(&l->owner, pthread_self(), __ATOMIC_RELAXED);
	return true;
}

static unsigned int waiting;

void shim_lock(struct shim_lock *l)
{
	shim_assert(!shim_lock_held(l));
	if (take(l))
		return;
	__atomic_fetch_add(&waiting, 1, __ATOMIC_SEQ_CST);
	while (!take(l))
		sched_yield();
	__atomic_fetch_sub(&waiting, 1, __ATOMIC_SEQ_CST);
}

unsigned int shim_waiting(void)
{
	return __atomic_load_n(&waiting, __ATOMIC_SEQ_CST);
}

void shim_unlock(struct shim_lock *l)
{
	shim_assert(shim_lock_held(l));
	__atomic_store_n(&l->owner, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&l->held, 0, __ATOMIC_RELEASE);
}

/* Log */
unsigned int shim_log_lines;
char shim_log_last[256];

void shim_log(const char *level, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(shim_log_last, sizeof(shim_log_last), fmt, args);
	va_end(args);
	shim_log_lines++;
	if (getenv("V"))
		printf("# %s: %s", level, shim_log_last);
}
