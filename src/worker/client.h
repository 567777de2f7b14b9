/*
 * One connection: receive, echo, buffer, drop, end.
 *
 * A client's failure costs that client alone: nothing here returns an error to the worker's loop.
 * Whose turn it is, is not decided here (turns.h): what is done to a client leaves it to the caller
 * to give it another turn.
 */
#ifndef ECHOD_WORKER_CLIENT_H
#define ECHOD_WORKER_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/seat.h"
#include "worker/state.h"

/*
 * Sets up `clients` for a part, none of whose connections is held yet; descriptors are the caller's.
 * -1 with errno (ENOMEM).
 */
int clients_init(struct clients *clients, const struct seat *seat, struct tap *tap, int epoll_fd);

/* Frees what clients_init() allocated. No connection is closed. */
void clients_release(struct clients *clients);

/* Makes the connection behind fd, which is the client's from now on, the one of this slot. */
void client_open(struct clients *clients, struct client *client, int fd);

/*
 * Tells the log what it must know before anything more that the connection sends: that it was opened, and what was
 * left out; false if the pipe has no room now, then it is done as soon as there is. If the process dies before it
 * notes that, its successor tells it a second time, which the logger drops.
 */
bool client_catch_up(struct clients *clients, struct client *client);

/* The same for all of whom the log must be told something. */
void clients_catch_up(struct clients *clients);

/* Is the log to be told that the connection was opened, whether or not it sends anything more? */
bool client_is_worth_telling(const struct clients *clients, const struct client *client);

/* Is there, or may there be, something to receive that has a place to go to? */
bool client_wants_to_receive(const struct clients *clients, const struct client *client);

/* Is there something to send that the socket may take? */
bool client_may_send(const struct client *client);

/*
 * Sends what waits, receives one chunk, if the pipe to the logger has room for it, and echoes it; ends
 * the echo and the connection when it is time for that.
 */
void client_serve(struct clients *clients, struct client *client);

/*
 * Finishes the chunk in hand, which is this client's, from wherever this process or its predecessor
 * has come to: what was admitted to the echo since the chunk was claimed can only have been bytes of it.
 */
void client_settle(struct clients *clients, struct client *client);

/* From now on echoes only what has arrived already, then sends end-of-file. */
void client_drain(struct clients *clients, struct client *client);

/* Holds the connection no longer: its slot stays as it is, for whoever adopts it next. Keeps errno. */
void client_let_go(struct clients *clients, struct client *client);

/* Lets a starved or stalled client try again; false if it is neither. */
bool client_retry(struct client *client);

/* Closes a connection as it is. `why` is the flag that says so (enum slot_flag), or 0: the server ends. */
void client_cut(struct clients *clients, struct client *client, uint32_t why);

/* The time for a shutdown is over: closes all connections as they are; to be called once. */
void clients_cut(struct clients *clients);

/* Closes one that may have been adopted after that. */
void client_cut_late(struct clients *clients, struct client *client);

/* Puts the ends of connections into the log, if they belong there and the pipe has room. */
void clients_conclude(struct clients *clients);

/*
 * Marks finished connections done, whose log must be in the pipe, and hands out up to `most` of their
 * slots to tell the master of; returns how many.
 */
uint32_t clients_take_finished(struct clients *clients, uint32_t *slots, uint32_t most);

#endif
