/* SPDX-License-Identifier: GPL-2.0 */
/* What a running kernel gives: memory, RCU, locks, work, time, log, modules,
 * debugfs; and the handles by which a test drives them.
 */
#ifndef SHIM_OS_H
#define SHIM_OS_H

/* Sections in which the kernel must not sleep: RCU readers and lock holders. */
void shim_section_enter(void);
void shim_section_leave(void);
bool shim_in_section(void);
#ifdef SHIM_FAST	/* instructions are counted: as a kernel without lockdep */
#define shim_lockdep(c)	((void)0)
#else
#define shim_lockdep(c)	shim_assert(c)
#endif
#define might_sleep()	shim_lockdep(!shim_in_section())

/* Memory. The n-th allocation from now fails; with "on", all later ones too. */
enum { GFP_ATOMIC = 1, GFP_NOWAIT = 2, GFP_KERNEL = 4, __GFP_NOWARN = 8, __GFP_ZERO = 16,
       __GFP_NORETRY = 32 };
void *shim_alloc(size_t n, size_t size, gfp_t gfp);
void kfree(const void *p);
void shim_fail_nth(unsigned int n, bool on);
extern void (*shim_on_alloc)(void);	/* what goes on elsewhere while memory is found */
unsigned int shim_failed(void);		/* allocations failed since shim_fail_nth() */
struct shim_memory { size_t objects, bytes, rounded; };
struct shim_memory shim_memory(void);	/* live; rounded: to the kernel's size classes */
#define kmalloc(s, gfp)			shim_alloc(1, s, gfp)
#define kzalloc(s, gfp)			shim_alloc(1, s, (gfp) | __GFP_ZERO)
#define kmalloc_array(n, s, gfp)	shim_alloc(n, s, gfp)
#define kcalloc(n, s, gfp)		shim_alloc(n, s, (gfp) | __GFP_ZERO)
#define kvmalloc(s, gfp)		kmalloc(s, gfp)
#define kvzalloc(s, gfp)		kzalloc(s, gfp)
#define kvfree(p)			kfree(p)

/* RCU. With one thread, what is freed later is freed at the first point outside of
 * every section; with shim_threads set, by shim_grace_period().
 */
struct rcu_head { struct rcu_head *next; void (*func)(struct rcu_head *head); };
extern bool shim_threads;
void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head));
void synchronize_rcu(void);
void shim_grace_period(void);
#define rcu_barrier()			shim_grace_period()
#define rcu_read_lock()			shim_section_enter()
#define rcu_read_unlock()		shim_section_leave()
#define rcu_dereference_check(p, c)	({ shim_lockdep(shim_in_section() || (c)); \
					   __atomic_load_n(&(p), __ATOMIC_ACQUIRE); })
#define rcu_dereference(p)		rcu_dereference_check(p, 0)
#define rcu_dereference_protected(p, c)	({ shim_lockdep(c); READ_ONCE(p); })
#define rcu_access_pointer(p)		READ_ONCE(p)
#define rcu_assign_pointer(p, v)	__atomic_store_n(&(p), v, __ATOMIC_RELEASE)
#define RCU_INIT_POINTER(p, v)		WRITE_ONCE(p, v)
#define kvfree_rcu(p, member) do { \
	__typeof__(p) p_ = (p); \
	if (p_) \
		call_rcu(&p_->member, (void *)offsetof(__typeof__(*p_), member)); \
} while (0)
#define kfree_rcu(p, member)	kvfree_rcu(p, member)

/* Locks */
typedef struct shim_lock { int held; pthread_t owner; } spinlock_t;
struct mutex { struct shim_lock lock; };
void shim_lock(struct shim_lock *l);
void shim_unlock(struct shim_lock *l);
bool shim_lock_held(const struct shim_lock *l);
unsigned int shim_waiting(void);	/* threads that wait for a lock */
#define spin_lock_init(l)	(*(l) = (spinlock_t){ 0 })
#define spin_lock(l)		do { shim_section_enter(); shim_lock(l); } while (0)
#define spin_unlock(l)		do { shim_unlock(l); shim_section_leave(); } while (0)
#define spin_lock_bh(l)		spin_lock(l)
#define spin_unlock_bh(l)	spin_unlock(l)
#define mutex_init(m)		(*(m) = (struct mutex){ { 0 } })
#define mutex_lock(m)		do { might_sleep(); shim_lock(&(m)->lock); } while (0)
#define mutex_unlock(m)		shim_unlock(&(m)->lock)
#define lockdep_is_held(l)	shim_lock_held((const struct shim_lock *)(l))
#define lockdep_assert_held(l)	shim_lockdep(lockdep_is_held(l))

/* Time and work. Work runs only in shim_run_work(), when its time has come. */
#define HZ 250
extern volatile unsigned long jiffies;
#define time_after(a, b)	((long)((b) - (a)) < 0)
#define time_before(a, b)	time_after(b, a)
struct work_struct {
	void (*func)(struct work_struct *work);
	struct work_struct *next;
	unsigned long due;
	bool pending;
};

struct delayed_work { struct work_struct work; };
struct workqueue_struct;
#define system_wq		((struct workqueue_struct *)NULL)
#define INIT_WORK(w, f)		(*(w) = (struct work_struct){ .func = (f) })
#define INIT_DELAYED_WORK(w, f)	INIT_WORK(&(w)->work, f)
#define to_delayed_work(w)	container_of(w, struct delayed_work, work)
bool shim_queue_work(struct work_struct *work, unsigned long delay);
extern void (*shim_on_queue)(void);	/* what goes on elsewhere while work is queued */
bool cancel_work_sync(struct work_struct *work);
#define schedule_work(w)			shim_queue_work(w, 0)
#define schedule_delayed_work(w, d)		shim_queue_work(&(w)->work, d)
#define cancel_delayed_work_sync(w)		cancel_work_sync(&(w)->work)
void shim_tick(unsigned long n);	/* n jiffies go by */
unsigned int shim_run_work(void);	/* run what is due; how many ran */
unsigned int shim_work_pending(void);
void shim_settle(void);			/* let time go by until no work is left */

/* Log */
extern unsigned int shim_log_lines;
extern char shim_log_last[256];
__printf(2, 3) void shim_log(const char *level, const char *fmt, ...);
#define pr_err(fmt, ...)	shim_log("err", pr_fmt(fmt), ##__VA_ARGS__)
#define pr_warn(fmt, ...)	shim_log("warn", pr_fmt(fmt), ##__VA_ARGS__)
#define pr_info(fmt, ...)	shim_log("info", pr_fmt(fmt), ##__VA_ARGS__)
#define shim_once(call) do { \
	static bool done_; \
	if (!__atomic_exchange_n(&done_, true, __ATOMIC_RELAXED)) \
		call; \
} while (0)
#define pr_warn_once(...)	shim_once(pr_warn(__VA_ARGS__))

/* Modules. shim_param() is the address of a module parameter's variable. */
struct module;
#define THIS_MODULE	((struct module *)NULL)
#define MODULE_LICENSE(x)
#define MODULE_AUTHOR(x)
#define MODULE_DESCRIPTION(x)
#define MODULE_VERSION(x)
#define MODULE_PARM_DESC(p, x)
#define module_init(f)	int shim_module_init(void) { return f(); }
#define module_exit(f)	void shim_module_exit(void) { f(); }
#define module_param_named(name, var, type, perm) \
static void __attribute__((constructor)) shim_param_of_##name(void) \
{ shim_param_add(#name, &(var)); } \
_Static_assert((perm) < 01000, "mode of " #name)
#define module_param(name, type, perm)	module_param_named(name, name, type, perm)
int shim_module_init(void);
void shim_module_exit(void);
void shim_param_add(const char *name, void *var);
void *shim_param(const char *name);

/* debugfs, as far as reading a file goes. shim_debugfs_read(): length or -ENOENT. */
struct inode { void *i_private; };
struct file { void *private_data; };
struct seq_file { char *buf; size_t size, count; void *private; };
struct file_operations {
	struct module *owner;
	int (*open)(struct inode *inode, struct file *file);
	ssize_t (*read)(struct file *file, char *buf, size_t size, loff_t *pos);
	loff_t (*llseek)(struct file *file, loff_t pos, int whence);
	int (*release)(struct inode *inode, struct file *file);
};

struct dentry;
struct dentry *debugfs_create_dir(const char *name, struct dentry *parent);
struct dentry *debugfs_create_file(const char *name, umode_t mode, struct dentry *parent,
				   void *data, const struct file_operations *fops);
void debugfs_remove(struct dentry *d);
ssize_t shim_debugfs_read(const char *path, char *buf, size_t size);
unsigned int shim_debugfs_entries(void);
int single_open(struct file *file, int (*show)(struct seq_file *, void *), void *data);
#define single_release	NULL
#define seq_read	NULL
#define seq_lseek	NULL
__printf(3, 4) int shim_snprintf(char *buf, size_t size, const char *fmt, ...);
#ifdef SHIM_MODULE
#define snprintf(...)	shim_snprintf(__VA_ARGS__)
#endif
__printf(2, 3) void seq_printf(struct seq_file *m, const char *fmt, ...);
#define seq_puts(m, s)	seq_printf(m, "%s", s)
#define DEFINE_SHOW_ATTRIBUTE(name) \
static int name##_open(struct inode *inode, struct file *file) \
{ return single_open(file, name##_show, inode->i_private); } \
static const struct file_operations name##_fops = { \
	.owner = THIS_MODULE, .open = name##_open, .read = seq_read, \
	.llseek = seq_lseek, .release = single_release, \
}
#endif
