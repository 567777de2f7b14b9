/* Accepting, and who serves whom; run by the master. See acceptor.h. */
#include "master/acceptor.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/diag.h"
#include "master/address_limit.h"
#include "master/listener.h"
#include "master/pool.h"

enum {
	AT_ONCE_MAX = 64,
	PAUSE_MSECS = 100, /* when the system is out of descriptors or memory */
	CALM_MSECS = 1000, /* a wait has ended when none has begun again for so long */
};

void acceptor_init(struct master *master)
{
	master->acceptor = (struct acceptor){
		.resume_at = CLOCK_NEVER,
		.open_at = CLOCK_NEVER,
	};
}

/* Would a client be accepted now? */
static bool is_open(const struct master *master)
{
	return master->ledger->phase == PHASE_SERVING && master->acceptor.resume_at == CLOCK_NEVER &&
	       pool_clients(master) < master->ledger->clients_max;
}

static bool serves(struct pool_worker *worker)
{
	return worker->child->process.ready && pool_answers(worker);
}

/* The least loaded worker that serves or, if all of these are full, that will. */
static struct pool_worker *choose(struct master *master)
{
	uint32_t workers = master->ledger->workers;
	struct pool_worker *best = NULL;
	bool best_serves = false;

	for (uint32_t i = 1; i <= workers; i++) {
		struct pool_worker *worker = &master->workers[(master->acceptor.last_chosen + i) % workers];
		bool it_serves = serves(worker);

		if (worker->clients == master->ledger->worker_slots)
			continue;
		if (best == NULL || it_serves > best_serves ||
		    (it_serves == best_serves && worker->clients < best->clients)) {
			best = worker;
			best_serves = it_serves;
		}
	}
	/* There is one: the workers' slots together are at least clients_max. */
	master->acceptor.last_chosen = (uint32_t)(best - master->workers);
	return best;
}

static void say_closed(struct master *master)
{
	static const char what[] = "clients have to wait";
	struct acceptor *acceptor = &master->acceptor;

	if (master->ledger->closed_at != CLOCK_NEVER)
		return;
	master->ledger->closed_at = clock_msecs();
	if (acceptor->resume_at == CLOCK_NEVER) {
		diag("%s: the limit of %u clients is reached", what, master->ledger->clients_max);
		return;
	}
	errno = acceptor->error;
	diag_errno("%s", what);
}

static void pause_accepting(struct master *master)
{
	master->acceptor.error = errno;
	master->acceptor.resume_at = clock_msecs() + PAUSE_MSECS;
	say_closed(master);
}

/* False if there is no more to accept from this listener, or no place for it, now. */
static bool accept_one(struct master *master, int listener_fd)
{
	struct address peer;
	int fd;

	if (!is_open(master))
		return false;
	switch (listener_accept(listener_fd, master->ledger->activated, &fd, &peer)) {
	case LISTENER_ACCEPTED:
		master->acceptor.aborted = 0;
		/* Behind a proxy it is not known yet who it is: see pool_known(). */
		if (!master->options->proxy_protocol && address_limit_refuses(master, &peer))
			close(fd);
		else
			pool_add(choose(master), fd, &peer);
		return true;
	case LISTENER_ABORTED:
		if (++master->acceptor.aborted < AT_ONCE_MAX)
			return true;
		master->acceptor.aborted = 0; /* something is wrong with more than these clients */
		pause_accepting(master);
		return false;
	case LISTENER_EXHAUSTED:
		pause_accepting(master);
		return false;
	case LISTENER_EMPTY:
		break;
	}
	return false;
}

static void accept_most(struct master *master, int listener_fd, int most)
{
	while (most > 0 && accept_one(master, listener_fd))
		most--;
}

bool acceptor_listens(const struct master *master)
{
	const struct acceptor *acceptor = &master->acceptor;

	/* Without a place, too, until it was said that somebody waits. */
	return is_open(master) ||
	       (master->ledger->phase == PHASE_SERVING && acceptor->resume_at == CLOCK_NEVER &&
		master->ledger->closed_at == CLOCK_NEVER);
}

void acceptor_accept(struct master *master, int listener_fd)
{
	if (!is_open(master))
		say_closed(master);
	accept_most(master, listener_fd, AT_ONCE_MAX);
}

static bool all_are_ready(const struct ledger *ledger)
{
	for (uint32_t i = 0; i <= ledger->workers; i++) {
		if (!ledger->children[i].process.ready)
			return false;
	}
	return true;
}

static void announce(const struct ledger *ledger)
{
	for (uint32_t i = 0; i < ledger->listener_count; i++) {
		struct address address;
		char text[ADDRESS_TEXT_BYTES];

		if (listener_address(ledger->listener_fds[i], &address) != 0) {
			diag_errno("getsockname");
			continue;
		}
		address_text(&address, text);
		diag("listening on %s", text);
	}
}

/* Says it when clients, who were said to have to wait, have not had to for a while. */
static void say_open(struct master *master)
{
	struct acceptor *acceptor = &master->acceptor;

	if (master->ledger->closed_at == CLOCK_NEVER || !is_open(master)) {
		acceptor->open_at = CLOCK_NEVER;
	} else if (acceptor->open_at == CLOCK_NEVER) {
		acceptor->open_at = clock_msecs();
	} else if (clock_reached(acceptor->open_at + CALM_MSECS)) {
		diag("clients need not wait any more, after %.1f s",
		     (double)(acceptor->open_at - master->ledger->closed_at) / 1000);
		master->ledger->closed_at = acceptor->open_at = CLOCK_NEVER;
	}
}

uint64_t acceptor_next(const struct master *master)
{
	const struct acceptor *acceptor = &master->acceptor;

	if (acceptor->open_at == CLOCK_NEVER)
		return acceptor->resume_at;
	return clock_sooner(acceptor->resume_at, acceptor->open_at + CALM_MSECS);
}

void acceptor_advance(struct master *master)
{
	if (clock_reached(master->acceptor.resume_at))
		master->acceptor.resume_at = CLOCK_NEVER;
	say_open(master);
	if (master->ledger->phase != PHASE_STARTING || !all_are_ready(master->ledger))
		return;
	master->ledger->phase = PHASE_SERVING;
	if (!master->options->quiet)
		announce(master->ledger);
}

int acceptor_pass_on(const struct master *master, bool pass)
{
	const struct ledger *ledger = master->ledger;

	for (uint32_t i = 0; i < ledger->listener_count; i++) {
		if (listener_pass_on(ledger->listener_fds[i], pass) != 0)
			return -1;
	}
	return 0;
}

void acceptor_close(struct master *master)
{
	struct ledger *ledger = master->ledger;

	for (uint32_t i = 0; i < ledger->listener_count; i++) {
		accept_most(master, ledger->listener_fds[i], SOMAXCONN);
		close(ledger->listener_fds[i]);
	}
	ledger->listener_count = 0;
	address_limit_finish(master);
}
