// SPDX-License-Identifier: GPL-2.0
/*
 * The windows of a sequence: those that are open, and the closed ones, which
 * open later.
 *
 * What is asked is whose deadline is the earliest among the open ones. Closed
 * ones are in a search tree, ordered by the slot in which they open, by
 * deadline among those that open in the same one. So windows that open
 * together, as many as they may be, are a part of the tree that is in the right
 * order already: it is cut off as a whole, and its first one alone goes into
 * the heap of deadlines. When that one has its turn, the next of its part takes
 * its place. So no turn has more to do than another because many windows open
 * at once.
 *
 * Who is above whom in the tree is decided by ranks that depend on the places
 * of the servers alone, as if at random, each rank half as frequent as the one
 * below it: so the tree is about as deep as one of servers added in random
 * order (Tarjan, Levy, Timmel, "Zip trees", 2019).
 *
 * Servers that are set aside stay where they are until they come up. And one
 * that has had a turn out of order (see swrr_seq_take()) may have an entry
 * among the open ones that is too early: it is moved when it comes up.
 */
#include "windows.h"

#define SLOT_MAX	(((s64)1 << (64 - SWRR_INDEX_BITS)) - 1)

static void heap_sift_up(u64 *heap, u32 pos, u64 key)
{
	while (pos) {
		u32 parent = (pos - 1) / 2;

		if (heap[parent] <= key)
			break;
		heap[pos] = heap[parent];
		pos = parent;
	}
	heap[pos] = key;
}

/* Put @key on top, in the place of what was there. */
static void heap_sift_down(u64 *heap, u32 count, u64 key)
{
	u32 pos = 0, child;

	while ((child = 2 * pos + 1) < count) {
		if (child + 1 < count && heap[child + 1] < heap[child])
			child++;
		if (heap[child] >= key)
			break;
		heap[pos] = heap[child];
		pos = child;
	}
	heap[pos] = key;
}

/*
 * Slots in the past sort as the present: a deadline that was missed, as can
 * happen after an edit, is due at once.
 */
static u64 make_key(const struct swrr_seq *seq, u32 i)
{
	s64 slot = swrr_seq_deadline(&seq->server[i]);

	if (slot < 0)
		slot = 0;
	else if (slot > SLOT_MAX)
		slot = SLOT_MAX;
	return (u64)slot << SWRR_INDEX_BITS | i;
}

static bool before(const struct swrr_server *one,
		   const struct swrr_server *other)
{
	s64 later;

	if (likely(one->release != other->release))
		return one->release < other->release;
	later = swrr_seq_deadline(one) - swrr_seq_deadline(other);
	/* of windows that are equal, the heavier server's is first */
	return later ? later < 0 : one < other;
}

/* Part a tree into those before @place and those after it. */
static void tree_split(struct swrr_server *server, u16 node,
		       const struct swrr_server *place, u16 *left, u16 *right)
{
	while (node != SWRR_NOBODY) {
		if (before(&server[node], place)) {
			*left = node;
			left = &server[node].right;
			node = *left;
		} else {
			*right = node;
			right = &server[node].left;
			node = *right;
		}
	}
	*left = SWRR_NOBODY;
	*right = SWRR_NOBODY;
}

/* The same, into those that open before @slot and those that do not. */
static void tree_cut(struct swrr_server *server, u16 node, s64 slot, u16 *left,
		     u16 *right)
{
	while (node != SWRR_NOBODY) {
		if (server[node].release < slot) {
			*left = node;
			left = &server[node].right;
			node = *left;
		} else {
			*right = node;
			right = &server[node].left;
			node = *right;
		}
	}
	*left = SWRR_NOBODY;
	*right = SWRR_NOBODY;
}

static void tree_insert(struct swrr_server *server, u16 *root, u32 i)
{
	struct swrr_server *place = &server[i];

	while (*root != SWRR_NOBODY) {
		struct swrr_server *node = &server[*root];

		if (node->rank < place->rank)
			break;
		root = before(node, place) ? &node->right : &node->left;
	}
	tree_split(server, *root, place, &place->left, &place->right);
	*root = i;
}

/* One tree of two, all of @left being before all of @right. */
static void tree_join(struct swrr_server *server, u16 *root, u16 left,
		      u16 right)
{
	while (left != SWRR_NOBODY && right != SWRR_NOBODY) {
		if (server[left].rank > server[right].rank) {
			*root = left;
			root = &server[left].right;
			left = *root;
		} else {
			*root = right;
			root = &server[right].left;
			right = *root;
		}
	}
	*root = left != SWRR_NOBODY ? left : right;
}

/* Return: the first of a tree, which is in it no more; SWRR_NOBODY: of none. */
static u16 tree_pop(struct swrr_server *server, u16 *root)
{
	u16 first = *root;

	if (first == SWRR_NOBODY)
		return first;
	while (server[first].left != SWRR_NOBODY) {
		root = &server[first].left;
		first = *root;
	}
	*root = server[first].right;
	return first;
}

static void open_push(struct swrr_seq *seq, u32 i)
{
	heap_sift_up(seq->heap, seq->open++, make_key(seq, i));
}

/**
 * swrr_windows_clear() - forget all windows
 * @seq: the sequence
 */
void swrr_windows_clear(struct swrr_seq *seq)
{
	seq->open = 0;
	seq->next = SWRR_NOBODY;
	seq->later = SWRR_NOBODY;
}

/**
 * swrr_windows_add() - add a window
 * @seq: the sequence
 * @i: the server whose it is; it has none now
 */
void swrr_windows_add(struct swrr_seq *seq, u32 i)
{
	struct swrr_server *server = &seq->server[i];

	server->early = false;
	if (server->release <= seq->slot) {
		server->right = SWRR_NOBODY;
		open_push(seq, i);
		return;
	}
	if (seq->next == SWRR_NOBODY) {
		seq->next = i;
		return;
	}
	if (before(server, &seq->server[seq->next]))
		swap(seq->next, i);
	tree_insert(seq->server, &seq->later, i);
}

/**
 * swrr_windows_open_next() - open the next window, and all that open with it
 * @seq: the sequence; one is not open
 *
 * The others follow the first.
 */
void swrr_windows_open_next(struct swrr_seq *seq)
{
	struct swrr_server *server = seq->server;
	u32 first = seq->next, other = tree_pop(server, &seq->later);
	s64 release = server[first].release;

	server[first].right = SWRR_NOBODY;
	if (other != SWRR_NOBODY && server[other].release == release) {
		server[first].right = other;
		server[other].left = SWRR_NOBODY;
		tree_cut(server, seq->later, release + 1, &server[other].right,
			 &seq->later);
		other = tree_pop(server, &seq->later);
	}
	seq->next = other;
	open_push(seq, first);
}

/* The next of those that opened together, if there is one. */
static u32 successor(struct swrr_server *server, u32 i)
{
	u16 rest = server[i].right;
	u32 other;

	if (likely(rest == SWRR_NOBODY))
		return SWRR_NOBODY;
	other = tree_pop(server, &rest);
	server[other].right = rest;
	return other;
}

/**
 * swrr_windows_drop() - forget the window with the earliest deadline
 * @seq: the sequence; a window is open
 */
void swrr_windows_drop(struct swrr_seq *seq)
{
	u32 other = successor(seq->server, swrr_windows_first(seq));
	u64 key;

	/* one that had a turn out of order is before others it should be after */
	if (other != SWRR_NOBODY && seq->server[other].early)
		key = (u64)swrr_windows_due(seq) << SWRR_INDEX_BITS | other;
	else if (other != SWRR_NOBODY)
		key = make_key(seq, other);
	else if (--seq->open)
		key = seq->heap[seq->open];
	else
		return;
	heap_sift_down(seq->heap, seq->open, key);
}

/**
 * swrr_windows_move() - who has the earliest deadline has another window
 * @seq: the sequence; a window is open
 */
void swrr_windows_move(struct swrr_seq *seq)
{
	u32 i = swrr_windows_first(seq);
	struct swrr_server *server = &seq->server[i];

	if (server->release <= seq->slot && server->right == SWRR_NOBODY) {
		heap_sift_down(seq->heap, seq->open, make_key(seq, i));
		return;
	}
	swrr_windows_drop(seq);
	swrr_windows_add(seq, i);
}

/**
 * swrr_windows_drop_closed() - forget the window that opens next
 * @seq: the sequence; one is not open
 */
void swrr_windows_drop_closed(struct swrr_seq *seq)
{
	seq->next = tree_pop(seq->server, &seq->later);
}

/**
 * swrr_windows_drop_before() - forget windows that are not open
 * @seq: the sequence
 * @slot: all that would open before it
 */
void swrr_windows_drop_before(struct swrr_seq *seq, s64 slot)
{
	u16 earlier;

	tree_cut(seq->server, seq->later, slot, &earlier, &seq->later);
	if (seq->next != SWRR_NOBODY && seq->server[seq->next].release < slot)
		swrr_windows_drop_closed(seq);
}

/**
 * swrr_windows_remove() - forget a window
 * @seq: the sequence
 * @i: a server
 *
 * Return: false if its window is none that is not open, and nothing was done.
 */
bool swrr_windows_remove(struct swrr_seq *seq, u32 i)
{
	struct swrr_server *server = &seq->server[i];
	u16 *at = &seq->later;

	if (seq->next == i) {
		swrr_windows_drop_closed(seq);
		return true;
	}
	while (*at != SWRR_NOBODY && *at != i) {
		struct swrr_server *node = &seq->server[*at];

		at = before(node, server) ? &node->right : &node->left;
	}
	if (*at == SWRR_NOBODY)
		return false;
	tree_join(seq->server, at, server->left, server->right);
	return true;
}
