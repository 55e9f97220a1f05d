// SPDX-License-Identifier: GPL-2.0
/* Other people's schedulers, written from their rules. */
#include "models.h"

void model_open(const struct model_ops *ops, struct model *m, const u32 *weight, u32 n)
{
	*m = (struct model){ .n = n };
	m->weight = malloc(n * sizeof(*m->weight));
	memcpy(m->weight, weight, n * sizeof(*m->weight));
	m->full = calloc(n, sizeof(*m->full));
	m->credit = calloc(n, sizeof(*m->credit));
	ops->start(m);
}

void model_close(struct model *m)
{
	free(m->weight);
	free(m->full);
	free(m->credit);
}

/* wrr goes along the list and takes who weighs no less than a threshold. At the end
 * of the list the threshold falls by the divisor; from there it starts at the top.
 * A change of any server sends it back to the head of the list.
 */
static void wrr_measure(struct model *m)
{
	m->top = 0;
	m->divisor = 0;
	for (u32 i = 0; i < m->n; i++) {
		if (m->weight[i] > m->top)
			m->top = m->weight[i];
		m->divisor = gcd(m->weight[i], m->divisor);
	}
	if (!m->divisor)
		m->divisor = 1;
	if (m->top)
		m->top -= m->divisor - 1;
	m->at = m->n;
}

static void wrr_start(struct model *m)
{
	wrr_measure(m);
	m->threshold = m->top;
}

static void wrr_changed(struct model *m)
{
	wrr_measure(m);
	if (m->threshold > m->top || !m->threshold)
		m->threshold = m->top;
	else if (m->divisor > 1)
		m->threshold = m->threshold / m->divisor * m->divisor + 1;
}

static u32 wrr_pick(struct model *m)
{
	u32 i = m->at == m->n ? 0 : m->at + 1, from = m->at, seen = 0;
	bool lowest = false;	/* all were asked for the least weight there is */

	if (!m->top)
		return m->n;
	for (;;) {
		for (; i < m->n; i++) {
			m->visits++;
			if (!m->full[i] && m->weight[i] >= m->threshold) {
				m->at = i;
				return i;
			}
			if (lowest && ++seen >= m->n)
				return m->n;
		}
		if (lowest && from == m->n)
			return m->n;
		if (m->threshold <= m->divisor) {
			if (lowest)
				return m->n;
			m->threshold = m->top;
		} else {
			m->threshold -= m->divisor;
		}
		/* only a whole pass at the bottom shows that nobody can */
		lowest = m->threshold <= m->divisor;
		seen = 0;
		i = 0;
	}
}

const struct model_ops model_wrr = { "wrr", wrr_start, wrr_changed, wrr_pick };

/* nginx: every server that can take it gains its weight; the one with most credit is
 * picked and pays what all gained together. A full server's credit is frozen.
 */
static void nginx_start(struct model *m)
{
	memset(m->credit, 0, m->n * sizeof(*m->credit));
}

static void nginx_changed(struct model *m)
{
	(void)m;
}

static u32 nginx_pick(struct model *m)
{
	s64 total = 0;
	u32 best = m->n;

	for (u32 i = 0; i < m->n; i++) {
		m->visits++;
		if (m->full[i] || !m->weight[i])
			continue;
		m->credit[i] += m->weight[i];
		total += m->weight[i];
		if (best == m->n || m->credit[i] > m->credit[best])
			best = i;
	}
	if (best < m->n)
		m->credit[best] -= total;
	return best;
}

const struct model_ops model_nginx = { "nginx", nginx_start, nginx_changed, nginx_pick };

/* Tijdeman: of those owed 1/(2n - 2) or more, the one first to be owed 1 - 1/(2n - 2). */
static u32 tijdeman_pick(struct model *m)
{
	__int128 scale = 2 * (__int128)m->n - 2, sum = 0, due, best_due = 0;
	u32 best = m->n;

	if (m->n == 1)
		return 0;
	for (u32 i = 0; i < m->n; i++)
		sum += m->weight[i];
	for (u32 i = 0; i < m->n; i++) {
		m->visits++;
		m->credit[i] += m->weight[i];
		if (!m->weight[i] || m->credit[i] * scale < sum)
			continue;
		due = sum * (scale - 1) - m->credit[i] * scale;
		if (best == m->n || due * m->weight[best] < best_due * m->weight[i]) {
			best = i;
			best_due = due;
		}
	}
	if (best < m->n)
		m->credit[best] -= sum;
	return best;
}

const struct model_ops model_tijdeman = {
	"Tijdeman", nginx_start, nginx_changed, tijdeman_pick
};
