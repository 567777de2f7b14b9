/*
 * What a child finds when it starts, and how it becomes the process it is to be.
 *
 * The master forks every child with its own memory still mapped and its own descriptors still open;
 * seat_take() leaves the child with nothing but what the seat names.
 */
#ifndef ECHOD_SEAT_H
#define ECHOD_SEAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/budget.h"
#include "common/memory.h"

struct options; /* options.h */

struct seat {
	const struct options *options;
	const char *name;      /* as ps and top show it, at most 15 characters */
	uint32_t number;       /* which worker; the logger's is the number of workers */
	struct memory memory;  /* this child's region: a worker's part or the logger's desk */
	struct budget *budget; /* workers: shared by all; the logger: NULL */
	uint64_t key;          /* of the records */
	uint64_t deadline_at;  /* finish until then; CLOCK_NEVER: there is no shutdown */
	int channel_fd;        /* to the master */
	int pipe_fd;           /* workers: its writing end; the logger: its reading end */
	int relay_fds[2];      /* the logger: both ends of a pipe on the way to stdout; others -1 */
	int reread_fd;         /* the logger: standard output, opened for reading, if it is a file; else -1 */
	bool discard;          /* the logger: standard output is gone, what comes is lost */
};

/* How a child ends, besides 0 and 1 */
enum { SEAT_OUTPUT_GONE = 3 }; /* the logger: standard output cannot be written; it has said so */

/* The life of a child: called in the new process, returns its exit status. */
typedef int seat_life(struct seat *seat);

/* What the children do: the master starts them without knowing them. */
struct crew {
	seat_life *worker;
	seat_life *logger;
	size_t (*logger_memory_bytes)(uint32_t slots); /* what the logger needs for so many slots */
};

/*
 * Makes the calling process what the seat says: its name, its descriptors (0 is /dev/null, and
 * so is 1 for a worker; 2 stays) and none else. -1 with errno.
 */
int seat_take(struct seat *seat);

#endif
