/* The orderly end and the hasty one; run by the master. See shutdown.h. */
#include "master/shutdown.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/clock.h"
#include "common/commit.h"
#include "common/diag.h"
#include "common/log_progress.h"
#include "master/acceptor.h"
#include "master/children.h"
#include "master/pool.h"

enum {
	GRACE_MSECS = 500, /* after the deadline, and between rounds of killing */
	KILLS_MAX = 3,     /* rounds, then the rest is given up */
};

/* One that is started from now on learns of the deadline from its seat. */
static void tell_to_drain(struct child *worker, uint64_t deadline_at)
{
	struct channel_message message = { .type = CHANNEL_DRAIN, .deadline_at = deadline_at };

	/* While its channel is full it has connections to adopt first. */
	if (worker->process.orders == ORDERS_DRAIN &&
	    channel_send(worker->process.channel_fd, &message, -1) == 0)
		worker->process.orders = ORDERS_NONE;
}

void shutdown_begin(struct master *master)
{
	struct ledger *ledger = master->ledger;

	acceptor_close(master);
	ledger->phase = PHASE_DRAINING;
	ledger->shutdown.deadline_at = clock_msecs() + (uint64_t)master->options->drain_timeout_msecs;
	ledger->shutdown.patience_at = ledger->shutdown.deadline_at + GRACE_MSECS;
	for (uint32_t i = 0; i <= ledger->workers; i++) {
		struct child *child = &ledger->children[i];

		if (child->process.pid != 0 && !child_is_logger(master, child))
			child->process.orders = ORDERS_DRAIN;
		if (child->restart_at != CLOCK_NEVER)
			child->restart_at = clock_msecs(); /* there is no time for a delay */
	}
}

/* Workers without connections are dismissed: end-of-file on their channel. True if none is left. */
static bool dismiss_workers(struct master *master)
{
	struct ledger *ledger = master->ledger;
	bool all_gone = true;

	for (uint32_t i = 0; i < ledger->workers; i++) {
		struct child *worker = &ledger->children[i];

		if (master->workers[i].clients > 0) {
			all_gone = false;
			continue;
		}
		worker->restart_at = CLOCK_NEVER;
		if (worker->process.pid == 0)
			continue;
		all_gone = false;
		/* Fails only if the worker has died. */
		if (worker->process.orders != ORDERS_DISMISSED &&
		    shutdown(worker->process.channel_fd, SHUT_WR) == 0)
			worker->process.orders = ORDERS_DISMISSED;
	}
	return all_gone;
}

static void close_pipe(struct ledger *ledger)
{
	close(ledger->pipe_fds[1]);
	ledger->pipe_fds[1] = -1;
	ledger->phase = PHASE_LOGGING;
}

/* What is still on its way out shrinks while the logger gets on with its work. */
static bool log_moves(struct master *master)
{
	struct ledger *ledger = master->ledger;
	const struct log_progress *log = master->child_memory[ledger->workers].base;
	uint64_t written = committed(&log->written);
	int in_relay = 0;

	if (ioctl(ledger->relay_fds[0], FIONREAD, &in_relay) != 0)
		in_relay = 0;
	if (written - (uint64_t)in_relay == ledger->shutdown.output_seen)
		return false;
	ledger->shutdown.output_seen = written - (uint64_t)in_relay;
	return true;
}

/*
 * One round of killing whoever has not finished; after the last one, the end. While the log gets on,
 * however slowly it is read, there are workers that wait to add to it.
 */
static void kill_late(struct master *master)
{
	struct ledger *ledger = master->ledger;

	ledger->shutdown.patience_at = clock_msecs() + GRACE_MSECS;
	if (log_moves(master))
		return;
	ledger->shutdown.kills++;
	if (ledger->shutdown.kills > KILLS_MAX) {
		diag("shutdown: processes hang, the log is not complete");
		ledger->failed = true;
		shutdown_now(master);
		return;
	}
	for (uint32_t i = 0; i <= ledger->workers; i++) {
		struct child *child = &ledger->children[i];

		/* The logger has work to do for as long as there are workers. */
		if (child_is_logger(master, child) && ledger->phase != PHASE_LOGGING &&
		    ledger->shutdown.kills == 1)
			continue;
		child->process.expected = true;
		child_kill(child);
	}
}

uint64_t shutdown_next(const struct master *master)
{
	return master->ledger->shutdown.patience_at;
}

void shutdown_advance(struct master *master)
{
	struct ledger *ledger = master->ledger;

	for (uint32_t i = 0; i < ledger->workers; i++)
		tell_to_drain(&ledger->children[i], ledger->shutdown.deadline_at);
	if (ledger->phase == PHASE_DRAINING && dismiss_workers(master)) {
		if (ledger->shutdown.cut > 0)
			diag("drain timeout: %u connections closed", ledger->shutdown.cut);
		close_pipe(ledger);
	}
	if (ledger->phase == PHASE_LOGGING && ledger_logger(ledger)->process.pid == 0 &&
	    ledger_logger(ledger)->restart_at == CLOCK_NEVER)
		ledger->phase = PHASE_OVER;
	else if (clock_reached(ledger->shutdown.patience_at))
		kill_late(master);
}

void shutdown_now(struct master *master)
{
	struct ledger *ledger = master->ledger;

	ledger->phase = PHASE_OVER;
	acceptor_close(master);
	for (uint32_t i = 0; i <= ledger->workers; i++)
		child_kill(&ledger->children[i]);
	for (uint32_t i = 0; i <= ledger->workers; i++)
		child_await(&ledger->children[i]);
	pool_abandon(master);
}
