/* The workers' accounts against the system's; run by the master. See audit.h. */
#include "master/audit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/diag.h"
#include "common/number.h"
#include "master/pool.h"

enum {
	PERIOD_MSECS = 250,
	IDLE_MSECS = 750, /* more where there are no clients */
	/* What a worker writes down and what it does are not one instant, so one look says nothing. */
	LOOKS = 3, /* of eight */
};

#define BLOCK_BYTES UINT64_C(512) /* of st_blocks (inode(7)) */

/* What a worker may have, in bytes. */
struct bounds {
	/* How far account and memory may be from each other: a chunk is written down before it is written. */
	uint64_t apart;
	uint64_t absent; /* what may be written down besides, and not be there */
	uint64_t most;   /* for its buffers, in all */
};

static struct bounds bounds_of(const struct master *master, uint32_t number)
{
	const struct budget *budget = master->budget_memory.base;
	const struct part_plan *plan = &master->workers[number].part->plan;
	uint64_t clients = master->workers[number].clients;
	/* Room for what is to be received is had before, and not used if the echo goes straight out. */
	uint64_t reserved = master->options->when_full == WHEN_FULL_PAUSE
				    ? clients * (CHUNK_BYTES + (uint64_t)sysconf(_SC_PAGESIZE))
				    : 0;

	return (struct bounds){
		.apart = plan->rings_at + 2 * CHUNK_BYTES,
		/* A buffer is given back before that is written down. */
		.absent = reserved + number_lesser(plan->ring_stride, budget->plan.total_bytes),
		.most = budget_most(budget, number),
	};
}

/* Does a worker have more than its connections may, or else again and again not what it says? */
static bool is_wrong(struct process *process, const struct bounds *bounds, uint64_t said, uint64_t had)
{
	bool is_so = said <= bounds->most && said <= had + bounds->apart + bounds->absent &&
		     had <= said + bounds->apart;

	process->discrepancies = (uint8_t)(process->discrepancies << 1 | (is_so ? 0 : 1));
	return had > bounds->most + bounds->apart || __builtin_popcount(process->discrepancies) >= LOOKS;
}

static void look_at(struct master *master, uint32_t number)
{
	struct child *child = &master->ledger->children[number];
	struct bounds bounds = bounds_of(master, number);
	uint64_t said = budget_said(master->budget_memory.base, number);
	struct stat status;
	uint64_t had;

	if (!child->process.ready || fstat(child->memory_fd, &status) != 0)
		return;
	had = (uint64_t)status.st_blocks * BLOCK_BYTES;
	if (!is_wrong(&child->process, &bounds, said, had))
		return;
	diag("worker %u: it has %ju bytes of memory and says %ju, of at most %ju, killing it", number,
	     (uintmax_t)had, (uintmax_t)said, (uintmax_t)bounds.most);
	child->process.ready = false;
	process_kill(&child->process);
}

uint64_t audit_next(const struct master *master)
{
	return pool_clients(master) > 0 ? master->audit_at : master->audit_at + IDLE_MSECS;
}

void audit_advance(struct master *master)
{
	if (!clock_reached(audit_next(master)))
		return;
	master->audit_at = clock_msecs() + PERIOD_MSECS;
	for (uint32_t i = 0; i < master->ledger->workers; i++)
		look_at(master, i);
}
