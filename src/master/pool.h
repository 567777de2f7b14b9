/*
 * The workers as a pool: which one gets a connection, how it gets it, and what becomes of it.
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
 * Makes the lists of free slots and the counts in the ledger agree with the connections in it.
 * -1 with errno (ENOMEM).
 */
int pool_open(struct master *master);

/* Frees the lists. */
void pool_close(struct master *master);

/*
 * Takes a connection in: a free slot of the least loaded worker, which is told at once or, if its
 * channel has no room, as soon as it has. The descriptor is the pool's from now on. There must be
 * fewer than clients_max connections.
 */
void pool_add(struct master *master, int fd, const struct address *peer);

/* Hands over what waits for a worker, as far as its channel has room. */
void pool_hand_over(struct master *master, uint32_t worker);

/* Does a worker's channel have to be watched for room? */
bool pool_wants_room(const struct child *child);

/* A worker says that these slots, which it may have no right to name, are done. */
void pool_done(struct master *master, uint32_t worker, const uint32_t *slots, uint32_t count);

/* A worker says that it had no room for a slot's descriptor. */
void pool_refused(struct master *master, uint32_t worker, uint32_t slot);

/*
 * A worker is dead: its connections wait for its successor. `crashed` tells that it was not killed
 * on purpose: a connection that it was adopting just then comes under suspicion, and is closed and
 * reported the third time in a row.
 */
void pool_bury(struct master *master, uint32_t worker, bool crashed);

/* Closes whatever connections are left. */
void pool_abandon(struct master *master);

#endif
