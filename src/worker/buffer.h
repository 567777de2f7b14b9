/*
 * The memory of the echo buffers.
 *
 * A ring is addressed as a whole but has memory only as far as its stream has reached into it, taken
 * page by page out of the budget that all workers share. An empty ring keeps its memory for a while,
 * since who stalled once may well stall again.
 */
#ifndef ECHOD_WORKER_BUFFER_H
#define ECHOD_WORKER_BUFFER_H

#include <stdint.h>

#include "worker/state.h"

/*
 * Counts this worker's account in the budget anew; before the first adoption. A slot that cannot be
 * right in what it says of its ring is marked. What no ring holds is given back to the system: a predecessor
 * may have written where it had booked nothing.
 */
void buffers_check(struct clients *clients);

/*
 * How many of `wanted` more bytes a client's ring can take now; the memory for them is booked. With
 * WHEN_FULL_PAUSE an empty ring always gets a page, or its client would not be read from at all.
 */
uint64_t buffer_make_room(struct clients *clients, struct slot *slot, uint64_t wanted);

/* Gives the memory of a ring that is of no more use back to the system. */
void buffer_give_back(struct clients *clients, struct slot *slot);

/* Takes note of a ring that holds memory for nothing: buffers_trim() gives it back if that is so then. */
void buffer_note_idle(struct clients *clients, const struct client *client);

/* Gives the memory of some empty rings back to the system; false if there are more. */
bool buffers_trim(struct clients *clients);

#endif
