/* What the worker's own files share: the connections it holds, and what these have in common. */
#ifndef ECHOD_WORKER_STATE_H
#define ECHOD_WORKER_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/budget.h"
#include "common/queue.h"
#include "common/table.h"
#include "options.h"
#include "worker/tap.h"
#include "worker/wheel.h"

/* Whether there is something to receive; each says more than the one before it. */
enum incoming {
	INCOMING_NONE,        /* not until epoll says so */
	INCOMING_SOME,        /* perhaps; what comes short of what was asked for is all */
	INCOMING_UNTIL_EMPTY, /* until a receive says that nothing is left: an end, or urgent data */
	INCOMING_STARVED,     /* not before memory may be free for what the client sends */
};

/* Whether the socket takes what is sent. */
enum outgoing {
	OUTGOING_OPEN,
	OUTGOING_FULL,    /* not until epoll says that the peer has taken some */
	OUTGOING_STALLED, /* not before the kernel may have memory for it, of which epoll tells nothing */
};

/* Why a connection may be closed for want of activity. */
enum timeout {
	TIMEOUT_IDLE,  /* no byte goes either way */
	TIMEOUT_STALL, /* its echo buffer does not move */
	TIMEOUTS,
};

/* A connection: what this process knows of it. What its successor must know is in the slot. */
struct client {
	struct slot *slot;
	int fd;           /* -1: no connection is held here */
	uint8_t incoming; /* enum incoming */
	uint8_t outgoing; /* enum outgoing */
	bool watched;     /* registered with epoll */
	bool eager;       /* its last receive was a large one */
	uint8_t attempts; /* to adopt it, in vain, in a row */
};

struct clients {
	const struct options *options;
	struct part *part;
	size_t part_bytes;
	struct tap *tap;
	struct budget *budget;
	uint32_t account; /* this worker's, in the budget */
	int epoll_fd;
	uint64_t page_bytes;
	struct client *each;     /* one for each slot of the part; queues have numbers of these */
	uint32_t count;          /* connections held here */
	uint32_t reach;          /* one more than the highest slot ever adopted here */
	struct queue ready;      /* those with something to do, which can be little: see turns.h */
	struct queue bulk;       /* those with something to do that sent much before */
	struct queue held_up;    /* those not received from until the pipe has room */
	struct queue untold;     /* those of which the log does not know all it should */
	struct queue ended;      /* those that are closed, which is not in the log yet */
	struct queue finished;   /* those that are done as soon as the batch is flushed */
	struct queue known;      /* those the master is to admit: see header.h */
	struct queue lacking;    /* those that were starved or stalled, and perhaps still are */
	struct queue idle_rings; /* those whose empty rings may still hold memory: see buffer.h */
	struct wheel
		timers[TIMEOUTS];   /* when to look at whom; without memory where there is no such timeout */
	bool draining;              /* a shutdown: finish what has arrived */
	bool cutting;               /* its time is over: whoever is adopted now is closed, too */
	uint64_t complain_at;       /* when to speak again of what is tried again and again */
	struct wheel headers;       /* those whose PROXY headers are awaited: see header.h */
	uint64_t refuse_tell_at;    /* when to speak again of a wrong header */
	const struct client *about; /* whom the message is about that is being said; NULL: none */
};

static inline uint32_t client_number(const struct clients *clients, const struct client *client)
{
	return (uint32_t)(client - clients->each);
}

#endif
