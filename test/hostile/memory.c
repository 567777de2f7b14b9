/* Writing into all the memory that a worker shares with others, and where it cannot. */
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/budget.h"
#include "common/channel.h"
#include "common/commit.h"
#include "hostile.h"

enum {
	PAGE_BYTES = 4096,
	ROUNDS = 2000,
	RINGS = 8,
	LENT_BLOCKS = 64,
	IDLE_MSECS = 3000, /* the timeout that the test gives */
	CLAIM_MSECS = 400, /* less than three of the master's looks */
	TRUTH_MSECS = 300, /* and more than one */
};

#define BACKLOG_BYTES (UINT64_C(64) << 20) /* more than any ring has room for */

static struct budget *budget_of(const struct seat *seat)
{
	return seat->budget.base;
}

/* Each of these two must end the worker. */
static void write_plan(const struct seat *seat, uint32_t slot)
{
	(void)slot;
	part_of(seat)->plan.slot_count = UINT32_MAX;
}

static void write_others_account(const struct seat *seat, uint32_t slot)
{
	(void)slot;
	commit(&budget_of(seat)->accounts[1 - seat->number].held, UINT64_C(1) << 62);
}

/* These must fail: a hole is of zeros. Then it comes to its end as if it had succeeded. */
static void remove_plan(const struct seat *seat, uint32_t slot)
{
	(void)slot;
	(void)madvise(part_of(seat), MEMORY_WALL_BYTES, MADV_REMOVE);
	_exit(1);
}

static void remove_budget(const struct seat *seat, uint32_t slot)
{
	(void)slot;
	(void)madvise(seat->budget.base, MEMORY_WALL_BYTES, MADV_REMOVE);
	(void)madvise(&budget_of(seat)->accounts[1 - seat->number], MEMORY_WALL_BYTES, MADV_REMOVE);
	_exit(1);
}

/* What is a worker's in its part, up to the echo buffers. */
static uint8_t *own_bytes(const struct seat *seat, size_t *count)
{
	struct part *part = part_of(seat);
	uint8_t *from = (uint8_t *)part + MEMORY_WALL_BYTES;

	*count = part->plan.rings_at - MEMORY_WALL_BYTES;
	return from;
}

static void fill(const struct seat *seat, uint8_t with)
{
	size_t count;
	uint8_t *from = own_bytes(seat, &count);

	memset(from, with, count);
	_exit(1);
}

static void fill_with_ones(const struct seat *seat, uint32_t slot)
{
	(void)slot;
	fill(seat, 0xff);
}

static void fill_with_zeros(const struct seat *seat, uint32_t slot)
{
	(void)slot;
	fill(seat, 0);
}

static void fill_at_random(const struct seat *seat, uint32_t slot)
{
	size_t count;
	uint8_t *from = own_bytes(seat, &count);

	(void)slot;
	for (size_t i = 0; i < count; i++)
		from[i] = (uint8_t)random();
	_exit(1);
}

/* Goes on with numbers that make no sense, so that it and its successors come upon them. */
static void spoil_slot(const struct seat *seat, uint32_t slot)
{
	static const uint64_t values[] = { 0, 1, UINT64_MAX, UINT64_MAX / 2 + 1, 1 << 20, UINT32_MAX };
	_Atomic uint64_t *words = (_Atomic uint64_t *)&part_of(seat)->slots[slot];

	for (size_t i = 0; i < sizeof(struct slot) / sizeof(uint64_t); i++)
		commit(&words[i], values[(size_t)random() % (sizeof(values) / sizeof(values[0]))]);
	_exit(1);
}

/* What the master alone says of its client, whom the successor must serve all the same. */
static void disown(const struct seat *seat, uint32_t index)
{
	struct slot *slot = &part_of(seat)->slots[index];

	slot->generation = UINT32_MAX;
	slot->real_peer.port = slot->peer.port = 1;
	commit(&slot->state, UINT32_MAX);
	_exit(1);
}

static void spoil_batch(const struct seat *seat, uint32_t slot)
{
	struct batch *batch = &part_of(seat)->batch;

	commit(&batch->filled, UINT64_MAX);
	commit(&batch->flushed, UINT64_MAX / 2);
	batch->in_hand = (struct chunk){ .generation = part_of(seat)->slots[slot].generation,
					 .position = UINT64_MAX,
					 .offset = UINT64_MAX - 5,
					 .queued_before = UINT64_MAX };
	commit(&batch->in_hand.slot, slot);
	_exit(1);
}

/* As if nothing had been done for a client yet, with an echo waiting that is not its. */
static void claim_backlog(struct slot *slot, uint64_t sent)
{
	commit(&slot->flags, 0);
	commit(&slot->ring_held, 0);
	commit(&slot->ring_base, 0);
	commit(&slot->sent, sent);
	commit(&slot->queued, BACKLOG_BYTES);
}

/* At the end of all positions. */
static void wrap_slot(const struct seat *seat, uint32_t index)
{
	claim_backlog(&part_of(seat)->slots[index], UINT64_MAX);
	_exit(1);
}

/* Of a connection that was given back, as if there were none. */
static void spoil_refused(const struct seat *seat, uint32_t index)
{
	struct slot *slot = &part_of(seat)->slots[index];
	struct channel_message refused = { .type = CHANNEL_REFUSED, .count = 1, .slots = { index } };

	(void)channel_send_patiently(seat->channel_fd, &refused);
	claim_backlog(slot, 0);
	commit(&slot->state, SLOT_FREE);
	_exit(1);
}

/* The batch shortly before the end of all positions. */
static void wrap_batch(const struct seat *seat, uint32_t slot)
{
	struct batch *batch = &part_of(seat)->batch;

	(void)slot;
	commit(&batch->filled, UINT64_MAX - 200 * RECORD_BLOCK_BYTES + 1);
	commit(&batch->flushed, UINT64_MAX - 200 * RECORD_BLOCK_BYTES + 1);
	_exit(1);
}

/* That connections which there have not been yet hold others' rings. */
static void spoil_unused(const struct seat *seat, uint32_t index)
{
	struct part *part = part_of(seat);

	(void)index;
	for (uint32_t i = committed(&part->plan.reach); i < part->plan.slot_count; i++)
		commit(&part->slots[i].ring_held, RINGS * part->plan.ring_stride);
	_exit(1);
}

/* A chunk in hand that nobody could settle. */
static void put_in_hand(const struct seat *seat, uint32_t slot)
{
	struct part *part = part_of(seat);

	part->batch.in_hand = (struct chunk){ .generation = part->slots[slot].generation,
					      .position = committed(&part->batch.filled) };
	commit(&part->batch.in_hand.slot, slot);
	_exit(1);
}

/* Of a connection that there is not. */
static void stick_unused(const struct seat *seat, uint32_t slot)
{
	uint32_t last = part_of(seat)->plan.slot_count - 1;

	(void)slot;
	part_of(seat)->slots[last].generation = 7;
	commit(&part_of(seat)->slots[last].state, SLOT_OPEN);
	put_in_hand(seat, last);
}

/* Of one at its end. */
static void stick_ended(const struct seat *seat, uint32_t slot)
{
	commit(&part_of(seat)->slots[slot].flags, SLOT_ANNOUNCED | SLOT_ENDED | SLOT_CUT | SLOT_BROKEN);
	put_in_hand(seat, slot);
}

/* That its client's connection has ended, which it has not. */
static void end_early(const struct seat *seat, uint32_t slot)
{
	slot_set(&part_of(seat)->slots[slot], SLOT_ENDED);
	_exit(1);
}

/* Of one for which nothing has been done yet. */
static void stick_untouched(const struct seat *seat, uint32_t index)
{
	struct slot *slot = &part_of(seat)->slots[index];

	commit(&slot->flags, 0);
	commit(&slot->received, 0);
	commit(&slot->sent, 0);
	commit(&slot->queued, 0);
	put_in_hand(seat, index);
}

/* That its client's echo last moved at the end of all time, so that when it is due comes round to the beginning. */
static void wrap_timer(const struct seat *seat, uint32_t index)
{
	struct slot *slot = &part_of(seat)->slots[index];

	commit(&slot->moved_at, UINT64_MAX - 2 - IDLE_MSECS);
	commit(&slot->heard_at, 0);
	commit(&slot->acked, committed(&slot->sent));
	_exit(1);
}

/* That its client's echo fills a buffer in which nothing was ever written. */
static void phantom(const struct seat *seat, uint32_t index)
{
	const struct part_plan *plan = &part_of(seat)->plan;
	struct slot *slot = &part_of(seat)->slots[index];

	commit(&slot->ring_held, plan->ring_stride);
	commit(&slot->ring_base, committed(&slot->sent));
	commit(&slot->queued, committed(&slot->sent) + plan->ring_bytes);
	_exit(1);
}

/* That connections which are no more hold more than there is. */
static void spoil_free(const struct seat *seat, uint32_t index)
{
	struct part *part = part_of(seat);

	for (uint32_t i = 0; i < committed(&part->plan.reach); i++) {
		if (i != index)
			commit(&part->slots[i].ring_held, UINT64_MAX / PAGE_BYTES * PAGE_BYTES);
	}
	_exit(1);
}

/* Lends the blocks to the pipe that its successor will write into, the first ones after a chunk in hand. */
static void lend_ahead(const struct seat *seat, uint32_t slot)
{
	struct part *part = part_of(seat);
	uint64_t from = committed(&part->batch.flushed);

	commit(&part->batch.filled, from);
	for (uint64_t at = from; at < from + LENT_BLOCKS * RECORD_BLOCK_BYTES; at += RECORD_BLOCK_BYTES) {
		struct iovec piece = { .iov_base = part_block(part, at), .iov_len = RECORD_BLOCK_BYTES };

		memset(piece.iov_base, 0, piece.iov_len);
		(void)!vmsplice(seat->pipe_fd, &piece, 1, SPLICE_F_NONBLOCK);
	}
	put_in_hand(seat, slot);
}

/* Takes all there is for all, and says so, though one client's buffer is all that it needs. */
static void hog(const struct seat *seat, uint32_t slot)
{
	struct part *part = part_of(seat);
	uint64_t total = budget_of(seat)->plan.total_bytes;

	(void)slot;
	commit(&budget_of(seat)->accounts[seat->number].held, total);
	for (uint64_t at = 0; at < total; at += PAGE_BYTES)
		((volatile uint8_t *)part)[part->plan.rings_at + RINGS * part->plan.ring_stride + at] = 1;
}

/* Claims everything there is, so that nothing is left for others. */
static void claim(const struct seat *seat, uint32_t slot)
{
	(void)slot;
	commit(&budget_of(seat)->accounts[seat->number].held, UINT64_C(1) << 62);
}

/* The same, but for an instant now and then at which it says what is so. */
static void claim_at_times(const struct seat *seat, uint32_t slot)
{
	_Atomic uint64_t *account = &budget_of(seat)->accounts[seat->number].held;

	(void)slot;
	for (;;) {
		commit(account, budget_of(seat)->plan.total_bytes);
		(void)poll(NULL, 0, CLAIM_MSECS);
		commit(account, 0);
		(void)poll(NULL, 0, TRUTH_MSECS);
	}
}

/* Takes memory that it has not claimed, until it is stopped: all buffers of all clients it could have. */
static void grab(const struct seat *seat, uint32_t slot)
{
	struct part *part = part_of(seat);

	(void)slot;
	for (size_t at = part->plan.rings_at; at < seat->memory.bytes; at += PAGE_BYTES)
		((volatile uint8_t *)part)[at] = 1;
}

/* Has taken less, and says so of no connection; then its successor finds it. */
static void leak(const struct seat *seat, uint32_t slot)
{
	struct part *part = part_of(seat);

	(void)slot;
	for (size_t i = 0; i < ROUNDS; i++)
		((volatile uint8_t *)part)[part->plan.rings_at + i * PAGE_BYTES] = 1;
	_exit(1);
}

const struct deed memory_deeds[] = {
	{ "write-plan", write_plan },
	{ "write-account", write_others_account },
	{ "remove-plan", remove_plan },
	{ "remove-budget", remove_budget },
	{ "fill-ones", fill_with_ones },
	{ "fill-zeros", fill_with_zeros },
	{ "fill-random", fill_at_random },
	{ "spoil-slot", spoil_slot },
	{ "spoil-batch", spoil_batch },
	{ "wrap-slot", wrap_slot },
	{ "spoil-refused", spoil_refused },
	{ "wrap-batch", wrap_batch },
	{ "spoil-unused", spoil_unused },
	{ "hog", hog },
	{ "claim-at-times", claim_at_times },
	{ "wrap-timer", wrap_timer },
	{ "stick-unused", stick_unused },
	{ "stick-ended", stick_ended },
	{ "stick-untouched", stick_untouched },
	{ "end-early", end_early },
	{ "phantom", phantom },
	{ "spoil-free", spoil_free },
	{ "lend-ahead", lend_ahead },
	{ "disown", disown },
	{ "claim", claim },
	{ "grab", grab },
	{ "leak", leak },
	{ NULL, NULL },
};
