/*
 * The master process: one loop that accepts connections, hands them to the workers, and keeps the
 * workers and the logger running.
 *
 * It touches no byte of any client. Were it killed, the others would finish as in a shutdown.
 */
#include "master/master.h"

#include <errno.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/clock.h"
#include "common/diag.h"
#include "master/acceptor.h"
#include "master/children.h"
#include "master/pool.h"
#include "master/shutdown.h"
#include "master/startup.h"
#include "master/state.h"
#include "master/status.h"
#include "master/upgrade.h"

enum {
	SAME_REQUEST_MSECS = 20, /* between two signals that mean one shutdown */
};

static void stop(struct master *master, uint32_t signal_number)
{
	struct ledger *ledger = master->ledger;

	ledger->shutdown.asked_at = clock_msecs();
	ledger->shutdown.signal = signal_number;
	shutdown_begin(master);
}

static void hear(struct master *master, struct child *child, const struct channel_message *message)
{
	uint32_t number = (uint32_t)(child - master->ledger->children);

	if (message->type == CHANNEL_READY)
		child->process.ready = true;
	else if (message->type == CHANNEL_DONE && !child_is_logger(master, child))
		pool_done(&master->workers[number], message->slots, message->count);
	else if (message->type == CHANNEL_REFUSED && !child_is_logger(master, child) && message->count == 1)
		pool_refused(&master->workers[number], message->slots[0]);
}

static void read_channel(struct master *master, struct child *child)
{
	struct channel_message message;
	int fd = -1;

	for (;;) {
		switch (channel_receive(child->process.channel_fd, &message, &fd)) {
		case CHANNEL_MESSAGE:
			if (fd >= 0)
				close(fd); /* nobody has any to send to the master */
			hear(master, child, &message);
			break;
		case CHANNEL_EMPTY:
			return;
		case CHANNEL_FAILED:
			child_kill(child); /* its successor may talk sense */
			return;
		case CHANNEL_CLOSED:
			child_hang_up(child); /* SIGCHLD tells the rest */
			return;
		}
	}
}

static bool is_crash(const struct child_end *end)
{
	return !WIFSIGNALED(end->status) || WTERMSIG(end->status) != SIGKILL;
}

/* The output is gone: another logger empties the pipe, so that the workers can finish. */
static void lose_output(struct master *master)
{
	master->ledger->output_gone = true;
	master->ledger->failed = true;
	if (master->ledger->phase < PHASE_DRAINING)
		stop(master, 0);
}

static void bury(struct master *master, const struct child_end *end)
{
	struct ledger *ledger = master->ledger;
	struct child *child = end->child;
	bool finished =
		WIFEXITED(end->status) && WEXITSTATUS(end->status) == 0 && ledger->phase >= PHASE_DRAINING;

	if (!child_is_logger(master, child))
		pool_bury(&master->workers[child - ledger->children], is_crash(end));
	else if (WIFEXITED(end->status) && WEXITSTATUS(end->status) == SEAT_OUTPUT_GONE)
		lose_output(master);
	if (finished &&
	    (child_is_logger(master, child) || master->workers[child - ledger->children].clients == 0))
		return;
	child_restart(child);
	if (!child->process.expected && !(child_is_logger(master, child) && ledger->output_gone))
		child_report_end(master, end);
}

static void bury_dead(struct master *master)
{
	struct child_end end;

	while (children_reap(master, &end)) {
		if (end.child != NULL)
			bury(master, &end);
		else
			upgrade_finish(master);
	}
}

/* After an upgrade: replaces the children one at a time, each when the last one's successor is ready. */
static void replace_next(struct master *master)
{
	struct ledger *ledger = master->ledger;

	while (ledger->upgrade.replacing <= ledger->workers) {
		struct child *child = &ledger->children[ledger->upgrade.replacing];

		if (!child->process.ready)
			return;
		if (child->process.program != ledger->upgrade.program) {
			child->process.ready = false;
			child->process.expected = true;
			child_kill(child);
			return;
		}
		ledger->upgrade.replacing++;
	}
}

/* ---- signals ---- */

/* timeout(1), for one, sends its signal to the process and at once to its group, too. */
static bool is_same_request(const struct ledger *ledger, uint32_t number)
{
	return number == ledger->shutdown.signal &&
	       clock_msecs() - ledger->shutdown.asked_at < SAME_REQUEST_MSECS;
}

static void handle_signal(struct master *master, uint32_t number)
{
	switch (number) {
	case SIGCHLD:
		bury_dead(master);
		break;
	case SIGUSR1:
		status_write(master);
		break;
	case SIGUSR2:
		upgrade_check(master);
		break;
	default: /* TERM, INT or HUP */
		if (master->ledger->phase < PHASE_DRAINING) {
			stop(master, number);
		} else if (!is_same_request(master->ledger, number)) {
			master->ledger->failed = true;
			shutdown_now(master);
		}
		break;
	}
}

static void handle_signals(struct master *master)
{
	struct signalfd_siginfo info;

	while (master->ledger->phase != PHASE_OVER &&
	       read(master->signal_fd, &info, sizeof(info)) == sizeof(info))
		handle_signal(master, info.ssi_signo);
}

/* ---- the loop ---- */

static uint64_t next_at(const struct master *master)
{
	const struct ledger *ledger = master->ledger;
	uint64_t at = clock_sooner(children_next_start(master), shutdown_next(master));

	at = clock_sooner(at, clock_sooner(acceptor_next(master), ledger->upgrade.checker_at));
	return clock_sooner(at, pool_next(master));
}

/* What poll() watches: the signals, a channel for each child, the listeners. */
struct watch {
	struct pollfd fds[1 + CHILDREN_MAX + LISTENERS_MAX];
	nfds_t children; /* where they begin */
	nfds_t listeners;
	nfds_t count;
};

static void add_watch(struct watch *watch, int fd, short events)
{
	watch->fds[watch->count++] = (struct pollfd){ .fd = fd, .events = events };
}

/* There may be something to send to a child. */
static short events_of(const struct master *master, uint32_t number)
{
	if (master->ledger->children[number].process.orders == ORDERS_DRAIN ||
	    (number < master->ledger->workers && pool_wants_room(&master->workers[number])))
		return POLLIN | POLLOUT;
	return POLLIN;
}

static void set_watch(const struct master *master, struct watch *watch)
{
	const struct ledger *ledger = master->ledger;
	bool accepting = acceptor_is_open(master);

	watch->count = 0;
	add_watch(watch, master->signal_fd, POLLIN);
	watch->children = watch->count;
	for (uint32_t i = 0; i <= ledger->workers; i++) {
		const struct child *child = &ledger->children[i];

		/* poll() passes over -1 */
		add_watch(watch, child->process.channel_fd, events_of(master, i));
	}
	watch->listeners = watch->count;
	for (uint32_t i = 0; i < ledger->listener_count && accepting; i++)
		add_watch(watch, ledger->listener_fds[i], POLLIN);
}

static void serve(struct master *master, const struct watch *watch)
{
	struct ledger *ledger = master->ledger;

	for (uint32_t i = 0; i <= ledger->workers; i++) {
		if (watch->fds[watch->children + i].revents != 0)
			read_channel(master, &ledger->children[i]);
	}
	for (nfds_t i = watch->listeners; i < watch->count; i++) {
		if (watch->fds[i].revents != 0)
			acceptor_accept(master, watch->fds[i].fd);
	}
	if (watch->fds[0].revents != 0)
		handle_signals(master);
}

static void keep_time(struct master *master)
{
	struct ledger *ledger = master->ledger;

	acceptor_advance(master);
	if (clock_reached(ledger->upgrade.checker_at))
		upgrade_give_up(master);
	pool_advance(master);
	replace_next(master);
	shutdown_advance(master);
	if (ledger->phase != PHASE_OVER)
		children_start_due(master);
}

static int loop(struct master *master)
{
	static struct watch watch;

	/* A predecessor may have left dead children whose SIGCHLD it took. */
	bury_dead(master);
	keep_time(master);
	while (master->ledger->phase != PHASE_OVER) {
		set_watch(master, &watch);
		if (poll(watch.fds, watch.count, clock_timeout(next_at(master))) < 0) {
			if (errno == EINTR)
				continue;
			diag_errno("poll");
			master->ledger->failed = true;
			shutdown_now(master);
			break;
		}
		serve(master, &watch);
		keep_time(master);
	}
	return master->ledger->failed ? 1 : 0;
}

int master_run(const struct options *options, const struct crew *crew, char *const argv[])
{
	static struct master master;
	int ledger_fd = -1;
	enum upgrade_role role = upgrade_role(&ledger_fd);
	int status;

	if (role == UPGRADE_CHECK)
		return upgrade_prove(ledger_fd, crew);
	master = (struct master){ .options = options, .crew = crew, .argv = argv, .accept_at = CLOCK_NEVER };
	/* A program of another name, or one executed by an upgrade, is shown by this one, too. */
	if (prctl(PR_SET_NAME, "echod") != 0)
		diag_errno("prctl");
	startup_scheduling();
	upgrade_note_program();
	if (role == UPGRADE_NONE && startup_descriptors() != 0)
		return 1;
	master.signal_fd = startup_signals();
	if (master.signal_fd < 0) {
		diag_errno("signals");
		return 1;
	}
	if ((role == UPGRADE_RESUME ? startup_resume(&master, ledger_fd) : startup_begin(&master)) != 0)
		return 1;
	status = loop(&master);
	upgrade_give_up(&master);
	pool_close(&master);
	return status;
}
