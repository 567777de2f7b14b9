/* Accepting, and who serves whom; run by the master. See acceptor.h. */
#include "master/acceptor.h"

#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/diag.h"
#include "master/listener.h"
#include "master/pool.h"

enum {
	AT_ONCE_MAX = 64,
	EXHAUSTED_MSECS = 100, /* to wait when the system is out of descriptors or memory */
};

bool acceptor_is_open(const struct master *master)
{
	uint32_t clients = 0;

	for (uint32_t i = 0; i < master->ledger->workers; i++)
		clients += master->workers[i].clients;
	return master->ledger->phase == PHASE_SERVING && master->accept_at == CLOCK_NEVER &&
	       clients < master->ledger->clients_max;
}

/* The least loaded worker that serves or, if all of these are full, that will. */
static struct pool_worker *choose(struct master *master)
{
	uint32_t workers = master->ledger->workers;
	struct pool_worker *best = NULL;

	for (uint32_t i = 1; i <= workers; i++) {
		struct pool_worker *worker = &master->workers[(master->last_chosen + i) % workers];
		bool ready = worker->child->process.ready;

		if (worker->clients == master->ledger->worker_slots)
			continue;
		if (best == NULL || ready > best->child->process.ready ||
		    (ready == best->child->process.ready && worker->clients < best->clients))
			best = worker;
	}
	/* There is one: the workers' slots together are at least clients_max. */
	master->last_chosen = (uint32_t)(best - master->workers);
	return best;
}

/* False if there is no more to accept from this listener, or no place for it, now. */
static bool accept_one(struct master *master, int listener_fd)
{
	struct address peer;
	int fd;

	if (!acceptor_is_open(master))
		return false;
	switch (listener_accept(listener_fd, &fd, &peer)) {
	case LISTENER_ACCEPTED:
		pool_add(choose(master), fd, &peer);
		return true;
	case LISTENER_ABORTED:
		return true;
	case LISTENER_EXHAUSTED:
		master->accept_at = clock_msecs() + EXHAUSTED_MSECS;
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

void acceptor_accept(struct master *master, int listener_fd)
{
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

uint64_t acceptor_next(const struct master *master)
{
	return master->accept_at;
}

void acceptor_advance(struct master *master)
{
	if (clock_reached(master->accept_at))
		master->accept_at = CLOCK_NEVER;
	if (master->ledger->phase != PHASE_STARTING || !all_are_ready(master->ledger))
		return;
	master->ledger->phase = PHASE_SERVING;
	if (!master->options->quiet)
		announce(master->ledger);
}

void acceptor_close(struct master *master)
{
	struct ledger *ledger = master->ledger;

	for (uint32_t i = 0; i < ledger->listener_count; i++) {
		accept_most(master, ledger->listener_fds[i], SOMAXCONN);
		close(ledger->listener_fds[i]);
	}
	ledger->listener_count = 0;
}
