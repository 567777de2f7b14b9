/*
 * One connection: receive, echo, buffer, drop, close.
 *
 * A client's failure costs that client alone: nothing here returns an error to the worker's loop.
 * Everything a successor needs is in the slot; the client structure holds only what dies with the
 * process.
 */
#ifndef ECHOD_WORKER_CLIENT_H
#define ECHOD_WORKER_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/seat.h"
#include "common/table.h"
#include "worker/tap.h"

/* What this process knows of the connection in a slot. */
struct client {
	int fd;           /* -1: not here */
	bool watched;     /* registered with epoll */
	bool readable;    /* there may be something to receive */
	bool writable;    /* the socket may have room */
	bool until_empty; /* readable until a receive says that nothing is left: an end, or urgent data */
	bool listed;      /* stands in one of clients.ready and clients.bulk */
	bool muted;       /* stands in clients.muted */
	bool starved;     /* not received from until memory may be free for what it sends (WHEN_FULL_PAUSE) */
	bool stalled;     /* not sent to until the kernel may have memory for that */
	bool drained;     /* stands in clients.drained */
	bool eager;       /* its last receive was a large one */
};

/* Slots, first in first out; each stands in at most once. */
struct queue {
	uint32_t *slots;
	uint32_t first;
	uint32_t count;
};

/* What all clients of a worker share. */
struct clients {
	const struct options *options;
	struct part *part;
	struct budget *budget;
	uint32_t worker; /* this worker's account in the budget */
	struct tap *tap;
	int epoll_fd;
	struct client *each; /* one for each slot of the part */
	uint32_t count;      /* connections held here */
	uint32_t reach;      /* one more than the highest slot ever adopted here */
	struct queue ready;  /* those with something to do, which can be little */
	struct queue bulk;   /* those with something to do that sent much before */
	struct queue muted;  /* those not received from until the pipe has room */
	uint32_t *finished;  /* slots that are done as soon as the batch is flushed */
	uint32_t finished_count;
	uint32_t *drained; /* slots whose empty rings may still hold memory */
	uint32_t drained_count;
	bool draining; /* a shutdown: finish what has arrived */
	bool starved;  /* some client is starved or stalled */
	uint64_t page_bytes;
};

/* Event data of slot `index`: tells a stale event of its former connection by the generation. */
uint64_t client_event_data(const struct clients *clients, uint32_t index);

/*
 * Sets up `clients` for a part; descriptors are the caller's. -1 with errno (ENOMEM).
 */
int clients_init(struct clients *clients, const struct seat *seat, struct tap *tap, int epoll_fd);

/* Frees what clients_init() allocated. No connection is closed. */
void clients_release(struct clients *clients);

/*
 * Takes over the connection of a slot, whoever served it before: brings its counters up to the
 * kernel's, settles the chunk in hand if it is this connection's, and serves it once, so that it may
 * be finished already. The descriptor is the client's from now on. A slot that does not fit its
 * connection is closed and reported.
 */
void client_adopt(struct clients *clients, uint32_t index, int fd);

/* Takes note of what epoll reported; clients_serve() does what there is to do. */
void client_notice(struct clients *clients, uint32_t index, uint32_t events);

/* Is there something that clients_serve() could do at once? */
bool clients_have_work(const struct clients *clients);

/*
 * Serves all who have something to do, one chunk each, but only a share of those who send without
 * end: a short message would else wait for a large chunk of each of these.
 */
void clients_serve(struct clients *clients);

/* From now on echoes only what has arrived already, then sends end-of-file. */
void client_drain(struct clients *clients, uint32_t index);

/* Closes the connection as it is. */
void client_cut(struct clients *clients, uint32_t index);

/* Has all that were starved or stalled try again. */
void clients_retry(struct clients *clients);

/*
 * Counts this worker's account in the budget anew; before the first adoption. A slot that cannot be
 * right in what it says of its ring is marked, and all it may have of the ring is given back.
 */
void clients_check_memory(struct clients *clients);

/*
 * Marks the finished connections done, once their log is in the pipe, and hands out up to `most`
 * of their slots to tell the master of; returns how many.
 */
uint32_t clients_take_finished(struct clients *clients, uint32_t *slots, uint32_t most);

/* Gives the memory of empty rings back to the system. */
void clients_trim(struct clients *clients);

#endif
