/*
 * When something last happened on a connection, and when to look at it again.
 *
 * That lies in the slot, so a successor goes on with that time and gives nobody a new one. It is noted before what
 * happened is counted, so that what was counted is never younger than what was noted. Nothing else is done then: a
 * connection's timer stays as it was set, and when it goes off the slot says whether the time has come.
 *
 *   heard_at   something was received
 *   moved_at   the socket took some of the echo, the peer acknowledged some, or the echo buffer began to fill
 *
 * Without --idle-timeout and --stall-timeout the clock is not even read.
 */
#ifndef ECHOD_WORKER_TIMERS_H
#define ECHOD_WORKER_TIMERS_H

#include <stdint.h>

#include "common/clock.h"
#include "common/commit.h"
#include "worker/state.h"

/* The longest that the kernel may have as its unit of time: HZ=100. What it says is noted as so much later. */
enum { TIMERS_JIFFY_MSECS = 10 };

/* Makes the timers, as options say. -1 with errno (ENOMEM). */
int timers_init(struct clients *clients);

/* Frees what timers_init() took; does nothing to clients of zeros. */
void timers_release(struct clients *clients);

/* Sets the timers of a connection that was just taken over to what its slot says, if that may be so. */
void timers_begin(struct clients *clients, const struct client *client);

/* Bytes were received on a slot's connection, and are not counted yet. */
static inline void timers_note_received(const struct clients *clients, struct slot *slot)
{
	if (clients->options->idle_timeout_msecs > 0)
		commit(&slot->heard_at, clock_msecs());
}

/* The socket has taken bytes of the echo, which are not counted yet. */
static inline void timers_note_sent(const struct clients *clients, struct slot *slot)
{
	if (clients->options->idle_timeout_msecs > 0 || clients->options->stall_timeout_msecs > 0)
		commit(&slot->moved_at, clock_msecs());
}

/* The echo buffer, which was empty, gets its first bytes, which are not counted yet. */
void timers_note_queued(struct clients *clients, const struct client *client);

/* How long a timeout is; 0: there is none. */
uint64_t timers_msecs(const struct clients *clients, enum timeout timeout);

/* When a connection is to be closed if nothing happens until then; CLOCK_NEVER: not for this. */
uint64_t timers_due(const struct clients *clients, const struct client *client, enum timeout timeout);

/* The same or, if that is sooner, when a part of the time has passed from now. */
uint64_t timers_soon(const struct clients *clients, const struct client *client, enum timeout timeout);

/* Has a connection looked at again then, unless it is to be sooner; not at all if that is CLOCK_NEVER. */
void timers_set(struct clients *clients, const struct client *client, enum timeout timeout, uint64_t at);

/* When the next timer goes off; CLOCK_NEVER: none is set. */
uint64_t timers_next(const struct clients *clients);

#endif
