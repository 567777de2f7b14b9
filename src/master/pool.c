/* Connections and who serves them; run by the master. See pool.h. */
#include "master/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/clock.h"
#include "common/commit.h"
#include "common/diag.h"

enum {
	CRASHES_MAX = 3,
	HOLD_MSECS = 100, /* before a worker that refused is tried again, unless one of its clients ends */
};

/* ---- free slots ---- */

static uint32_t take_slot(struct free_slots *free_slots)
{
	return free_slots->count > 0 ? free_slots->slots[--free_slots->count] : free_slots->unused++;
}

static void give_slot(struct free_slots *free_slots, uint32_t slot)
{
	free_slots->slots[free_slots->count++] = slot;
}

static void count_worker(struct master *master, uint32_t worker)
{
	struct child *child = &master->ledger->children[worker];
	struct free_slots *free_slots = &master->free[worker];
	uint32_t slot = master->ledger->worker_slots;

	child->clients = child->waiting = child->cursor = 0;
	while (slot > 0 && master_connection(master, worker, slot - 1)->state == CONNECTION_NONE)
		slot--;
	free_slots->unused = slot;
	while (slot-- > 0) {
		uint8_t state = master_connection(master, worker, slot)->state;

		if (state == CONNECTION_NONE)
			give_slot(free_slots, slot);
		else
			child->clients++;
		if (state == CONNECTION_WAITING)
			child->waiting++;
	}
}

int pool_open(struct master *master)
{
	for (uint32_t i = 0; i < master->ledger->workers; i++) {
		uint32_t *slots = calloc(master->ledger->worker_slots, sizeof(*slots));

		if (slots == NULL) {
			pool_close(master);
			errno = ENOMEM;
			return -1;
		}
		master->free[i] = (struct free_slots){ .slots = slots };
		count_worker(master, i);
	}
	return 0;
}

void pool_close(struct master *master)
{
	for (uint32_t i = 0; i < master->ledger->workers; i++) {
		free(master->free[i].slots);
		master->free[i].slots = NULL;
	}
}

/* ---- the end of a connection ---- */

/* What a slot received and did not send; a damaged one may say that it sent more. */
static uint64_t not_echoed(const struct master *master, const struct slot *slot)
{
	uint64_t received = committed(&slot->received);
	uint64_t sent = committed(&slot->sent);

	return master->options->echo && received > sent ? received - sent : 0;
}

static void report(const struct master *master, const struct slot *slot)
{
	uint64_t received = committed(&slot->received);
	uint64_t sent = committed(&slot->sent);
	uint64_t dropped = not_echoed(master, slot);
	char peer[ADDRESS_TEXT_BYTES];

	address_text(&slot->peer, peer);
	if (slot_has(slot, SLOT_DROPPING))
		diag("%s: dropped %ju bytes", peer, (uintmax_t)dropped);
	if (master->options->verbose)
		diag("%s: closed, received %ju, echoed %ju, dropped %ju", peer, (uintmax_t)received,
		     (uintmax_t)sent, (uintmax_t)dropped);
}

static void count_ended(struct master *master, struct child *child, const struct slot *slot)
{
	child->ended.received += committed(&slot->received);
	child->ended.echoed += committed(&slot->sent);
	child->ended.dropped += not_echoed(master, slot);
	if (master->ledger->phase == PHASE_DRAINING && slot_has(slot, SLOT_CUT))
		master->ledger->shutdown.cut++;
}

static void release(struct master *master, uint32_t worker, uint32_t index)
{
	struct connection *connection = master_connection(master, worker, index);
	struct child *child = &master->ledger->children[worker];
	struct slot *slot = &master_part(master, worker)->slots[index];

	report(master, slot);
	count_ended(master, child, slot);
	if (connection->state == CONNECTION_WAITING)
		child->waiting--;
	child->clients--;
	close(connection->fd);
	*connection = (struct connection){ .fd = -1, .state = CONNECTION_NONE };
	commit(&slot->state, SLOT_FREE);
	give_slot(&master->free[worker], index);
}

static bool is_served(const struct master *master, uint32_t worker, uint32_t slot)
{
	return slot < master->ledger->worker_slots &&
	       master_connection(master, worker, slot)->state == CONNECTION_SENT;
}

void pool_done(struct master *master, uint32_t worker, const uint32_t *slots, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (is_served(master, worker, slots[i]) &&
		    committed(&master_part(master, worker)->slots[slots[i]].state) == SLOT_DONE)
			release(master, worker, slots[i]);
	}
	master->ledger->children[worker].process.resume_at = CLOCK_NEVER;
}

/* ---- the beginning ---- */

static bool has_room(const struct master *master, uint32_t worker)
{
	return master->ledger->children[worker].clients < master->ledger->worker_slots;
}

/* The least loaded worker that serves or, if all of these are full, that will. */
static uint32_t choose(struct master *master)
{
	uint32_t workers = master->ledger->workers;
	const struct child *best = NULL;

	for (uint32_t i = 1; i <= workers; i++) {
		uint32_t worker = (master->last_chosen + i) % workers;
		const struct child *child = &master->ledger->children[worker];

		if (!has_room(master, worker))
			continue;
		if (best == NULL || child->process.ready > best->process.ready ||
		    (child->process.ready == best->process.ready && child->clients < best->clients))
			best = child;
	}
	/* There is one: the workers' slots together are at least clients_max. */
	master->last_chosen = (uint32_t)(best - master->ledger->children);
	return master->last_chosen;
}

static void fill_slot(const struct master *master, struct slot *slot, const struct address *peer)
{
	commit(&slot->received, 0);
	commit(&slot->sent, 0);
	commit(&slot->queued, 0);
	commit(&slot->ring_base, 0);
	commit(&slot->echo_limit, master->options->echo ? SLOT_NO_LIMIT : 0);
	commit(&slot->flags, 0);
	slot->generation += slot->generation == UINT32_MAX ? 2 : 1; /* never 0 */
	slot->peer = *peer;
	commit(&slot->state, SLOT_OPEN);
}

/* Sends one connection to its worker; false if that must wait. */
static bool hand_over(struct master *master, uint32_t worker, uint32_t index)
{
	struct connection *connection = master_connection(master, worker, index);
	struct child *child = &master->ledger->children[worker];
	struct channel_message message = { .type = CHANNEL_CLIENT, .count = 1, .slots = { index } };

	if (channel_send(child->process.channel_fd, &message, connection->fd) == 0) {
		connection->state = CONNECTION_SENT;
		child->waiting--;
		return true;
	}
	/* Full: wait for room. Gone: its successor gets it. Anything else passes with time, like ETOOMANYREFS. */
	if (errno != EAGAIN)
		child->process.resume_at = clock_msecs() + HOLD_MSECS;
	return false;
}

static bool can_hand_over(const struct child *child)
{
	return child->waiting > 0 && child->process.ready && child->process.resume_at == CLOCK_NEVER;
}

bool pool_wants_room(const struct child *child)
{
	return can_hand_over(child) || child->process.orders == ORDERS_DRAIN;
}

void pool_hand_over(struct master *master, uint32_t worker)
{
	struct child *child = &master->ledger->children[worker];
	uint32_t in_hand;

	if (clock_reached(child->process.resume_at))
		child->process.resume_at = CLOCK_NEVER;
	if (!can_hand_over(child))
		return;
	/* What a dead worker had in hand comes first: nothing else can be received before it is settled. */
	in_hand = part_in_hand(master_part(master, worker), master->ledger->worker_slots);
	if (in_hand != PART_NOBODY &&
	    master_connection(master, worker, in_hand)->state == CONNECTION_WAITING &&
	    !hand_over(master, worker, in_hand))
		return;
	while (child->waiting > 0) {
		child->cursor %= master->ledger->worker_slots;
		if (master_connection(master, worker, child->cursor)->state == CONNECTION_WAITING &&
		    (!hand_over(master, worker, child->cursor) || child->process.refusing))
			return;
		child->cursor++;
	}
}

void pool_add(struct master *master, int fd, const struct address *peer)
{
	uint32_t worker = choose(master);
	uint32_t index = take_slot(&master->free[worker]);
	struct part *part = master_part(master, worker);
	struct child *child = &master->ledger->children[worker];

	fill_slot(master, &part->slots[index], peer);
	if (index >= committed(&part->reach))
		commit(&part->reach, index + 1);
	*master_connection(master, worker, index) =
		(struct connection){ .fd = fd, .state = CONNECTION_WAITING };
	child->clients++;
	child->waiting++;
	if (child->waiting == 1)
		child->cursor = index;
	pool_hand_over(master, worker);
}

/* ---- what can go wrong ---- */

static void wait_again(struct master *master, uint32_t worker, uint32_t slot)
{
	master_connection(master, worker, slot)->state = CONNECTION_WAITING;
	master->ledger->children[worker].waiting++;
}

void pool_refused(struct master *master, uint32_t worker, uint32_t slot)
{
	if (!is_served(master, worker, slot))
		return;
	wait_again(master, worker, slot);
	master->ledger->children[worker].process.refusing = true;
	master->ledger->children[worker].process.resume_at = clock_msecs() + HOLD_MSECS;
}

static void suspect(struct master *master, uint32_t worker, uint32_t index)
{
	struct connection *connection;
	char peer[ADDRESS_TEXT_BYTES];

	if (!is_served(master, worker, index))
		return;
	connection = master_connection(master, worker, index);
	if (++connection->crashes < CRASHES_MAX)
		return;
	address_text(&master_part(master, worker)->slots[index].peer, peer);
	diag("%s: %d workers crashed adopting this connection, closing it", peer, CRASHES_MAX);
	release(master, worker, index);
}

void pool_bury(struct master *master, uint32_t worker, bool crashed)
{
	struct part *part = master_part(master, worker);
	uint32_t adopting = committed(&part->adopting);

	if (crashed)
		suspect(master, worker, adopting);
	commit(&part->adopting, PART_NOBODY);
	for (uint32_t i = 0; i < master->free[worker].unused; i++) {
		if (!is_served(master, worker, i))
			continue;
		if (i != adopting)
			master_connection(master, worker, i)->crashes = 0;
		if (committed(&part->slots[i].state) == SLOT_DONE)
			release(master, worker, i);
		else
			wait_again(master, worker, i);
	}
}

void pool_abandon(struct master *master)
{
	for (uint32_t worker = 0; worker < master->ledger->workers; worker++) {
		for (uint32_t i = 0; i < master->free[worker].unused; i++) {
			if (master_connection(master, worker, i)->state == CONNECTION_NONE)
				continue;
			slot_set(&master_part(master, worker)->slots[i], SLOT_CUT);
			release(master, worker, i);
		}
	}
}
