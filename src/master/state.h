/* What the master's own files share: the ledger, and what can be made anew from it. */
#ifndef ECHOD_MASTER_STATE_H
#define ECHOD_MASTER_STATE_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/budget.h"
#include "common/memory.h"
#include "common/queue.h"
#include "common/seat.h"
#include "common/table.h"
#include "master/census.h"
#include "master/ledger.h"

/* A worker as the pool (pool.h) sees it: its connections, and lists and counts made from these. */
struct pool_worker {
	const struct options *options;
	struct ledger *ledger;
	struct child *child;
	struct part *part;              /* its slots are these connections, too */
	struct connection *connections; /* worker_slots of them */
	struct budget *budget;
	struct census *census; /* of all connections, by their places in the ledger */
	uint32_t *free;        /* slots that were used and are free, to be used again first */
	uint32_t free_count;
	uint32_t unused;  /* this slot and those after it have never been used */
	uint32_t clients; /* connections it has */
	uint32_t unsent;  /* of these, CONNECTION_UNSENT */
	struct queue
		line; /* those, in the order in which they are to be sent, and perhaps some that need not be */
};

/* What the acceptor (acceptor.h) keeps in mind. */
struct acceptor {
	uint32_t last_chosen; /* worker; the next one comes first among equals */
	uint32_t aborted;     /* clients in a row that could not be accepted */
	uint64_t resume_at;   /* when a pause in accepting ends; CLOCK_NEVER: there is none */
	int error;            /* what the pause is for */
	uint64_t
		open_at; /* since when clients need not wait, which is yet to be said; CLOCK_NEVER: they do */
};

enum { MONITOR_READERS_MAX = 16 };

/* One who was answered on the status socket. */
struct monitor_reader {
	int fd;            /* -1: none */
	uint64_t close_at; /* when its time is up; CLOCK_NEVER: there is none */
};

/* What the status socket (monitor.h) keeps in mind. */
struct monitor {
	uint64_t resume_at; /* when a pause in answering ends; CLOCK_NEVER: there is none */
	uint32_t next;      /* in whose place the next reader comes, modulo their number */
	struct monitor_reader readers[MONITOR_READERS_MAX];
};

/* The way to the service manager (notify.h). */
struct notifier {
	int fd; /* -1: there is none that wants to know */
	struct sockaddr_un manager;
	socklen_t manager_bytes;
	uint64_t watchdog_msecs; /* between two signs of life */
	uint64_t watchdog_at;    /* when the next one is due; CLOCK_NEVER: none is wanted */
	uint64_t resume_at;      /* when a pause after a failure ends; CLOCK_NEVER: there is none */
};

struct master {
	const struct options *options;
	const struct crew *crew;
	char *const *argv;
	struct ledger *ledger;
	struct memory ledger_memory;
	struct memory budget_memory;
	struct memory child_memory[CHILDREN_MAX]; /* a part for each worker, then the logger's */
	struct pool_worker workers[OPTIONS_WORKERS_MAX];
	int signal_fd;
	uint32_t activated;         /* listening sockets that were handed over at the start (activation.h) */
	uint64_t complain_at;       /* when a trouble that lasts may be spoken of again */
	uint64_t start_complain_at; /* the same of processes that cannot be started */
	uint64_t audit_at;          /* when the workers' memory may be looked at next */
	struct acceptor acceptor;
	struct monitor monitor;
	struct census census; /* if there is --max-per-address */
	struct notifier notifier;
};

/* How far the log has come, which the logger's memory begins with. */
static inline const struct log_progress *log_of(const struct master *master)
{
	return master->child_memory[master->ledger->workers].base;
}

#endif
