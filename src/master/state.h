/* What the master's own files share: the ledger, and what can be made anew from it. */
#ifndef ECHOD_MASTER_STATE_H
#define ECHOD_MASTER_STATE_H

#include <signal.h>

#include "common/budget.h"
#include "common/memory.h"
#include "common/seat.h"
#include "common/table.h"
#include "master/ledger.h"

/* The slots of one worker that are free. */
struct free_slots {
	uint32_t *slots; /* those that were used before, to be used again first */
	uint32_t count;
	uint32_t unused; /* this one and those after it have never been used */
};

struct master {
	const struct options *options;
	const struct crew *crew;
	char *const *argv;
	struct ledger *ledger;
	struct memory ledger_memory;
	struct memory budget_memory;
	struct memory child_memory[CHILDREN_MAX]; /* a part for each worker, then the logger's */
	struct free_slots free[OPTIONS_WORKERS_MAX];
	int signal_fd;
	uint32_t last_chosen; /* worker; the next one comes first among equals */
	uint64_t accept_at;   /* accept nothing until then; CLOCK_NEVER: go on */
};

static inline struct part *master_part(const struct master *master, uint32_t worker)
{
	return master->child_memory[worker].base;
}

static inline struct connection *master_connection(const struct master *master, uint32_t worker,
						   uint32_t slot)
{
	return &master->ledger->connections[(uint64_t)worker * master->ledger->worker_slots + slot];
}

#endif
