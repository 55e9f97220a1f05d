// SPDX-License-Identifier: GPL-2.0
/* pick_cost SCHEDULER SET PICKS: that many picks, to be counted by valgrind (see the
 * script pick_cost). SCHEDULER: kept (ours, once the cycle is kept), made (ours, while
 * turns are made), wrr, nginx, or none, which is the loop alone.
 */
#include "fleet.h"
#include "models.h"

static u32 weights(const char *set, const u32 **w)
{
	static const u32 usual[] = { 5, 1, 1 };
	u32 n = atoi(set + 1);

	seed(1);
	switch (*set) {
	case 'e':	/* equal */
		*w = set_equal(n, 1);
		break;
	case 'r':	/* random, up to 100 */
		*w = set_random(n, 100);
		break;
	case 'b':	/* random, up to 65535 */
		*w = set_random(n, 65535);
		break;
	case 'h':	/* one heavy */
		*w = set_heavy(n, 10000);
		break;
	default:
		*w = usual;
		n = 3;
	}
	return n;
}

static struct ip_vs_dest *no_schedule(struct ip_vs_service *svc, const struct sk_buff *skb,
				      struct ip_vs_iphdr *iph)
{
	(void)svc;
	(void)skb;
	(void)iph;
	return NULL;
}

static void pick_model(const struct model_ops *ops, const u32 *w, u32 n, u64 picks)
{
	struct model m;

	model_open(ops, &m, w, n);
	while (picks--)
		ops->pick(&m);
	model_close(&m);
}

static void pick_ours(const char *how, const u32 *w, u32 n, u64 picks)
{
	static struct ip_vs_iphdr iph;
	struct fleet *f;
	struct ip_vs_scheduler none = { .schedule = no_schedule }, *sched;

	module_load();
	f = fleet_load(w, n);
	sched = strcmp(how, "none") ? f->sched : &none;
	if (!strcmp(how, "kept"))
		fleet_skip(f, 2 * fleet_cycle(f));
	while (picks--)
		sched->schedule(f->svc, NULL, &iph);
	fleet_close(f);
	module_unload();
}

int main(int argc, char **argv)
{
	const u32 *w;
	u64 picks;
	u32 n;

	if (argc != 4) {
		fprintf(stderr, "usage: pick_cost kept|made|wrr|nginx|none SET PICKS\n");
		return 2;
	}
	n = weights(argv[2], &w);
	picks = strtoull(argv[3], NULL, 0);
	if (!strcmp(argv[1], "wrr"))
		pick_model(&model_wrr, w, n, picks);
	else if (!strcmp(argv[1], "nginx"))
		pick_model(&model_nginx, w, n, picks);
	else
		pick_ours(argv[1], w, n, picks);
	return 0;
}
