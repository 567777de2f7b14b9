/*
 * The PROXY header ahead of a connection's stream, where --proxy-protocol asks for one.
 *
 * It is looked at while it lies in the socket, until it tells who the client is; that and its length are noted in
 * the slot, and then it is taken, as it comes. What a dead worker took and had not counted the kernel tells, as
 * it does of the stream. Nothing is told of a connection before its header is complete, or never will be.
 */
#ifndef ECHOD_WORKER_HEADER_H
#define ECHOD_WORKER_HEADER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/commit.h"
#include "worker/recover.h"
#include "worker/state.h"

enum { HEADER_MSECS = 5000 }; /* since the connection was accepted; then it is late */

/* Is what comes next on a slot's connection its header, or the rest of it? */
static inline bool header_is_awaited(const struct clients *clients, const struct slot *slot)
{
	return clients->options->proxy_protocol &&
	       (committed(&slot->header_bytes) == 0 || slot_header_left(slot) > 0);
}

/*
 * Is its client known, and not yet whether it may stay (--max-per-address)? The master is asked by giving it the
 * connection back; at a shutdown nobody is.
 */
static inline bool header_is_to_be_judged(const struct clients *clients, const struct slot *slot)
{
	return clients->options->proxy_protocol && clients->options->max_per_address > 0 &&
	       !clients->draining && !header_is_awaited(clients, slot) && !slot_has(slot, SLOT_ADMITTED);
}

/*
 * Counts what a predecessor took of the header, and leaves of the bytes received those of the stream. False if they
 * cannot be those of this connection.
 */
bool header_recover(struct slot *slot, struct recovered *truth);

/*
 * Takes what has come of an awaited header. One that is wrong or late is reported, and the connection marked so that
 * the caller's next look ends it.
 */
void header_receive(struct clients *clients, struct client *client);

/* The connection ends, and its header is still awaited: it is reported, if that is its own fault. */
void header_miss(struct clients *clients, struct client *client);

/* A client whose header has no more time but for one look, which the caller sees to; NULL if there is none. */
struct client *header_take_late(struct clients *clients);

/* When to ask for the next one; CLOCK_NEVER if no header is awaited. */
uint64_t header_next(const struct clients *clients);

#endif
