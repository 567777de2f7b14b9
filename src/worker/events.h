/*
 * What epoll tells of connections.
 *
 * Each is registered once, edge-triggered (EPOLLET, epoll(7)), for all that can happen to it. An event
 * carries the slot's number and its generation, which is never 0: one of a former connection is known by
 * that, and so is one that is no connection's.
 */
#ifndef ECHOD_WORKER_EVENTS_H
#define ECHOD_WORKER_EVENTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "worker/state.h"

/* Registers a connection. -1 with errno (ENOMEM, ENOSPC). */
int events_begin(const struct clients *clients, struct client *client);

/*
 * Ends the registration, if there is one. Closing alone would not: the master has a duplicate (epoll(7)).
 * -1 with errno.
 */
int events_end(const struct clients *clients, struct client *client);

/* Is this the data of a connection's event? */
bool events_is_of_client(uint64_t data);

/* The connection that an event's data stands for; NULL if it is no more, or if it is none. */
struct client *events_client(const struct clients *clients, uint64_t data);

/* Takes note of what was reported of a connection. */
void events_note(struct client *client, uint32_t events);

#endif
