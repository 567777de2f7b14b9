/*
 * Connections that are closed because nothing happens on them.
 *
 * An idle connection is one where no byte went either way for as long as --idle-timeout says; an echo buffer stalls
 * when there is something in it and it has not moved for as long as --stall-timeout says. Neither is closed early, nor
 * for what this process has left undone. What only the kernel knows, how much of the echo the peer has acknowledged,
 * it is asked for when a timer (timers.h) goes off.
 */
#ifndef ECHOD_WORKER_TIMEOUTS_H
#define ECHOD_WORKER_TIMEOUTS_H

#include "worker/state.h"

/* Closes those whose time has come, but not many at once: timers_next() tells when there are more. */
void timeouts_advance(struct clients *clients);

#endif
