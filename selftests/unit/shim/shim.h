/* SPDX-License-Identifier: GPL-2.0 */
/* The part of the kernel that the scheduler uses, in user space: types, atomics,
 * lists, arithmetic. shim_os.h has what needs a running system behind it and
 * shim_ipvs.h what IPVS adds. The Makefile leads every <linux/...> here.
 */
#ifndef SHIM_H
#define SHIM_H

#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/types.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;
typedef unsigned int gfp_t;
typedef unsigned short umode_t;

#define U16_MAX		((u16)~0U)
#define U32_MAX		UINT32_MAX
#define U64_MAX		((u64)~0ULL)
#define S64_MAX		((s64)(U64_MAX >> 1))
#define S64_MIN		(-S64_MAX - 1)

#define __rcu
#define __init
#define __exit
#define __aligned(n)	__attribute__((aligned(n)))
#define __printf(a, b)	__attribute__((format(printf, a, b)))
#undef __always_inline
#define __always_inline	inline __attribute__((always_inline))
#define noinline	__attribute__((noinline))
#define __cold		__attribute__((cold))
#define SMP_CACHE_BYTES	64
#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))
#define struct_size(p, member, n) \
	(sizeof(*(p)) + sizeof(*(p)->member) * (size_t)(n))
#define array_size(a, b)	((size_t)(a) * (size_t)(b))
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define BUILD_BUG_ON(c)	_Static_assert(!(c), #c)
#ifndef static_assert
#define static_assert(c, ...)	_Static_assert(c, #c)
#endif
#define BIT(n)		(1UL << (n))
#define fls(w)		((w) ? 32 - __builtin_clz(w) : 0)
#define BIT_ULL(n)	(1ULL << (n))
#define __ffs64(w)	((unsigned int)__builtin_ctzll(w))
#define hweight16(w)	((unsigned int)__builtin_popcount((u16)(w)))

/* A failed assertion ends the test with a sentence, not a warning in a log. */
#define shim_assert(c) \
	((c) ? (void)0 : shim_die(__FILE__, __LINE__, __func__, #c))
__cold _Noreturn void shim_die(const char *file, int line, const char *func,
			       const char *what);
#define WARN_ON(c)	({ bool w_ = !!(c); shim_assert(!w_ && #c); w_; })
#define WARN_ON_ONCE(c)	WARN_ON(c)
#define BUG_ON(c)	shim_assert(!(c))

/* Atomics. Forms without a value or named _relaxed order nothing. */
typedef struct { int counter; } atomic_t;
typedef struct { s64 counter; } atomic64_t;
#define ATOMIC_INIT(i)		{ (i) }
#define SHIM_ATOMIC(pre, type, val) \
static inline val pre##_read(const type *v) \
{ return __atomic_load_n(&v->counter, __ATOMIC_RELAXED); } \
static inline val pre##_read_acquire(const type *v) \
{ return __atomic_load_n(&v->counter, __ATOMIC_ACQUIRE); } \
static inline void pre##_set(type *v, val i) \
{ __atomic_store_n(&v->counter, i, __ATOMIC_RELAXED); } \
static inline void pre##_set_release(type *v, val i) \
{ __atomic_store_n(&v->counter, i, __ATOMIC_RELEASE); } \
static inline void pre##_add(val i, type *v) \
{ __atomic_fetch_add(&v->counter, i, __ATOMIC_RELAXED); } \
static inline void pre##_sub(val i, type *v) \
{ __atomic_fetch_sub(&v->counter, i, __ATOMIC_RELAXED); } \
static inline void pre##_inc(type *v) { pre##_add(1, v); } \
static inline void pre##_dec(type *v) { pre##_sub(1, v); } \
static inline void pre##_or(val i, type *v) \
{ __atomic_fetch_or(&v->counter, i, __ATOMIC_RELAXED); } \
static inline bool pre##_dec_and_test(type *v) \
{ return !__atomic_sub_fetch(&v->counter, 1, __ATOMIC_SEQ_CST); } \
SHIM_ATOMIC_RMW(pre, type, val, , __ATOMIC_SEQ_CST) \
SHIM_ATOMIC_RMW(pre, type, val, _relaxed, __ATOMIC_RELAXED) \
SHIM_ATOMIC_RMW(pre, type, val, _acquire, __ATOMIC_ACQUIRE) \
SHIM_ATOMIC_RMW(pre, type, val, _release, __ATOMIC_RELEASE)
#define SHIM_ATOMIC_RMW(pre, type, val, suf, mo) \
static inline val pre##_fetch_add##suf(val i, type *v) \
{ return __atomic_fetch_add(&v->counter, i, mo); } \
static inline val pre##_add_return##suf(val i, type *v) \
{ return __atomic_add_fetch(&v->counter, i, mo); } \
static inline val pre##_inc_return##suf(type *v) \
{ return __atomic_add_fetch(&v->counter, 1, mo); } \
static inline val pre##_fetch_inc##suf(type *v) \
{ return __atomic_fetch_add(&v->counter, 1, mo); } \
static inline val pre##_fetch_or##suf(val i, type *v) \
{ return __atomic_fetch_or(&v->counter, i, mo); } \
static inline val pre##_fetch_andnot##suf(val i, type *v) \
{ return __atomic_fetch_and(&v->counter, ~i, mo); } \
static inline val pre##_xchg##suf(type *v, val i) \
{ return __atomic_exchange_n(&v->counter, i, mo); } \
static inline bool pre##_try_cmpxchg##suf(type *v, val *old, val i) \
{ return __atomic_compare_exchange_n(&v->counter, old, i, false, mo, \
				     __ATOMIC_RELAXED); } \
static inline val pre##_cmpxchg##suf(type *v, val old, val i) \
{ pre##_try_cmpxchg##suf(v, &old, i); return old; }
SHIM_ATOMIC(atomic, atomic_t, int)
SHIM_ATOMIC(atomic64, atomic64_t, s64)

#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v)	__atomic_store_n(&(x), v, __ATOMIC_RELAXED)
#define smp_load_acquire(p)	__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define smp_store_release(p, v)	__atomic_store_n(p, v, __ATOMIC_RELEASE)
#define barrier()		__asm__ __volatile__("" ::: "memory")
/* TSan does not know fences: a read-modify-write of one word says the same. */
#ifdef SHIM_TSAN
extern int shim_fence;
#define smp_mb()	((void)__atomic_fetch_add(&shim_fence, 1, __ATOMIC_SEQ_CST))
#else
#define smp_mb()	__atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif
#define smp_rmb()	smp_mb()
#define smp_wmb()	smp_mb()

/* Arithmetic */
#define swap(a, b)	do { __typeof__(a) t_ = (a); (a) = (b); (b) = t_; } while (0)
#define min(a, b)	({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); \
			   (void)(&a_ == &b_); a_ < b_ ? a_ : b_; })
#define max(a, b)	({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); \
			   (void)(&a_ == &b_); a_ > b_ ? a_ : b_; })
#define min_t(t, a, b)	({ t x_ = (a); t y_ = (b); x_ < y_ ? x_ : y_; })
#define max_t(t, a, b)	({ t x_ = (a); t y_ = (b); x_ > y_ ? x_ : y_; })
#define DIV_ROUND_UP(n, d)	(((n) + (d) - 1) / (d))
#define round_up(n, a)		(DIV_ROUND_UP(n, a) * (a))
static inline u64 div64_u64(u64 a, u64 b) { return a / b; }
static inline u64 div64_u64_rem(u64 a, u64 b, u64 *r) { *r = a % b; return a / b; }
static inline int fls64(u64 x) { return x ? 64 - __builtin_clzll(x) : 0; }
static inline int ilog2(u64 x) { return fls64(x) - 1; }

static inline unsigned long gcd(unsigned long a, unsigned long b)
{
	while (b) {
		unsigned long r = a % b;

		a = b;
		b = r;
	}
	return a;
}

static inline void sort(void *base, size_t n, size_t size,
			int (*cmp)(const void *, const void *),
			void (*swap_func)(void *, void *, int))
{
	(void)swap_func;
	if (n)
		qsort(base, n, size, cmp);
}

/* Error pointers */
#define IS_ERR_VALUE(x)	((unsigned long)(x) >= (unsigned long)-4095)
static inline bool IS_ERR(const void *p) { return IS_ERR_VALUE(p); }
static inline bool IS_ERR_OR_NULL(const void *p) { return !p || IS_ERR(p); }

/* Lists. A reader sees an entry whole because of the release in list_add_rcu(). */
struct list_head { struct list_head *next, *prev; };
#define LIST_HEAD_INIT(h)	{ &(h), &(h) }
static inline void INIT_LIST_HEAD(struct list_head *h) { h->next = h->prev = h; }
static inline bool list_empty(const struct list_head *h)
{ return __atomic_load_n(&h->next, __ATOMIC_RELAXED) == h; }
static inline void list_add_rcu(struct list_head *e, struct list_head *h)
{
	e->next = h->next;
	e->prev = h;
	h->next->prev = e;
	__atomic_store_n(&h->next, e, __ATOMIC_RELEASE);
}

static inline void list_del_rcu(struct list_head *e)
{
	e->next->prev = e->prev;
	__atomic_store_n(&e->prev->next, e->next, __ATOMIC_RELEASE);
	e->prev = NULL;
}

#define SHIM_NEXT(p)	__atomic_load_n(&(p)->next, __ATOMIC_ACQUIRE)
#define list_entry(p, type, member)	container_of(p, type, member)
#define list_for_each_entry(p, h, member) \
	for (p = list_entry(SHIM_NEXT(h), __typeof__(*p), member); &p->member != (h); \
	     p = list_entry(SHIM_NEXT(&p->member), __typeof__(*p), member))
#define list_for_each_entry_rcu(p, h, member, ...)	list_for_each_entry(p, h, member)

#include "shim_os.h"
#include "shim_ipvs.h"
#endif
