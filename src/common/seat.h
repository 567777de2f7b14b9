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
	const char *name;       /* as ps and top show it, at most 15 characters */
	uint32_t number;        /* which worker; the logger's is the number of workers */
	struct memory memory;   /* this child's region: a worker's part or the logger's desk */
	struct memory budget;   /* workers: shared by all; the logger: none */
	uint64_t record_key[2]; /* the logger: of the records' seals; workers: 0 */
	uint64_t
		in_hand_seal; /* workers: of the connection whose chunk a predecessor had in hand (table.h) */
	uint64_t message_seal; /* workers: of records that are its own; see common/message.h */
	uint64_t deadline_at;  /* finish until then; CLOCK_NEVER: there is no shutdown */
	int channel_fd;        /* to the master */
	int pipe_fd;           /* workers: its writing end; the logger: its reading end */
	int relay_fds[2];      /* the logger: both ends of a pipe on the way to stdout; others -1 */
	int reread_fd;         /* the logger: standard output, opened for reading, if it is a file; else -1 */
	bool discard;          /* the logger: standard output is gone, what comes is lost */
};

/* How a child ends, besides 0 and 1 */
enum {
	SEAT_OUTPUT_GONE = 3, /* the logger: standard output cannot be written; it has said so */
	SEAT_FORBIDDEN = 4,   /* it made a system call that it may not make (sandbox.h) */
};

/* The life of a child: called in the new process, returns its exit status. */
typedef int seat_life(struct seat *seat);

/* What the children do: the master starts them without knowing them. */
struct crew {
	seat_life *worker;
	seat_life *logger;
	size_t (*logger_memory_bytes)(uint32_t slots); /* what the logger needs for so many slots */
};

/*
 * Makes the calling process what the seat says: its name, its descriptors and none else, and its rights. Of its
 * standard descriptors only the logger has 1 and 2, and with --no-sandbox a worker has 2: the others are /dev/null.
 * -1 with errno.
 */
int seat_take(struct seat *seat);

#endif
