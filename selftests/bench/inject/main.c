// SPDX-License-Identifier: GPL-2.0
/* fnat_inject: what the director executes per packet, in TSC ticks.
 *
 * Two net devices stand for the two sides of the director. A frame is handed
 * to netif_receive_skb() as if a card had received it, and what the director
 * sends is caught by the other device. Under QEMU's instruction clock a tick
 * is an instruction; on other machines the figures mean little.
 *
 *   echo "MODE WARM COUNT SERVERS" > /sys/kernel/debug/fnat_inject/run
 *   cat /sys/kernel/debug/fnat_inject/result
 *
 * runs the flows of MODE, leaves the first WARM of each phase out, and takes
 * the next COUNT as the figure. SERVERS is how many of the real servers'
 * addresses are right answers.
 */

#include <linux/debugfs.h>
#include <linux/etherdevice.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/nsproxy.h>
#include <linux/seq_file.h>
#include <linux/sort.h>
#include <linux/timex.h>
#include <linux/uaccess.h>
#include <net/net_namespace.h>
#include <net/tcp.h>

#include "frame.h"

#define MAX_FLOWS	BIT(22)
#define MAX_SERVERS	BIT(16)
#define MAX_PHASES	3
#define CLIENTS_MASK	0xff
#define FIRST_PORT	1024

static uint vip = 0xc0000201;
module_param(vip, uint, 0444);
MODULE_PARM_DESC(vip, "address of the virtual service (192.0.2.1)");
static ushort vport = 80;
module_param(vport, ushort, 0444);
MODULE_PARM_DESC(vport, "port of the virtual service (80)");
static uint client = 0xc6120000;
module_param(client, uint, 0444);
MODULE_PARM_DESC(client, "first of 256 client addresses (198.18.0.0)");
static uint server = 0xc6130001;
module_param(server, uint, 0444);
MODULE_PARM_DESC(server, "first address of the real servers (198.19.0.1)");
static ushort rport = 8080;
module_param(rport, ushort, 0444);
MODULE_PARM_DESC(rport, "port of the real servers (8080)");
static uint local;
module_param(local, uint, 0444);
MODULE_PARM_DESC(local, "first of 256 local addresses (0: requests keep the client's address and port)");

struct phase {
	const char *name;
	const struct step *steps;
	unsigned int n_steps;
};

struct mode {
	const char *name;
	u8 proto;
	struct phase phases[MAX_PHASES];
};

static const struct step udp_request[] = { { .len = 18 } };
static const struct step udp_reply[] = { { .reply = true, .len = 18 } };

static const struct step tcp_connection[] = {
	{ false, TCPHDR_SYN, 0, 0, 0 },
	{ true, TCPHDR_SYN | TCPHDR_ACK, 0, 0, 1 },
	{ false, TCPHDR_ACK, 0, 1, 1 },
	{ false, TCPHDR_ACK | TCPHDR_PSH, 100, 1, 1 },
	{ true, TCPHDR_ACK | TCPHDR_PSH, 200, 1, 101 },
	{ false, TCPHDR_ACK | TCPHDR_FIN, 0, 101, 201 },
	{ true, TCPHDR_ACK | TCPHDR_FIN, 0, 201, 102 },
	{ false, TCPHDR_ACK, 0, 102, 202 },
};

/* With a one-packet service (ipvsadm -o), mode new measures the scheduler:
 * every packet is scheduled, and no connection outlives its packet.
 */
static const struct mode modes[] = {
	{ "new", IPPROTO_UDP, { { "new", udp_request, 1 } } },
	{ "established", IPPROTO_UDP, { { "open", udp_request, 1 },
					{ "request", udp_request, 1 },
					{ "reply", udp_reply, 1 } } },
	{ "tcp", IPPROTO_TCP, { { "connection", tcp_connection,
				  ARRAY_SIZE(tcp_connection) } } },
};

struct flow {
	struct tuple left;	/* what its first request left as */
	bool known;
};

struct figure {
	const char *phase;
	unsigned int flows, lost, wrong, servers;
	u32 median, p99, max;
	u64 mean;
};

struct run {
	const struct mode *mode;
	unsigned int warm, count, n_servers;
	struct flow *flows;
	u32 *samples;
	u32 *picks;		/* requests that each real server got */
};

enum { CLIENTS, SERVERS, SIDES };

static struct net_device *devs[SIDES];
static struct dentry *dir;

/* Serialises the runs, and guards all below. */
static DEFINE_MUTEX(run_lock);
static struct figure figures[MAX_PHASES];
static unsigned int n_figures;
static u32 next_flow;

/* What the devices caught. Used with bottom halves off on the only CPU. */
static struct {
	bool armed;
	unsigned int n;
	struct sk_buff *skb;
} caught;

static netdev_tx_t inject_start_xmit(struct sk_buff *skb,
				     struct net_device *dev)
{
	if (caught.armed && !caught.n++)
		caught.skb = skb;
	else
		dev_kfree_skb(skb);
	return NETDEV_TX_OK;
}

static const struct net_device_ops inject_netdev_ops = {
	.ndo_start_xmit = inject_start_xmit,
};

/* No client port comes twice, not even in a later run. */
static struct tuple client_tuple(u32 flow)
{
	return (struct tuple){
		.saddr = htonl(client + (flow & CLIENTS_MASK)),
		.daddr = htonl(vip),
		.sport = htons(FIRST_PORT + flow / (CLIENTS_MASK + 1) %
			       (U16_MAX + 1 - FIRST_PORT)),
		.dport = htons(vport),
	};
}

static struct tuple reversed(const struct tuple *t)
{
	return (struct tuple){ t->daddr, t->saddr, t->dport, t->sport };
}

static bool same(const struct tuple *a, const struct tuple *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static bool request_right(struct run *run, struct flow *flow,
			  const struct tuple *sent, const struct tuple *left)
{
	u32 i = ntohl(left->daddr) - server;

	if (i >= run->n_servers || left->dport != htons(rport))
		return false;
	if (local ? ntohl(left->saddr) - local > U8_MAX :
		    left->saddr != sent->saddr ||
		    left->sport != sent->sport)
		return false;
	if (flow->known)
		return same(left, &flow->left);
	run->picks[i]++;
	return true;
}

/* Hands one frame to the stack. Returns the ticks it took. */
static u32 receive(struct sk_buff *skb)
{
	cycles_t start, end;

	local_bh_disable();
	caught.n = 0;
	caught.skb = NULL;
	caught.armed = true;
	barrier();
	start = get_cycles();
	netif_receive_skb(skb);
	end = get_cycles();
	barrier();
	caught.armed = false;
	local_bh_enable();
	return end - start;
}

/* Adds the ticks of one packet of a flow. Returns 0, or 1 if the packet is
 * lost or wrong, which @figure then counts.
 */
static int run_step(struct run *run, struct figure *figure, u32 number,
		    struct flow *flow, const struct step *step, u32 *ticks)
{
	struct net_device *out = devs[step->reply ? CLIENTS : SERVERS];
	struct net_device *in = devs[step->reply ? SERVERS : CLIENTS];
	struct tuple request = client_tuple(number);
	struct tuple wanted = reversed(&request);
	u8 proto = run->mode->proto;
	struct tuple sent, left;
	struct sk_buff *skb;
	bool right;

	sent = step->reply ? reversed(&flow->left) : request;
	skb = frame_build(in, proto, &sent, step);
	if (!skb)
		return -ENOMEM;
	*ticks += receive(skb);
	if (!caught.n) {
		figure->lost++;
		return 1;
	}

	right = caught.n == 1 && caught.skb->dev == out &&
		frame_read(caught.skb, proto, step, &left) &&
		(step->reply ? same(&left, &wanted) :
			       request_right(run, flow, &request, &left));
	dev_kfree_skb(caught.skb);
	if (!right) {
		figure->wrong++;
		return 1;
	}
	if (!step->reply) {
		flow->left = left;
		flow->known = true;
	}
	return 0;
}

static int compare(const void *a, const void *b)
{
	u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return x < y ? -1 : x > y;
}

static void sum_up(struct run *run, struct figure *figure)
{
	unsigned int i, n = figure->flows;
	u64 sum = 0;

	for (i = 0; i < run->n_servers; i++)
		figure->servers += !!run->picks[i];
	if (!n)
		return;
	for (i = 0; i < n; i++)
		sum += run->samples[i];
	sort(run->samples, n, sizeof(*run->samples), compare, NULL);
	figure->median = run->samples[n / 2];
	figure->p99 = run->samples[(u64)n * 99 / 100];
	figure->max = run->samples[n - 1];
	figure->mean = div_u64(sum, n);
}

static int run_phase(struct run *run, const struct phase *phase,
		     struct figure *figure)
{
	unsigned int i, s;
	int err;

	*figure = (struct figure){ .phase = phase->name };
	for (i = 0; i < run->warm + run->count; i++) {
		struct flow *flow = &run->flows[i];
		u32 ticks = 0;

		if (i == run->warm)
			memset(run->picks, 0,
			       run->n_servers * sizeof(*run->picks));
		for (s = 0, err = 0; s < phase->n_steps && !err; s++)
			err = run_step(run, figure, next_flow + i, flow,
				       &phase->steps[s], &ticks);
		if (err < 0)
			return err;
		if (!err && i >= run->warm)
			run->samples[figure->flows++] = ticks;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	sum_up(run, figure);
	return 0;
}

static int run_mode(struct run *run)
{
	const struct phase *phase = run->mode->phases;
	unsigned int total = run->warm + run->count;
	int err = -ENOMEM;

	run->flows = kvcalloc(total, sizeof(*run->flows), GFP_KERNEL);
	run->samples = kvcalloc(run->count, sizeof(*run->samples), GFP_KERNEL);
	run->picks = kvcalloc(run->n_servers, sizeof(*run->picks), GFP_KERNEL);
	if (!run->flows || !run->samples || !run->picks)
		goto out;

	for (n_figures = 0; n_figures < MAX_PHASES; n_figures++, phase++) {
		err = 0;
		if (!phase->name)
			break;
		err = run_phase(run, phase, &figures[n_figures]);
		if (err)
			break;
	}
	next_flow += total;
out:
	kvfree(run->picks);
	kvfree(run->samples);
	kvfree(run->flows);
	return err;
}

static ssize_t run_write(struct file *file, const char __user *user,
			 size_t len, loff_t *pos)
{
	struct run run = {};
	unsigned int i;
	char buf[64], name[16];
	int err;

	if (len >= sizeof(buf))
		return -EINVAL;
	if (copy_from_user(buf, user, len))
		return -EFAULT;
	buf[len] = '\0';
	if (sscanf(buf, "%15s %u %u %u", name, &run.warm, &run.count,
		   &run.n_servers) != 4)
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(modes); i++)
		if (!strcmp(name, modes[i].name))
			run.mode = &modes[i];
	if (!run.mode || !run.count || run.count > MAX_FLOWS ||
	    run.warm > MAX_FLOWS || !run.n_servers ||
	    run.n_servers > MAX_SERVERS)
		return -EINVAL;

	mutex_lock(&run_lock);
	err = run_mode(&run);
	mutex_unlock(&run_lock);
	return err ?: len;
}

static const struct file_operations run_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = run_write,
};

static int result_show(struct seq_file *m, void *v)
{
	unsigned int i;

	mutex_lock(&run_lock);
	seq_puts(m, "phase flows lost wrong servers median mean p99 max\n");
	for (i = 0; i < n_figures; i++) {
		struct figure *f = &figures[i];

		seq_printf(m, "%s %u %u %u %u %u %llu %u %u\n", f->phase,
			   f->flows, f->lost, f->wrong, f->servers, f->median,
			   f->mean, f->p99, f->max);
	}
	mutex_unlock(&run_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(result);

static void inject_setup(struct net_device *dev)
{
	ether_setup(dev);
	dev->netdev_ops = &inject_netdev_ops;
	/* nothing may be resolved, nor wait in a queue, on the way */
	dev->flags |= IFF_NOARP;
	dev->priv_flags |= IFF_NO_QUEUE;
	dev->needs_free_netdev = true;
	eth_hw_addr_random(dev);
}

static struct net_device *add_device(const char *name)
{
	struct net_device *dev;
	int err;

	dev = alloc_netdev(0, name, NET_NAME_USER, inject_setup);
	if (!dev)
		return ERR_PTR(-ENOMEM);
	/* the director is the namespace that loads the module */
	dev_net_set(dev, current->nsproxy->net_ns);
	err = register_netdev(dev);
	if (err) {
		free_netdev(dev);
		return ERR_PTR(err);
	}
	return dev;
}

static int __init inject_init(void)
{
	devs[CLIENTS] = add_device("clients");
	if (IS_ERR(devs[CLIENTS]))
		return PTR_ERR(devs[CLIENTS]);
	devs[SERVERS] = add_device("servers");
	if (IS_ERR(devs[SERVERS])) {
		unregister_netdev(devs[CLIENTS]);
		return PTR_ERR(devs[SERVERS]);
	}
	dir = debugfs_create_dir("fnat_inject", NULL);
	debugfs_create_file("run", 0200, dir, NULL, &run_fops);
	debugfs_create_file("result", 0400, dir, NULL, &result_fops);
	return 0;
}

static void __exit inject_exit(void)
{
	debugfs_remove_recursive(dir);
	unregister_netdev(devs[SERVERS]);
	unregister_netdev(devs[CLIENTS]);
}

module_init(inject_init);
module_exit(inject_exit);
MODULE_DESCRIPTION("Benchmark of the IPVS director: counts ticks per packet");
MODULE_LICENSE("GPL");
