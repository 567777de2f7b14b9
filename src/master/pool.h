/*
 * The connections of the workers: how a worker gets one, and what becomes of it.
 *
 * The slots are the truth and messages only doorbells: whatever a message says is looked up in the
 * table, and when a worker dies all its slots are looked at.
 */
#ifndef ECHOD_MASTER_POOL_H
#define ECHOD_MASTER_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/address.h"
#include "master/state.h"

/*
 * Makes each worker's lists and counts from the connections in the ledger, and with --max-per-address the
 * census. -1 with errno (ENOMEM), and nothing is left to close.
 */
int pool_open(struct master *master);

/* Frees the lists and the census. */
void pool_close(struct master *master);

/*
 * Gives a connection to a worker, which must have a free slot and is told at once or, if its channel
 * has no room, as soon as it has. The descriptor is the pool's from now on.
 */
void pool_add(struct pool_worker *worker, int fd, const struct address *peer);

/* Does the worker take what it is handed? Not if it has taken nothing for a second, and there is something. */
bool pool_answers(struct pool_worker *worker);

/* How many connections there are. */
uint32_t pool_clients(const struct master *master);

/* When a connection is to be handed over even if nothing happens; CLOCK_NEVER: no need. */
uint64_t pool_next(const struct master *master);

/* Hands over what has yet to be sent to the workers, as far as their channels have room. */
void pool_advance(struct master *master);

/* Does a worker's channel have to be watched for room? */
bool pool_wants_room(const struct pool_worker *worker);

/* A worker says that these slots, which it may have no right to name, are done. */
void pool_done(struct pool_worker *worker, const uint32_t *slots, uint32_t count);

/* A worker says that it had no room for the descriptor of a slot, which it may have no right to name. */
void pool_refused(struct pool_worker *worker, uint32_t slot);

/*
 * A worker says that a slot, which it may have no right to name, has told who it is and is no longer held: it is sent
 * again, or closed if there is --max-per-address and its client has as many already.
 */
void pool_known(struct master *master, struct pool_worker *worker, uint32_t slot);

/*
 * A worker is dead: its connections are kept for its successor. `crashed` tells that it was not killed
 * on purpose: a connection that it was adopting just then comes under suspicion, and is closed and
 * reported the third time in a row.
 */
void pool_bury(struct pool_worker *worker, bool crashed);

/* Closes whatever connections are left. */
void pool_abandon(struct master *master);

#endif
