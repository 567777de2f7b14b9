/*
 * Whose turn it is.
 *
 * A client with something to do stands in one of two lines: those who sent much the last time stand
 * in `bulk`, of whom only a share is served in a round, since a short message would else wait for a
 * large chunk of each of them. While the pipe to the logger has no room, those that wait to be
 * received from stand in a third line and keep their order.
 */
#ifndef ECHOD_WORKER_TURNS_H
#define ECHOD_WORKER_TURNS_H

#include <stdbool.h>

#include "worker/state.h"

/*
 * The first turn of a client that was just adopted; epoll is asked about it only if there is a second. False
 * with errno if epoll cannot be asked now: the client is let go, and can be adopted later.
 */
bool turns_begin(struct clients *clients, struct client *client);

/* Lets a client wait for its turn, if it has something to do. */
void turns_enlist(struct clients *clients, const struct client *client);

/* Is there something that turns_serve() could do at once? */
bool turns_wanted(const struct clients *clients);

/* One round: a chunk each, of all who have something to do or, in `bulk`, of a share of them. */
void turns_serve(struct clients *clients);

/*
 * Gives a client a turn at once, as if epoll had told all that it can tell: what has happened to it is known then,
 * however late this process is.
 */
void turns_serve_now(struct clients *clients, struct client *client);

/* A last turn for those whose time for a PROXY header is over. */
void turns_expire(struct clients *clients);

/* A shutdown: every client is drained (client_drain()) and gets a turn to that end. */
void turns_drain(struct clients *clients);

/* Enlists so many of those that were starved or stalled, the first in line; there must be as many. */
void turns_retry(struct clients *clients, uint32_t count);

#endif
