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
	int fd;          /* -1: not here */
	uint32_t events; /* registered with epoll; 0: not registered */
	bool starved;    /* not read from until memory may be free for what it sends (WHEN_FULL_PAUSE) */
	bool drained;    /* stands in clients.drained */
	bool eager;      /* its last receive was as large as it could be */
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
	uint32_t *finished;  /* slots that are done as soon as the batch is flushed */
	uint32_t finished_count;
	uint32_t *drained; /* slots whose empty rings may still hold memory */
	uint32_t drained_count;
	bool draining; /* a shutdown: finish what has arrived */
	bool muted;    /* some client is not read from until the pipe has room */
	bool starved;  /* some client is starved */
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
 * Takes over the connection of a slot, whoever served it before: repairs its counters from the
 * kernel's, settles the chunk in hand if it is this connection's, and waits for events. The
 * descriptor is the client's from now on. A slot that does not fit its connection is closed and
 * reported.
 */
void client_adopt(struct clients *clients, uint32_t index, int fd);

/* Is it likely to have a large chunk to receive? */
bool client_is_eager(const struct clients *clients, uint32_t index);

/* Serves what epoll reported. */
void client_serve(struct clients *clients, uint32_t index, uint32_t events);

/* From now on echoes only what has arrived already, then sends end-of-file. */
void client_drain(struct clients *clients, uint32_t index);

/* Closes the connection as it is. */
void client_cut(struct clients *clients, uint32_t index);

/* Tries again to read from all that were muted or starved. */
void clients_resume(struct clients *clients);

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
