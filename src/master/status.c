/* The status table; run by the master. See status.h. */
#include "master/status.h"

#include <stdio.h>

#include "common/diag.h"
#include "master/figures.h"

static void write_row(const char *name, const char *pid, const struct worker_figures *row)
{
	diag("%-9s %7s %8ju %7ju %14ju %14ju %14ju %11ju", name, pid, (uintmax_t)row->restarts,
	     (uintmax_t)row->connections, (uintmax_t)row->received, (uintmax_t)row->echoed,
	     (uintmax_t)row->dropped, (uintmax_t)row->waiting);
}

void status_write(const struct master *master)
{
	const struct ledger *ledger = master->ledger;
	struct figures figures;

	figures_gather(master, &figures);
	diag("%-9s %7s %8s %7s %14s %14s %14s %11s", "process", "pid", "restarts", "clients", "received",
	     "echoed", "dropped", "waiting");
	for (uint32_t i = 0; i < figures.workers; i++) {
		char name[24], pid[16];

		snprintf(name, sizeof(name), "worker %u", i);
		snprintf(pid, sizeof(pid), "%d", ledger->children[i].process.pid);
		write_row(name, pid, &figures.worker[i]);
	}
	write_row("workers", "", &figures.all);
	diag("%-9s %7d %8ju  %ju bytes written", "logger", ledger->children[ledger->workers].process.pid,
	     (uintmax_t)figures.logger_restarts, (uintmax_t)(figures.log_bytes - figures.log_lost_bytes));
	if (master->options->max_per_address != 0)
		diag("addresses: at most %u clients each, %ju connections closed at once",
		     master->options->max_per_address, (uintmax_t)figures.refused);
	if (master->options->idle_timeout_msecs > 0 || master->options->stall_timeout_msecs > 0)
		diag("timeouts: %ju idle, %ju stalled", (uintmax_t)figures.all.idle,
		     (uintmax_t)figures.all.stalled);
	diag("limits: %ju of %ju clients, %ju of %ju bytes of buffers, %ju bytes each",
	     (uintmax_t)figures.all.connections, (uintmax_t)figures.connections_max,
	     (uintmax_t)figures.all.held, (uintmax_t)figures.buffer_total_bytes,
	     (uintmax_t)figures.buffer_bytes);
}
