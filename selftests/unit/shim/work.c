// SPDX-License-Identifier: GPL-2.0
/* Time and work of the shim. */
#include "shim.h"

/* As in the kernel, the counter wraps soon after the start. */
volatile unsigned long jiffies = (unsigned long)(-300L * HZ);

static struct work_struct *queue, *running;	/* in order of queueing */
static pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t queue_idle = PTHREAD_COND_INITIALIZER;

void shim_tick(unsigned long n)
{
	WRITE_ONCE(jiffies, READ_ONCE(jiffies) + n);
}

static bool dequeue(struct work_struct *work)
{
	struct work_struct **at = &queue;

	while (*at && *at != work)
		at = &(*at)->next;
	if (!*at)
		return false;
	*at = work->next;
	WRITE_ONCE(work->pending, false);
	return true;
}

void (*shim_on_queue)(void);

bool shim_queue_work(struct work_struct *work, unsigned long delay)
{
	struct work_struct **at = &queue;
	bool pending;

	shim_assert(work->func);
	if (shim_on_queue)
		shim_on_queue();
	pthread_mutex_lock(&queue_lock);
	pending = work->pending;
	if (!pending) {
		while (*at)
			at = &(*at)->next;
		*at = work;
		work->next = NULL;
		work->due = READ_ONCE(jiffies) + delay;
		WRITE_ONCE(work->pending, true);
	}
	pthread_mutex_unlock(&queue_lock);
	return !pending;
}

bool cancel_work_sync(struct work_struct *work)
{
	bool was;

	might_sleep();
	pthread_mutex_lock(&queue_lock);
	do {
		was = dequeue(work);
		while (running == work)
			pthread_cond_wait(&queue_idle, &queue_lock);
	} while (work->pending);
	pthread_mutex_unlock(&queue_lock);
	return was;
}

unsigned int shim_run_work(void)
{
	unsigned int ran = 0, limit = shim_work_pending();
	struct work_struct *work;

	might_sleep();
	pthread_mutex_lock(&queue_lock);
	for (work = queue; work && ran < limit; work = queue) {
		while (work && time_before(READ_ONCE(jiffies), work->due))
			work = work->next;
		if (!work)
			break;
		dequeue(work);
		running = work;
		pthread_mutex_unlock(&queue_lock);
		work->func(work);	/* which may free it */
		shim_assert(!shim_in_section());
		pthread_mutex_lock(&queue_lock);
		running = NULL;
		pthread_cond_broadcast(&queue_idle);
		ran++;
	}
	pthread_mutex_unlock(&queue_lock);
	return ran;
}

unsigned int shim_work_pending(void)
{
	unsigned int n = 0;

	pthread_mutex_lock(&queue_lock);
	for (struct work_struct *work = queue; work; work = work->next)
		n++;
	pthread_mutex_unlock(&queue_lock);
	return n;
}

void shim_settle(void)
{
	for (int i = 0; i < 100 && shim_work_pending(); i++) {
		shim_tick(HZ / 10);
		shim_run_work();
	}
}
