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

#include "common/clock.h"
#include "common/diag.h"
#include "master/acceptor.h"
#include "master/activation.h"
#include "master/address_limit.h"
#include "master/audit.h"
#include "master/children.h"
#include "master/herald.h"
#include "master/monitor.h"
#include "master/notify.h"
#include "master/pool.h"
#include "master/shutdown.h"
#include "master/startup.h"
#include "master/state.h"
#include "master/status.h"
#include "master/upgrade.h"

enum {
	BLIND_MSECS = 50,
	WATCHES_OWN = 2, /* the signals, and room in the log, for which nothing is to be done but to go on */
};

/* ---- signals ---- */

static void bury_dead(struct master *master)
{
	int status;
	pid_t pid;

	/* 0: those that are left live; -1: none is left */
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		upgrade_bury(master, pid);
		children_bury(master, pid, status);
	}
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
		upgrade_request(master);
		break;
	default: /* TERM, INT or HUP */
		shutdown_request(master, number);
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
	uint64_t at = clock_sooner(acceptor_next(master), pool_next(master));

	at = clock_sooner(at, clock_sooner(address_limit_next(master), audit_next(master)));
	at = clock_sooner(at, clock_sooner(upgrade_next(master), shutdown_next(master)));
	at = clock_sooner(at, clock_sooner(monitor_next(master), notify_next(master)));
	at = clock_sooner(at, herald_next(master));
	return clock_sooner(at, children_next(master));
}

/* Does whatever is due. */
static void advance(struct master *master)
{
	acceptor_advance(master);
	address_limit_advance(master);
	pool_advance(master);
	upgrade_advance(master);
	shutdown_advance(master);
	audit_advance(master);
	children_advance(master);
	monitor_advance(master);
	notify_advance(master); /* of what the others have come to */
	herald_advance(master); /* what they have said */
}

/* There may be something to send to a child. */
static short events_of(const struct master *master, uint32_t number)
{
	const struct child *child = &master->ledger->children[number];
	short events = children_is_heard(child) ? POLLIN : 0;

	if (child->process.orders == ORDERS_DRAIN ||
	    (number < master->ledger->workers && pool_wants_room(&master->workers[number])))
		events |= POLLOUT;
	return events;
}

/*
 * What poll() is to watch: the signals, room in the log, a channel for each child or -1, the status socket, the
 * listeners. Returns how many.
 */
static nfds_t set_watch(const struct master *master, struct pollfd *watch)
{
	const struct ledger *ledger = master->ledger;
	uint32_t listeners = acceptor_listens(master) ? ledger->listener_count : 0;
	nfds_t count = 0;

	watch[count++] = (struct pollfd){ .fd = master->signal_fd, .events = POLLIN };
	watch[count++] = herald_watch(master);
	for (uint32_t i = 0; i <= ledger->workers; i++)
		watch[count++] = (struct pollfd){ .fd = ledger->children[i].process.channel_fd,
						  .events = events_of(master, i) };
	count += monitor_watch(master, watch + count);
	for (uint32_t i = 0; i < listeners; i++)
		watch[count++] = (struct pollfd){ .fd = ledger->listener_fds[i], .events = POLLIN };
	return count;
}

static void serve(struct master *master, const struct pollfd *watch, nfds_t count)
{
	nfds_t at = WATCHES_OWN;

	for (uint32_t i = 0; i <= master->ledger->workers; i++) {
		if (watch[at++].revents != 0)
			children_hear(master, i);
	}
	at += monitor_serve(master, watch + at);
	for (; at < count; at++) {
		if (watch[at].revents != 0)
			acceptor_accept(master, watch[at].fd);
	}
	if (watch[0].revents != 0)
		handle_signals(master);
}

/*
 * poll() fails for lack of memory, or because the limit on descriptors was lowered below what it is to
 * watch. None of these waits when it is looked at, so that now and then all of them are.
 */
static void go_on_blind(struct master *master, struct pollfd *watch, nfds_t count)
{
	diag_errno_seldom(&master->complain_at, "poll");
	clock_pause(BLIND_MSECS);
	for (nfds_t i = 0; i < count; i++)
		watch[i].revents = watch[i].fd >= 0 ? POLLIN : 0;
}

static int loop(struct master *master)
{
	static struct pollfd watch[WATCHES_OWN + CHILDREN_MAX + MONITOR_WATCHES_MAX + LISTENERS_MAX];

	/* A predecessor may have left dead children whose SIGCHLD it took. */
	bury_dead(master);
	advance(master);
	while (master->ledger->phase != PHASE_OVER) {
		nfds_t count = set_watch(master, watch);

		if (poll(watch, count, clock_timeout(next_at(master))) < 0) {
			if (errno == EINTR)
				continue;
			go_on_blind(master, watch, count);
		}
		serve(master, watch, count);
		advance(master);
	}
	return master->ledger->failed ? 1 : 0;
}

/* An ordinary start: what was handed over is kept, all else closed. Returns 0, or the exit status after a message. */
static int receive_descriptors(struct master *master)
{
	int sockets = activation_sockets();

	if (sockets < 0)
		return 1;
	if (sockets > 0 && master->options->listen_given) {
		diag("--listen: it cannot be given beside the sockets of LISTEN_FDS");
		return 2;
	}
	master->activated = (uint32_t)sockets;
	return startup_descriptors(master->activated) == 0 ? 0 : 1;
}

int master_run(const struct options *options, const struct crew *crew, char *const argv[])
{
	static struct master master;
	int ledger_fd = -1;
	enum upgrade_role role = upgrade_role(&ledger_fd);
	int status = 0;

	/* A program of another name, or one executed by an upgrade, by its descriptor, is shown by this one, too. */
	(void)prctl(PR_SET_NAME, "echod");
	if (role == UPGRADE_CHECK)
		return upgrade_prove(ledger_fd, options, crew);
	master = (struct master){ .options = options, .crew = crew, .argv = argv };
	acceptor_init(&master);
	monitor_init(&master);
	startup_scheduling();
	if (role == UPGRADE_NONE)
		status = receive_descriptors(&master);
	if (status != 0)
		return status;
	master.signal_fd = startup_signals();
	if (master.signal_fd < 0) {
		diag_errno("signals");
		return 1;
	}
	if ((role == UPGRADE_RESUME ? startup_resume(&master, ledger_fd) : startup_begin(&master)) != 0)
		return 1;
	if (role == UPGRADE_NONE)
		upgrade_note_program(&master);
	if (options->messages_in_log)
		diag_through(herald_take, &master);
	notify_open(&master);
	status = loop(&master);
	upgrade_give_up(&master);
	monitor_close(&master);
	pool_close(&master);
	return status;
}
