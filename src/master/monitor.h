/*
 * The status socket: whoever connects to it gets all figures (exposition.h) and end-of-file.
 *
 * The master never waits for a reader and reads nothing from one. What does not fit the socket at once is cut
 * off; the socket is enlarged, so that it fits. To close a connection on which something unread has arrived, such as
 * a request, would end it with an error at the reader's (ECONNRESET, from unix_release_sock() in Linux), so it is
 * half-closed, and closed a second later, or when there are more readers than are kept so long. That a reader has
 * closed its end cannot be told from a request's end (POLLHUP for both). Answering takes a tenth of the master's time
 * at most: when figures of many connections have been gathered, others wait in the kernel's queue.
 */
#ifndef ECHOD_MASTER_MONITOR_H
#define ECHOD_MASTER_MONITOR_H

#include <poll.h>
#include <stdint.h>

#include "master/state.h"

enum {
	MONITOR_WATCHES_MAX = 1,
	MONITOR_FDS_MAX = 2 + MONITOR_READERS_MAX, /* of the master's descriptors */
};

/* For a master that has answered nobody yet. */
void monitor_init(struct master *master);

/*
 * Listens at --status-socket, if there is one; the descriptor is the ledger's. The umask says who may connect. A
 * socket there that nobody listens on any more is replaced. -1 after a message.
 */
int monitor_open(struct master *master);

/* Adds what poll() is to watch, at most MONITOR_WATCHES_MAX; returns how many. */
nfds_t monitor_watch(const struct master *master, struct pollfd *watch);

/* Does what that has found: answers who has connected. Returns how many were watched. */
nfds_t monitor_serve(struct master *master, const struct pollfd *watch);

/* When to advance even if nothing happens; CLOCK_NEVER: no need. */
uint64_t monitor_next(const struct master *master);

/* Closes connections whose readers have had their time, and ends a pause that is over. */
void monitor_advance(struct master *master);

/* The end: closes the socket, and removes its file unless another one has come in its place. */
void monitor_close(struct master *master);

#endif
