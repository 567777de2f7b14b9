/* The orderly end and the hasty one; run by the master. See shutdown.h. */
#include "master/shutdown.h"

#include <errno.h>
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
#include "master/herald.h"
#include "master/pool.h"

enum {
	SAME_REQUEST_MSECS = 20, /* between two signals that mean one shutdown */
	SILENT_MSECS = 1000,     /* before it is said what the end waits for */
	GRACE_MSECS = 500,       /* after the deadline; twice as long after each round of killing */
	KILLS_MAX = 3,           /* rounds, then the rest is given up */
};

/* What is still on its way out shrinks while the logger gets on with its work. */
static bool log_moves(struct master *master)
{
	struct ledger *ledger = master->ledger;
	uint64_t seen = ledger->shutdown.output_seen;
	int in_relay = 0; /* and stays so if it cannot be asked for */

	(void)ioctl(ledger->relay_fds[0], FIONREAD, &in_relay);
	ledger->shutdown.output_seen = committed(&log_of(master)->written) - (uint64_t)in_relay;
	return ledger->shutdown.output_seen != seen;
}

/* By a signal, or 0. */
static void begin(struct master *master, uint32_t signal_number)
{
	struct ledger *ledger = master->ledger;
	uint64_t now;

	acceptor_close(master);
	if (ledger->phase == PHASE_STARTING) { /* nobody has been served yet */
		children_end(master);
		ledger->phase = PHASE_OVER;
		return;
	}
	now = clock_msecs();
	ledger->phase = PHASE_DRAINING;
	ledger->shutdown.signal = signal_number;
	ledger->shutdown.asked_at = now;
	ledger->shutdown.deadline_at = now + (uint64_t)master->options->drain_timeout_msecs;
	ledger->shutdown.patience_at = ledger->shutdown.deadline_at + GRACE_MSECS;
	ledger->shutdown.tell_at = now + SILENT_MSECS;
	(void)log_moves(master); /* from here on */
	for (uint32_t i = 0; i <= ledger->workers; i++) {
		struct child *child = &ledger->children[i];

		/* One that is started from now on learns of the deadline from its seat. */
		if (child->process.pid != 0 && i < ledger->workers)
			child->process.orders = ORDERS_DRAIN;
		if (child->restart_at == CLOCK_NEVER)
			continue;
		child->restart_at = now; /* there is no time for a delay */
		child->delay_msecs = 0;
	}
}

/* timeout(1), for one, sends its signal to the process and at once to its group, too. */
static bool is_same_request(const struct ledger *ledger, uint32_t signal_number)
{
	return signal_number == ledger->shutdown.signal &&
	       clock_msecs() - ledger->shutdown.asked_at < SAME_REQUEST_MSECS;
}

/* A failure: kills all children, waits for them and closes all connections. PHASE_OVER. */
static void end_now(struct master *master)
{
	struct ledger *ledger = master->ledger;

	ledger->failed = true;
	ledger->phase = PHASE_OVER;
	children_end(master); /* before anything is said: from now on that stands where the log stands */
	acceptor_close(master);
	pool_abandon(master);
}

void shutdown_request(struct master *master, uint32_t signal_number)
{
	if (master->ledger->phase < PHASE_DRAINING)
		begin(master, signal_number);
	else if (!is_same_request(master->ledger, signal_number))
		end_now(master);
}

static void tell_to_drain(struct child *child, uint64_t deadline_at)
{
	struct channel_message message = { .type = CHANNEL_DRAIN, .deadline_at = deadline_at };
	struct process *process = &child->process;

	if (process->orders != ORDERS_DRAIN)
		return;
	/* While its channel is full it has connections to adopt first. */
	if (channel_send(process->channel_fd, &message, -1) == 0)
		process->orders = ORDERS_NONE;
	else if (errno == EPIPE) /* it has died, or listens no more: its successor does */
		process_kill(process);
}

/* Without connections a worker is dismissed: end-of-file on its channel. True if it has gone for good. */
static bool dismiss(struct pool_worker *worker)
{
	struct process *process = &worker->child->process;

	if (worker->clients > 0)
		return false;
	worker->child->restart_at = CLOCK_NEVER;
	if (process->pid == 0)
		return true;
	/* Fails only if the worker has died. */
	if (process->orders != ORDERS_DISMISSED && shutdown(process->channel_fd, SHUT_WR) == 0)
		process->orders = ORDERS_DISMISSED;
	return false;
}

/* The workers finish; when none is left the logger's turn comes: end-of-file on the pipe. */
static void drain(struct master *master)
{
	struct ledger *ledger = master->ledger;
	bool all_gone = true;

	for (uint32_t i = 0; i < ledger->workers; i++) {
		tell_to_drain(&ledger->children[i], ledger->shutdown.deadline_at);
		all_gone = dismiss(&master->workers[i]) && all_gone;
	}
	if (!all_gone)
		return;
	if (ledger->shutdown.cut > 0)
		diag("drain timeout: %u connection%s closed", ledger->shutdown.cut,
		     ledger->shutdown.cut == 1 ? "" : "s");
	ledger->shutdown.cut = 0;
	herald_advance(master);
	if (herald_waits(master)) /* for room in the log */
		return;
	close(ledger->pipe_fds[1]);
	ledger->pipe_fds[1] = -1;
	ledger->phase = PHASE_LOGGING;
}

/*
 * Standard output has had no room for as long as clients were waited for: what it does not take is lost, which
 * another logger counts.
 */
static void give_up_output(struct master *master)
{
	struct ledger *ledger = master->ledger;

	ledger->output_gone = ledger->failed = true;
	children_replace(ledger_logger(ledger));
	ledger->shutdown.patience_at = clock_msecs() + GRACE_MSECS;
}

/* In this order: what is said before is lost if it is on its way through the log. */
static void give_up(struct master *master, const char *what)
{
	end_now(master);
	diag("%s", what);
}

static void replace_workers(struct ledger *ledger)
{
	for (uint32_t i = 0; i < ledger->workers; i++)
		children_replace(&ledger->children[i]);
}

/*
 * While the log gets on, however slowly it is read, there are workers that wait to add to it; but one that will not
 * finish could keep it going for ever. Who is started after the deadline adds what is left, and nothing else.
 */
static void wait_on(struct ledger *ledger)
{
	ledger->shutdown.kills = 0;
	ledger->shutdown.patience_at = clock_msecs() + GRACE_MSECS;
	if (ledger->shutdown.retired)
		return;
	ledger->shutdown.retired = true;
	replace_workers(ledger);
}

/* One round of killing whoever has not finished; after the last one, the end. */
static void kill_late(struct master *master)
{
	struct ledger *ledger = master->ledger;

	if (log_moves(master)) {
		wait_on(ledger);
		return;
	}
	if (!ledger->output_gone && committed(&log_of(master)->full_at) != 0) {
		give_up_output(master);
		return;
	}
	ledger->shutdown.kills++;
	/* On a machine so slow that the successors were only late, too, they need more than that. */
	ledger->shutdown.patience_at = clock_msecs() + ((uint64_t)GRACE_MSECS << ledger->shutdown.kills);
	if (ledger->shutdown.kills > KILLS_MAX) {
		give_up(master, "shutdown: processes hang, the log is not complete");
		return;
	}
	replace_workers(ledger);
	/* The logger has work to do for as long as there are workers. */
	if (ledger->phase == PHASE_LOGGING || ledger->shutdown.kills > 1)
		children_replace(ledger_logger(ledger));
}

static void tell_what_it_waits_for(struct master *master)
{
	const struct shutdown_state *shutdown = &master->ledger->shutdown;
	uint64_t now = clock_msecs();
	uint32_t clients = pool_clients(master);

	master->ledger->shutdown.tell_at = CLOCK_NEVER;
	if (clients > 0 && now < shutdown->deadline_at)
		diag("waiting for %u client%s, at most %ju s more; the same signal again ends it at once",
		     clients, clients == 1 ? "" : "s", (uintmax_t)(shutdown->deadline_at - now + 999) / 1000);
}

uint64_t shutdown_next(const struct master *master)
{
	const struct shutdown_state *shutdown = &master->ledger->shutdown;

	return clock_sooner(shutdown->tell_at, shutdown->patience_at);
}

void shutdown_advance(struct master *master)
{
	struct ledger *ledger = master->ledger;
	const struct child *logger = ledger_logger(ledger);

	if (ledger->output_gone && ledger->phase < PHASE_DRAINING)
		begin(master, 0);
	if (ledger->phase != PHASE_SERVING && ledger->phase != PHASE_OVER && children_are_futile(master)) {
		give_up(master, ledger->phase == PHASE_STARTING
					? "cannot start"
					: "shutdown: a process is missing, the log is not complete");
	}
	if (clock_reached(ledger->shutdown.tell_at))
		tell_what_it_waits_for(master);
	if (ledger->phase == PHASE_DRAINING)
		drain(master);
	if (ledger->phase == PHASE_LOGGING && logger->process.pid == 0 && logger->restart_at == CLOCK_NEVER)
		ledger->phase = PHASE_OVER;
	if (ledger->phase != PHASE_OVER && clock_reached(ledger->shutdown.patience_at))
		kill_late(master);
}
