/*
 * What came of system calls on a client's socket, noted in the client and in its slot.
 *
 * Each of these is told the result of a call just made, and looks at errno if that is -1.
 */
#ifndef ECHOD_WORKER_OUTCOME_H
#define ECHOD_WORKER_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "worker/state.h"

/*
 * `count` bytes were to be sent. What a socket did not take for lack of room it asks for (EPOLLOUT) when the peer has
 * acknowledged some. With nothing on the way, or another error, memory was short: then it asks for more at once, and
 * in vain, or not at all.
 */
void outcome_sent(struct clients *clients, struct client *client, size_t count, ssize_t result);

/* Up to `room` bytes were to be received into the chunk in hand: are there any? */
bool outcome_received(struct clients *clients, struct client *client, uint64_t room, ssize_t result);

/*
 * A receive brought no bytes: it was the peer's end (0), or (-1) nothing is there now, the connection is broken, or
 * it is to be tried again.
 */
void outcome_nothing(struct clients *clients, struct client *client, ssize_t result);

/* Nothing is received from the client until there may be memory for it. */
void outcome_starve(struct clients *clients, struct client *client);

#endif
