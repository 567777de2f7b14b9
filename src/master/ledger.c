/* The master's memory. See ledger.h. */
#include "master/ledger.h"

size_t ledger_bytes(uint32_t slots)
{
	return sizeof(struct ledger) + slots * sizeof(struct connection);
}

struct child *ledger_logger(struct ledger *ledger)
{
	return &ledger->children[ledger->workers];
}

uint32_t ledger_clients(const struct ledger *ledger)
{
	uint32_t clients = 0;

	for (uint32_t i = 0; i < ledger->workers; i++)
		clients += ledger->children[i].clients;
	return clients;
}
