/*
 * What there is to say of a running echod in numbers, gathered in one place for all who show it: SIGUSR1
 * (status.h) and the status socket (exposition.h).
 *
 * What is called a counter here never goes back, whatever is killed or upgraded, so what may have to be taken
 * back, because it did not arrive, is counted by itself.
 */
#ifndef ECHOD_MASTER_FIGURES_H
#define ECHOD_MASTER_FIGURES_H

#include <stdint.h>

#include "master/state.h"

/* A worker's, or all workers' together. */
struct worker_figures {
	uint64_t restarts;    /* counter */
	uint64_t connections; /* now */
	uint64_t accepted;    /* connections; counter */
	uint64_t closed;      /* connections; counter */
	uint64_t idle;        /* of these, closed for --idle-timeout; counter */
	uint64_t stalled;     /* the same for --stall-timeout; counter */
	uint64_t received;    /* bytes; counter */
	uint64_t sent;        /* bytes given to sockets; counter */
	uint64_t unacked;     /* of these, bytes that never arrived, as is known at an end; counter */
	uint64_t echoed;      /* the difference */
	uint64_t dropped;     /* bytes; counter */
	uint64_t waiting;     /* bytes in echo buffers */
	uint64_t held;        /* bytes of memory of echo buffers */
};

struct figures {
	uint32_t workers;
	struct worker_figures worker[OPTIONS_WORKERS_MAX]; /* so many of them */
	struct worker_figures all;
	uint64_t connections_max;
	uint64_t refused;            /* connections closed at once for --max-per-address; counter */
	uint64_t buffer_bytes;       /* the most that one client's buffer takes */
	uint64_t buffer_total_bytes; /* and all of them together */
	uint64_t logger_restarts;    /* counter */
	uint64_t log_bytes;          /* written to standard output, or lost; counter */
	uint64_t log_lost_bytes;     /* of these, lost since standard output is gone; counter */
	uint64_t
		log_waiting_bytes; /* on their way to standard output: of records, and of the log in its relay */
	uint64_t upgrades;         /* counter */
	uint64_t started_at_secs; /* of the calendar */
};

/*
 * Fills *figures in. The workers go on meanwhile, so that what is of living connections is of about one moment.
 * It looks at every connection.
 */
void figures_gather(const struct master *master, struct figures *figures);

#endif
