/* Taking over a connection, whoever served it before. */
#ifndef ECHOD_WORKER_ADOPT_H
#define ECHOD_WORKER_ADOPT_H

#include <stdint.h>

#include "worker/state.h"

/*
 * Makes this worker the one that serves the connection of a slot: brings its counters up to the
 * kernel's, settles the chunk in hand if it is this connection's, and announces it. The descriptor is
 * the client's from now on. A connection that does not fit its slot is reported, and marked so that
 * its next turn, which the caller sees to, is its end.
 *
 * NULL with errno if the kernel does not tell now how far the connection has come: it is let go, and
 * can be adopted later.
 */
struct client *adopt(struct clients *clients, uint32_t index, int fd);

#endif
