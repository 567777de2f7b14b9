/*
 * --max-per-address: who has as many connections as one may have gets no more.
 *
 * What is closed so is reported in one line a second at most, and counted in the ledger.
 */
#ifndef ECHOD_MASTER_ADDRESS_LIMIT_H
#define ECHOD_MASTER_ADDRESS_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "master/state.h"

/*
 * May a client at this address not have another connection? Then that is noted: the caller closes the connection,
 * which has no slot yet.
 */
bool address_limit_refuses(struct master *master, const struct address *peer);

/* When to advance even if nothing happens; CLOCK_NEVER: no need. */
uint64_t address_limit_next(const struct master *master);

/* Reports what was refused, if that is due. */
void address_limit_advance(struct master *master);

/* Reports what has yet to be: nothing more is accepted. */
void address_limit_finish(struct master *master);

#endif
