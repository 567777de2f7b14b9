/*
 * Connections that are closed because nothing happens on them.
 *
 * When something last happened is in the slot, so a successor goes on with that time and gives nobody a new one. It
 * is noted before what happened is counted, so that what was counted is never younger than what was noted. Nothing
 * else is done then: a connection's timer stays as it was set, and when it goes off the slot says whether the time
 * has come. What only the kernel knows, how much of the echo the peer has acknowledged, it is asked for then.
 *
 *   heard_at   something was received
 *   moved_at   the socket took some of the echo, the peer acknowledged some, or the echo buffer began to fill
 *
 * An idle connection is one where neither has been for as long as --idle-timeout says; an echo buffer stalls when
 * there is something in it and it has not moved for as long as --stall-timeout says. Neither is closed early, nor
 * for what this process has left undone. Without these options the clock is not even read.
 */
#ifndef ECHOD_WORKER_TIMEOUTS_H
#define ECHOD_WORKER_TIMEOUTS_H

#include <stdint.h>

#include "common/clock.h"
#include "common/commit.h"
#include "worker/state.h"

/* Makes the timers, as options say. -1 with errno (ENOMEM). */
int timeouts_init(struct clients *clients);

/* Frees what timeouts_init() took; does nothing to clients of zeros. */
void timeouts_release(struct clients *clients);

/* Sets the timers of a connection that was just taken over to what its slot says. */
void timeouts_begin(struct clients *clients, const struct client *client);

/* Bytes were received on a slot's connection, and are not counted yet. */
static inline void timeouts_note_received(const struct clients *clients, struct slot *slot)
{
	if (clients->options->idle_timeout_msecs > 0)
		commit(&slot->heard_at, clock_msecs());
}

/* The socket has taken bytes of the echo, which are not counted yet. */
static inline void timeouts_note_sent(const struct clients *clients, struct slot *slot)
{
	if (clients->options->idle_timeout_msecs > 0 || clients->options->stall_timeout_msecs > 0)
		commit(&slot->moved_at, clock_msecs());
}

/* The echo buffer, which was empty, gets its first bytes, which are not counted yet. */
void timeouts_note_queued(struct clients *clients, const struct client *client);

/* Closes those whose time has come, but not many at once: see timeouts_next(). */
void timeouts_advance(struct clients *clients);

/* When to call timeouts_advance(); CLOCK_NEVER: no need. */
uint64_t timeouts_next(const struct clients *clients);

#endif
