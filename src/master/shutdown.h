/*
 * How echod ends: first the connections, then the log, then the master.
 *
 * The workers finish their connections and exit, the logger writes what is in the pipe and exits.
 * What has not finished by the deadline is killed, and its successor, to whom the deadline has
 * passed already, closes what is left at once but still sees to the log. What a full disk has no room
 * for by then is lost.
 */
#ifndef ECHOD_MASTER_SHUTDOWN_H
#define ECHOD_MASTER_SHUTDOWN_H

#include <stdint.h>

#include "master/state.h"

/* A signal asks for the end: the first one begins the shutdown, a second one ends everything now. */
void shutdown_request(struct master *master, uint32_t signal_number);

/* When to advance even if nothing happens; CLOCK_NEVER: no need. */
uint64_t shutdown_next(const struct master *master);

/*
 * Takes the shutdown as far as it can go now, to PHASE_OVER in the end. Begins it if standard output is
 * gone.
 */
void shutdown_advance(struct master *master);

#endif
