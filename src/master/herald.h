/*
 * The way of the master's messages where they are to stand in the log (common/message.h).
 *
 * A line for which the log has no room waits in the ledger, in its turn, until there is some or the log is at its end:
 * written straight it would stand wherever the log stands. What has no room there is left out, and that is said in its
 * place.
 */
#ifndef ECHOD_MASTER_HERALD_H
#define ECHOD_MASTER_HERALD_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "master/state.h"

/*
 * Takes over a line of the master's, which the context points to: a diag_route. False if it does not belong into the
 * log: none is there yet or any more, or nobody writes it.
 */
bool herald_take(const void *context, const char *line, size_t length);

/* Puts a child's line into the log, if that has room and no other waits for it; else false. */
bool herald_pass_on(const struct master *master, const char *line, size_t length);

/* Does anything wait for room in the log? */
bool herald_waits(const struct master *master);

/* What poll() is to watch for that room; without a descriptor, -1, if nothing waits for it. */
struct pollfd herald_watch(const struct master *master);

/* When to advance even if there is no room; CLOCK_NEVER: no need. */
uint64_t herald_next(const struct master *master);

/* Puts what waits into the log, as far as that has room; writes it to stderr if it does not belong there any more. */
void herald_advance(const struct master *master);

#endif
