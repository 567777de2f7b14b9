/* Connections and who serves them; run by the master. See pool.h. */
#include "master/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/clock.h"
#include "common/commit.h"
#include "common/diag.h"
#include "master/address_limit.h"
#include "master/census.h"
#include "master/traffic.h"

enum {
	CRASHES_MAX = 3,
	SILENCE_MSECS = 1000, /* and it has not answered */
	HOLD_MSECS = 100, /* before a worker that refused is tried again, unless one of its clients ends */
};

/* Who a client is: a PROXY header tells that to the worker alone. */
static const struct address *peer_of(const struct pool_worker *worker, uint32_t index)
{
	return worker->options->proxy_protocol ? &worker->part->slots[index].peer
					       : &worker->connections[index].peer;
}

/* ---- lists and counts ---- */

static size_t place_in_ledger(const struct pool_worker *worker, uint32_t index)
{
	return (size_t)(&worker->connections[index] - worker->ledger->connections);
}

/* Has a connection count for an address, whatever it counted for before, as long as it lasts. */
static void count_for(struct pool_worker *worker, uint32_t index, const struct address *address)
{
	census_count(worker->census, place_in_ledger(worker, index), address);
}

/* A worker has so many connections now. */
static void set_clients(struct pool_worker *worker, uint32_t clients)
{
	const struct part_plan *plan = &worker->part->plan;

	worker->clients = clients;
	budget_expect(worker->budget, plan->number, clients, plan->ring_stride);
}

/* Has a connection wait to be sent. */
static void await_turn(struct pool_worker *worker, uint32_t slot)
{
	worker->connections[slot].state = CONNECTION_UNSENT;
	worker->unsent++;
	queue_add(&worker->line, slot);
}

/*
 * Places that were never used are not looked at: that would take memory for all there may be. What others may see stays
 * as it is (set_clients()): the master that is counting may be one that is only tried.
 */
static void count(struct pool_worker *worker)
{
	uint32_t slot = committed(&worker->part->plan.reach);

	worker->unused = slot;
	while (slot-- > 0) {
		uint8_t state = worker->connections[slot].state;

		if (state == CONNECTION_NONE) {
			worker->free[worker->free_count++] = slot;
			continue;
		}
		worker->clients++;
		if (!worker->options->proxy_protocol || (worker->connections[slot].was_sent &&
							 slot_has(&worker->part->slots[slot], SLOT_ADMITTED)))
			count_for(worker, slot, peer_of(worker, slot));
		if (state == CONNECTION_UNSENT)
			await_turn(worker, slot);
	}
}

int pool_open(struct master *master)
{
	struct ledger *ledger = master->ledger;
	size_t slots = ledger->worker_slots;

	if (master->options->max_per_address != 0 &&
	    census_open(&master->census, slots * ledger->workers) != 0)
		return -1;
	for (uint32_t i = 0; i < ledger->workers; i++) {
		master->workers[i] = (struct pool_worker){
			.options = master->options,
			.ledger = ledger,
			.child = &ledger->children[i],
			.part = master->child_memory[i].base,
			.connections = &ledger->connections[i * slots],
			.budget = master->budget_memory.base,
			.census = &master->census,
			.free = calloc(slots, sizeof(*master->workers[i].free)),
		};
		if (master->workers[i].free == NULL ||
		    queue_init(&master->workers[i].line, ledger->worker_slots) != 0) {
			pool_close(master);
			errno = ENOMEM;
			return -1;
		}
		count(&master->workers[i]);
	}
	return 0;
}

void pool_close(struct master *master)
{
	for (uint32_t i = 0; i < master->ledger->workers; i++) {
		free(master->workers[i].free);
		queue_release(&master->workers[i].line);
	}
	census_close(&master->census);
}

/* ---- the end of a connection ---- */

static struct totals totals_of(const struct pool_worker *worker, uint32_t index)
{
	const struct slot *slot = &worker->part->slots[index];
	struct traffic traffic = traffic_of(slot, worker->connections[index].fd);

	return (struct totals){
		.received = traffic.received,
		.echoed = traffic.echoed,
		.dropped = bytes_dropped(traffic.received, traffic.echoed, worker->options->echo),
		.unacked = traffic.sent - traffic.echoed,
		.idle = slot_has(slot, SLOT_IDLE),
		.stalled = slot_has(slot, SLOT_STALLED),
	};
}

static void report(const struct pool_worker *worker, uint32_t index, const struct totals *totals)
{
	const struct slot *slot = &worker->part->slots[index];
	char peer[ADDRESS_TEXT_BYTES];

	address_text(peer_of(worker, index), peer);
	if (slot_has(slot, SLOT_DROPPING))
		diag("%s: dropped %ju bytes", peer, (uintmax_t)totals->dropped);
	if (worker->options->verbose)
		diag("%s: closed, received %ju, echoed %ju, dropped %ju", peer, (uintmax_t)totals->received,
		     (uintmax_t)totals->echoed, (uintmax_t)totals->dropped);
}

static void add_ended(struct pool_worker *worker, const struct slot *slot, const struct totals *totals)
{
	struct totals *ended = &worker->child->ended;

	ended->received += totals->received;
	ended->echoed += totals->echoed;
	ended->dropped += totals->dropped;
	ended->unacked += totals->unacked;
	ended->connections++;
	ended->idle += totals->idle;
	ended->stalled += totals->stalled;
	if (worker->ledger->phase == PHASE_DRAINING && slot_has(slot, SLOT_CUT) &&
	    !slot_has(slot, SLOT_IDLE | SLOT_STALLED))
		worker->ledger->shutdown.cut++;
}

/* Closes a connection and has its slot free. */
static void free_slot(struct pool_worker *worker, uint32_t index, const struct totals *totals)
{
	struct connection *connection = &worker->connections[index];
	struct slot *slot = &worker->part->slots[index];

	add_ended(worker, slot, totals);
	if (connection->state == CONNECTION_UNSENT)
		worker->unsent--;
	set_clients(worker, worker->clients - 1);
	census_forget(worker->census, place_in_ledger(worker, index));
	/* Whoever has kept a descriptor of it has nothing of that. It fails if the connection is at its end. */
	(void)shutdown(connection->fd, SHUT_RDWR);
	close(connection->fd);
	/* A chunk that was in hand is still to be logged. */
	*connection = (struct connection){ .fd = -1,
					   .generation = connection->generation,
					   .peer = connection->peer };
	commit(&slot->state, SLOT_FREE);
	worker->free[worker->free_count++] = index;
}

static void release(struct pool_worker *worker, uint32_t index)
{
	struct totals totals;

	slot_end(&worker->part->slots[index], worker->connections[index].fd);
	totals = totals_of(worker, index);
	report(worker, index, &totals);
	free_slot(worker, index, &totals);
}

static bool is_served(const struct pool_worker *worker, uint32_t slot)
{
	return slot < worker->ledger->worker_slots && worker->connections[slot].state == CONNECTION_SENT;
}

static bool is_done(const struct pool_worker *worker, uint32_t slot)
{
	return committed(&worker->part->slots[slot].state) == SLOT_DONE;
}

void pool_done(struct pool_worker *worker, const uint32_t *slots, uint32_t slot_count)
{
	for (uint32_t i = 0; i < slot_count; i++) {
		if (!is_served(worker, slots[i]) || !is_done(worker, slots[i]))
			continue;
		release(worker, slots[i]);
		worker->child->process.resume_at = CLOCK_NEVER;
	}
}

/* ---- the beginning ---- */

/*
 * A worker can make records of a connection from when it has this. It never lies in memory that a worker could have lent
 * to the pipe.
 */
static uint64_t seal_of(const struct pool_worker *worker, uint32_t index)
{
	const struct connection *connection = &worker->connections[index];

	return record_seal(worker->ledger->record_key, (uint32_t)place_in_ledger(worker, index),
			   connection->generation,
			   worker->options->proxy_protocol ? NULL : &connection->peer);
}

/* What the master alone says of a connection: a worker may have written over it. */
static void fill_known(struct pool_worker *worker, uint32_t index)
{
	const struct connection *connection = &worker->connections[index];
	struct slot *slot = &worker->part->slots[index];

	slot->generation = connection->generation;
	slot->real_peer = connection->peer;
	slot->opened_at_usecs = connection->accepted_at_usecs;
	if (!worker->options->proxy_protocol)
		slot->peer = connection->peer;
	commit(&slot->state, SLOT_OPEN);
}

/* Makes all of a slot anew, of whatever was left there. */
static void fill_slot(struct pool_worker *worker, uint32_t index)
{
	struct slot *slot = &worker->part->slots[index];

	commit(&slot->received, 0);
	commit(&slot->sent, 0);
	commit(&slot->queued, 0);
	commit(&slot->ring_base, 0);
	commit(&slot->echo_limit, worker->options->echo ? SLOT_NO_LIMIT : 0);
	commit(&slot->flags, 0);
	commit(&slot->gap, 0);
	commit(&slot->unacked, 0);
	commit(&slot->time_usecs, 0);
	commit(&slot->acked, 0);
	commit(&slot->header_bytes, 0);
	commit(&slot->header_taken, 0);
	commit(&slot->heard_at, worker->connections[index].accepted_at_usecs / 1000);
	commit(&slot->moved_at, 0);
	slot->peer = worker->connections[index].peer;
	fill_known(worker, index);
}

bool pool_answers(struct pool_worker *worker)
{
	struct process *process = &worker->child->process;
	uint32_t taken = committed(&worker->part->taken);

	if (taken != process->taken) {
		process->taken = taken;
		process->asked_at = clock_msecs();
	}
	return taken == process->handed || !clock_reached(process->asked_at + SILENCE_MSECS);
}

/* Sends one connection to its worker; false if that must wait. */
static bool hand_over(struct pool_worker *worker, uint32_t index)
{
	struct connection *connection = &worker->connections[index];
	struct process *process = &worker->child->process;
	struct channel_message message = {
		.type = CHANNEL_CLIENT, .count = 1, .slots = { index }, .seal = seal_of(worker, index)
	};

	if (channel_send(process->channel_fd, &message, connection->fd) == 0) {
		if (pool_answers(worker) && process->handed == process->taken)
			process->asked_at = clock_msecs();
		process->handed++;
		connection->state = CONNECTION_SENT;
		connection->was_sent = true;
		worker->unsent--;
		return true;
	}
	/*
	 * Full: wait for room. Gone, or it listens no more: its successor gets it. Anything else passes with time, like
	 * ETOOMANYREFS.
	 */
	if (errno == EPIPE)
		process_kill(process);
	if (errno != EAGAIN)
		process->resume_at = clock_msecs() + HOLD_MSECS;
	return false;
}

bool pool_wants_room(const struct pool_worker *worker)
{
	const struct process *process = &worker->child->process;

	return worker->unsent > 0 && process->ready && process->resume_at == CLOCK_NEVER;
}

static void hand_all_over(struct pool_worker *worker)
{
	struct process *process = &worker->child->process;
	uint32_t in_hand;

	if (clock_reached(process->resume_at))
		process->resume_at = CLOCK_NEVER;
	if (!pool_wants_room(worker))
		return;
	/* What a dead worker had in hand comes first: nothing else can be received before it is settled. */
	in_hand = part_in_hand(worker->part, worker->ledger->worker_slots);
	if (in_hand != PART_NOBODY && worker->connections[in_hand].state == CONNECTION_UNSENT &&
	    !hand_over(worker, in_hand))
		return;
	while (worker->line.count > 0) {
		uint32_t first = queue_first(&worker->line);
		bool is_unsent = worker->connections[first].state == CONNECTION_UNSENT;

		if (is_unsent && !hand_over(worker, first))
			return;
		queue_take(&worker->line);
		if (is_unsent && process->refusing)
			return;
	}
}

void pool_add(struct pool_worker *worker, int fd, const struct address *peer)
{
	uint32_t index = worker->free_count > 0 ? worker->free[--worker->free_count] : worker->unused++;

	struct connection *connection = &worker->connections[index];

	connection->fd = fd;
	connection->peer = *peer;
	connection->accepted_at_usecs = clock_usecs();
	connection->generation += connection->generation == UINT32_MAX ? 2 : 1; /* never 0 */
	fill_slot(worker, index);
	if (index >= committed(&worker->part->plan.reach)) {
		commit(&worker->part->slots[index].ring_held,
		       0); /* as to others, a worker sees to that (buffers_check()) */
		commit(&worker->part->plan.reach, index + 1);
	}
	set_clients(worker, worker->clients + 1);
	await_turn(worker, index);
	if (!worker->options->proxy_protocol)
		count_for(worker, index, peer);
	hand_all_over(worker);
}

uint32_t pool_clients(const struct master *master)
{
	uint32_t clients = 0;

	for (uint32_t i = 0; i < master->ledger->workers; i++)
		clients += master->workers[i].clients;
	return clients;
}

uint64_t pool_next(const struct master *master)
{
	uint64_t next_at = CLOCK_NEVER;

	for (uint32_t i = 0; i < master->ledger->workers; i++) {
		const struct pool_worker *worker = &master->workers[i];

		if (worker->unsent > 0 && worker->child->process.ready)
			next_at = clock_sooner(next_at, worker->child->process.resume_at);
	}
	return next_at;
}

void pool_advance(struct master *master)
{
	for (uint32_t i = 0; i < master->ledger->workers; i++)
		hand_all_over(&master->workers[i]);
}

/* ---- what can go wrong ---- */

void pool_refused(struct pool_worker *worker, uint32_t slot)
{
	if (!is_served(worker, slot))
		return;
	await_turn(worker, slot);
	worker->child->process.refusing = true;
	worker->child->process.resume_at = clock_msecs() + HOLD_MSECS;
}

void pool_known(struct master *master, struct pool_worker *worker, uint32_t slot)
{
	struct address peer;

	if (!is_served(worker, slot) || !worker->options->proxy_protocol ||
	    worker->options->max_per_address == 0)
		return;
	peer = *peer_of(worker, slot);
	if (address_limit_refuses(master, &peer)) {
		free_slot(worker, slot, &(struct totals){ 0 }); /* nothing has been received but the header */
		return;
	}
	count_for(worker, slot, &peer);
	slot_set(&worker->part->slots[slot], SLOT_ADMITTED);
	await_turn(worker, slot);
}

static void give_up(struct pool_worker *worker, uint32_t index)
{
	char peer[ADDRESS_TEXT_BYTES];

	address_text(peer_of(worker, index), peer);
	diag("%s: %d workers crashed adopting this connection, closing it", peer, CRASHES_MAX);
	slot_set(&worker->part->slots[index], SLOT_GIVEN_UP);
}

static void suspect(struct pool_worker *worker, uint32_t slot)
{
	uint8_t crashes;

	if (!is_served(worker, slot))
		return;
	crashes = ++worker->connections[slot].crashes;
	if (crashes == CRASHES_MAX)
		give_up(worker, slot);
	else if (crashes > CRASHES_MAX)
		release(worker, slot); /* not even closing it goes well: the log does not learn of its end */
}

/*
 * Has a connection wait for the next worker. Of its slot the last one may have written what is the master's to say, and
 * if it never had the connection, it had nothing to write there at all.
 */
static void bury_connection(struct pool_worker *worker, uint32_t index)
{
	if (worker->connections[index].was_sent) {
		fill_known(worker, index);
	} else {
		fill_slot(worker, index);
		commit(&worker->part->slots[index].ring_held, 0);
	}
	if (is_served(worker, index))
		await_turn(worker, index);
}

/*
 * Notes whose chunk the worker had in hand: nobody would ever settle one of a connection that the next worker does not
 * get, and no worker had one of a connection that was never sent to it, or is no more, but for one that was owed before.
 */
static void note_in_hand(struct pool_worker *worker)
{
	struct chunk *chunk = &worker->part->batch.in_hand;
	struct owed *owed = &worker->child->owed;
	uint32_t index = committed(&chunk->slot);
	bool is_known = index < worker->unused && worker->connections[index].was_sent &&
			chunk->generation == worker->connections[index].generation;

	if (is_known)
		*owed = (struct owed){ .slot = index,
				       .generation = chunk->generation,
				       .seal = seal_of(worker, index) };
	else if (owed->generation == 0 || index != owed->slot || chunk->generation != owed->generation)
		*owed = (struct owed){ .generation = 0 };
	if (owed->generation == 0)
		commit(&chunk->slot, PART_NOBODY);
}

/* Whatever the last worker wrote there; whose the slot was is none of the next one's business, but for what is owed. */
static void bury_free_slot(struct pool_worker *worker, uint32_t index)
{
	const struct owed *owed = &worker->child->owed;
	struct slot *slot = &worker->part->slots[index];

	commit(&slot->state, SLOT_FREE);
	commit(&slot->ring_held, 0);
	if (owed->generation == 0 || owed->slot != index)
		slot->peer = slot->real_peer = (struct address){ .port = 0 };
}

void pool_bury(struct pool_worker *worker, bool crashed)
{
	uint32_t adopting = committed(&worker->part->adopting);

	note_in_hand(worker);
	if (crashed)
		suspect(worker, adopting);
	commit(&worker->part->adopting, PART_NOBODY);
	commit(&worker->part->taken, 0);
	if (part_renew(worker->part, worker->unused) != 0)
		diag_errno("worker %u: its memory cannot be renewed", worker->part->plan.number);
	for (uint32_t i = 0; i < worker->unused; i++) {
		if (is_served(worker, i) && i != adopting)
			worker->connections[i].crashes = 0;
		if (is_served(worker, i) && is_done(worker, i))
			release(worker, i);
		if (worker->connections[i].state != CONNECTION_NONE) {
			bury_connection(worker, i);
		} else {
			bury_free_slot(worker, i);
		}
	}
}

void pool_abandon(struct master *master)
{
	for (uint32_t i = 0; i < master->ledger->workers; i++) {
		struct pool_worker *worker = &master->workers[i];

		for (uint32_t slot = 0; slot < worker->unused; slot++) {
			if (worker->connections[slot].state == CONNECTION_NONE)
				continue;
			slot_set(&worker->part->slots[slot], SLOT_CUT);
			release(worker, slot);
		}
	}
}
