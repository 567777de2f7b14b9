/* The status table; run by the master. See status.h. */
#include "master/status.h"

#include <stdio.h>

#include "common/commit.h"
#include "common/diag.h"
#include "common/log_progress.h"

struct row {
	uint64_t restarts, clients, waiting;
	struct totals totals;
};

/* Counters of living connections move while they are read: such a row is of about one moment. */
static struct row make_row(const struct pool_worker *worker)
{
	struct row row = {
		.restarts = worker->child->restarts,
		.clients = worker->clients,
		.totals = worker->child->ended,
	};

	for (uint32_t i = 0; i < worker->unused; i++) {
		const struct slot *slot = &worker->part->slots[i];
		uint64_t sent, queued, received;

		if (worker->connections[i].state == CONNECTION_NONE)
			continue;
		sent = committed(&slot->sent);
		queued = slot_queued(slot);
		received = committed(&slot->received);
		row.totals.received += received;
		row.totals.echoed += sent;
		row.waiting += queued > sent ? queued - sent : 0;
		if (worker->options->echo && received > queued)
			row.totals.dropped += received - queued;
	}
	return row;
}

static void add(struct row *sum, const struct row *row)
{
	sum->restarts += row->restarts;
	sum->clients += row->clients;
	sum->waiting += row->waiting;
	sum->totals.received += row->totals.received;
	sum->totals.echoed += row->totals.echoed;
	sum->totals.dropped += row->totals.dropped;
}

static void write_row(const char *name, const char *pid, const struct row *row)
{
	diag("%-9s %7s %8ju %7ju %14ju %14ju %14ju %11ju", name, pid, (uintmax_t)row->restarts,
	     (uintmax_t)row->clients, (uintmax_t)row->totals.received, (uintmax_t)row->totals.echoed,
	     (uintmax_t)row->totals.dropped, (uintmax_t)row->waiting);
}

void status_write(const struct master *master)
{
	const struct ledger *ledger = master->ledger;
	const struct child *logger = &ledger->children[ledger->workers];
	const struct log_progress *log = log_of(master);
	const struct budget *budget = master->budget_memory.base;
	struct row total = { 0 };
	uint64_t held = 0;

	diag("%-9s %7s %8s %7s %14s %14s %14s %11s", "process", "pid", "restarts", "clients", "received",
	     "echoed", "dropped", "waiting");
	for (uint32_t i = 0; i < ledger->workers; i++) {
		struct row row = make_row(&master->workers[i]);
		char name[24], pid[16];

		snprintf(name, sizeof(name), "worker %u", i);
		snprintf(pid, sizeof(pid), "%d", ledger->children[i].process.pid);
		write_row(name, pid, &row);
		add(&total, &row);
		held += committed(&budget->accounts[i].held);
	}
	write_row("workers", "", &total);
	diag("%-9s %7d %8u  %ju bytes written", "logger", logger->process.pid, logger->restarts,
	     (uintmax_t)log_delivered(log));
	diag("limits: %u of %u clients, %ju of %ju bytes of buffers, %ju bytes each", (uint32_t)total.clients,
	     ledger->clients_max, (uintmax_t)held, (uintmax_t)budget->total_bytes,
	     (uintmax_t)ledger->ring_bytes);
}
