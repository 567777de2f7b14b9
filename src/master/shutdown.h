/*
 * How echod ends: first the connections, then the log, then the master.
 *
 * The workers finish their connections and exit, the logger writes what is in the pipe and exits.
 * What has not finished by the deadline is killed, and its successor, to whom the deadline has
 * passed already, closes what is left at once but still sees to the log.
 */
#ifndef ECHOD_MASTER_SHUTDOWN_H
#define ECHOD_MASTER_SHUTDOWN_H

#include <stdint.h>

#include "master/state.h"

/* Begins the shutdown; nothing is accepted any more. */
void shutdown_begin(struct master *master);

/* Takes the shutdown as far as it can go now, to PHASE_OVER in the end. */
void shutdown_advance(struct master *master);

/* When to look again even if nothing happens; CLOCK_NEVER: no need. */
uint64_t shutdown_next(const struct master *master);

/* Ends everything now: kills all children, waits for them and closes all connections. */
void shutdown_now(struct master *master);

#endif
