/* The master's memory. See ledger.h. */
#include "master/ledger.h"

#include <signal.h>
#include <string.h>

#include "common/budget.h"

size_t ledger_bytes(uint32_t slots)
{
	return sizeof(struct ledger) + slots * sizeof(struct connection);
}

struct ledger_sizes ledger_sizes(const struct ledger *ledger, size_t (*desk_bytes)(uint32_t slots))
{
	uint32_t slots = ledger->workers * ledger->worker_slots;

	return (struct ledger_sizes){
		.ledger = ledger_bytes(slots),
		.part = part_bytes(ledger->worker_slots, ledger->ring_bytes),
		.desk = desk_bytes(slots),
		.budget = budget_bytes(ledger->workers),
		.slot = sizeof(struct slot),
		.chunk = sizeof(struct chunk),
		.record = sizeof(struct record),
		.blocks = BATCH_RING_BLOCKS,
	};
}

bool ledger_fits(const struct ledger *ledger, size_t bytes, size_t (*desk_bytes)(uint32_t slots))
{
	struct ledger_sizes ours;

	if (bytes < sizeof(*ledger) || ledger->layout != LEDGER_LAYOUT ||
	    ledger->workers > OPTIONS_WORKERS_MAX)
		return false;
	ours = ledger_sizes(ledger, desk_bytes);
	return ours.ledger == bytes && memcmp(&ours, &ledger->sizes, sizeof(ours)) == 0;
}

void process_kill(const struct process *process)
{
	if (process->pid != 0)
		(void)kill(process->pid, SIGKILL);
}

struct child *ledger_logger(struct ledger *ledger)
{
	return &ledger->children[ledger->workers];
}

bool ledger_is_upgrading(const struct ledger *ledger)
{
	return ledger->upgrade.checker_pid != 0 || ledger->upgrade.replacing <= ledger->workers;
}
