/* The status table; run by the master. See status.h. */
#include "master/status.h"

#include <stdio.h>

#include "common/commit.h"
#include "common/diag.h"
#include "common/log_progress.h"

struct sums {
	uint64_t clients;
	uint64_t restarts;
	uint64_t received;
	uint64_t echoed;
	uint64_t dropped;
	uint64_t waiting;
};

/* Counters of living connections move while they are read: such a row is of about one moment. */
static struct sums sum_worker(const struct master *master, uint32_t number)
{
	const struct pool_worker *worker = &master->workers[number];
	const struct child *child = worker->child;
	struct sums sums = {
		.clients = worker->clients,
		.restarts = child->restarts,
		.received = child->ended.received,
		.echoed = child->ended.echoed,
		.dropped = child->ended.dropped,
	};

	for (uint32_t i = 0; i < worker->unused; i++) {
		const struct slot *slot = &worker->part->slots[i];
		uint64_t sent, queued, received;

		if (worker->connections[i].state == CONNECTION_NONE)
			continue;
		sent = committed(&slot->sent);
		queued = slot_queued(slot);
		received = committed(&slot->received);
		sums.received += received;
		sums.echoed += sent;
		sums.waiting += queued > sent ? queued - sent : 0;
		if (master->options->echo && received > queued)
			sums.dropped += received - queued;
	}
	return sums;
}

static void add(struct sums *total, const struct sums *sums)
{
	total->clients += sums->clients;
	total->restarts += sums->restarts;
	total->received += sums->received;
	total->echoed += sums->echoed;
	total->dropped += sums->dropped;
	total->waiting += sums->waiting;
}

static void write_row(const char *name, const char *pid, const struct sums *sums)
{
	diag("%-9s %7s %8ju %7ju %14ju %14ju %14ju %11ju", name, pid, (uintmax_t)sums->restarts,
	     (uintmax_t)sums->clients, (uintmax_t)sums->received, (uintmax_t)sums->echoed,
	     (uintmax_t)sums->dropped, (uintmax_t)sums->waiting);
}

void status_write(const struct master *master)
{
	const struct ledger *ledger = master->ledger;
	const struct child *logger = &ledger->children[ledger->workers];
	const struct log_progress *log = master->child_memory[ledger->workers].base;
	const struct budget *budget = master->budget_memory.base;
	struct sums total = { 0 };
	uint64_t held = 0;

	diag("%-9s %7s %8s %7s %14s %14s %14s %11s", "process", "pid", "restarts", "clients", "received",
	     "echoed", "dropped", "waiting");
	for (uint32_t i = 0; i < ledger->workers; i++) {
		struct sums sums = sum_worker(master, i);
		char name[24], pid[16];

		snprintf(name, sizeof(name), "worker %u", i);
		snprintf(pid, sizeof(pid), "%d", ledger->children[i].process.pid);
		write_row(name, pid, &sums);
		add(&total, &sums);
		held += committed(&budget->accounts[i].held);
	}
	write_row("workers", "", &total);
	diag("%-9s %7d %8u  %ju bytes written", "logger", logger->process.pid, logger->restarts,
	     (uintmax_t)committed(&log->written));
	diag("limits: %u of %u clients, %ju of %ju bytes of buffers, %ju bytes each", (uint32_t)total.clients,
	     ledger->clients_max, (uintmax_t)held, (uintmax_t)budget->total_bytes,
	     (uintmax_t)ledger->ring_bytes);
}
