/* Numbers from the ledger, the table and the logger's desk; run by the master. See figures.h. */
#include "master/figures.h"

#include <sys/ioctl.h>

#include "common/commit.h"
#include "common/log_progress.h"
#include "master/traffic.h"

enum { LOOKS_MAX = 16 };

/* How far a living connection has come, but for a chunk in hand: what becomes of that is not decided. */
struct look {
	uint32_t in_hand; /* whose chunk that is, as part_in_hand() says */
	uint64_t received, queued;
};

static struct look look_at(const struct part *part, uint32_t slot_count, uint32_t index)
{
	const struct chunk *chunk = &part->batch.in_hand;
	struct look look = { .in_hand = part_in_hand(part, slot_count) };

	look.received = look.in_hand == index ? chunk->offset : committed(&part->slots[index].received);
	look.queued = look.in_hand == index ? chunk->queued_before : slot_queued(&part->slots[index]);
	return look;
}

static bool same(const struct look *look, const struct look *other)
{
	return look->in_hand == other->in_hand && look->received == other->received &&
	       look->queued == other->queued;
}

/*
 * Bytes received that will never be echoed, as far as that is decided; no more than `most`. Between two looks at
 * which all is the same nothing was; an honest worker would have to be faster than a look, again and again, for there
 * to be none.
 */
static uint64_t dropped_so_far(const struct part *part, uint32_t slot_count, uint32_t index, uint64_t most)
{
	struct look look, next = look_at(part, slot_count, index);
	uint64_t dropped;

	for (int looks = 0; looks < LOOKS_MAX; looks++) {
		look = next;
		next = look_at(part, slot_count, index);
		if (same(&look, &next))
			break;
	}
	dropped = next.received > next.queued ? next.received - next.queued : 0;
	return dropped < most ? dropped : most;
}

static void add_living(struct worker_figures *figures, const struct pool_worker *worker)
{
	for (uint32_t i = 0; i < worker->unused; i++) {
		struct traffic traffic;

		if (worker->connections[i].state == CONNECTION_NONE)
			continue;
		traffic = traffic_of(&worker->part->slots[i], worker->connections[i].fd);
		figures->received += traffic.received;
		figures->sent += traffic.sent;
		figures->waiting += traffic.queued - traffic.sent;
		if (worker->options->echo)
			figures->dropped += dropped_so_far(worker->part, worker->ledger->worker_slots, i,
							   traffic.received);
	}
}

static struct worker_figures gather_worker(const struct pool_worker *worker, uint64_t held)
{
	const struct totals *ended = &worker->child->ended;
	struct worker_figures figures = {
		.restarts = worker->child->restarts,
		.connections = worker->clients,
		.accepted = ended->connections + worker->clients,
		.closed = ended->connections,
		.idle = ended->idle,
		.stalled = ended->stalled,
		.received = ended->received,
		.sent = ended->echoed + ended->unacked,
		.unacked = ended->unacked,
		.dropped = ended->dropped,
		.held = held,
	};

	add_living(&figures, worker);
	figures.echoed = figures.sent - figures.unacked;
	return figures;
}

static void add(struct worker_figures *sum, const struct worker_figures *figures)
{
	sum->restarts += figures->restarts;
	sum->connections += figures->connections;
	sum->accepted += figures->accepted;
	sum->closed += figures->closed;
	sum->idle += figures->idle;
	sum->stalled += figures->stalled;
	sum->received += figures->received;
	sum->sent += figures->sent;
	sum->unacked += figures->unacked;
	sum->echoed += figures->echoed;
	sum->dropped += figures->dropped;
	sum->waiting += figures->waiting;
	sum->held += figures->held;
}

/* Bytes in a pipe, which may be closed already and holds none then. */
static uint64_t in_pipe(int fd)
{
	int bytes = 0;

	return ioctl(fd, FIONREAD, &bytes) == 0 ? (uint64_t)bytes : 0;
}

/* Bytes in a worker's batch, which are no more than it has room for. */
static uint64_t in_batch(const struct batch *batch)
{
	uint64_t flushed = committed(&batch->flushed);
	uint64_t bytes = committed(&batch->filled) - flushed;

	return bytes <= BATCH_RING_BLOCKS * RECORD_BLOCK_BYTES ? bytes : 0;
}

static void gather_log(const struct master *master, struct figures *figures)
{
	const struct ledger *ledger = master->ledger;

	figures->logger_restarts = ledger->children[ledger->workers].restarts;
	figures->log_lost_bytes = log_lost(log_of(master));
	figures->log_bytes = log_delivered(log_of(master)) + figures->log_lost_bytes;
	figures->log_waiting_bytes = in_pipe(ledger->pipe_fds[0]) + committed(&log_of(master)->in_hand) +
				     in_pipe(ledger->relay_fds[0]);
	for (uint32_t i = 0; i < ledger->workers; i++) {
		figures->log_waiting_bytes += in_batch(&master->workers[i].part->batch);
	}
}

void figures_gather(const struct master *master, struct figures *figures)
{
	const struct ledger *ledger = master->ledger;
	const struct budget *budget = master->budget_memory.base;

	*figures = (struct figures){
		.workers = ledger->workers,
		.connections_max = ledger->clients_max,
		.refused = ledger->refusals.count,
		.buffer_bytes = ledger->ring_bytes,
		.buffer_total_bytes = budget->plan.total_bytes,
		.upgrades = ledger->upgrade.program,
		.started_at_secs = ledger->started_at_secs,
	};
	for (uint32_t i = 0; i < ledger->workers; i++) {
		figures->worker[i] = gather_worker(&master->workers[i], budget_held(budget, i));
		add(&figures->all, &figures->worker[i]);
	}
	gather_log(master, figures);
}
