/* The master: the process that accepts connections and keeps all others running. */
#ifndef ECHOD_MASTER_MASTER_H
#define ECHOD_MASTER_MASTER_H

#include <stddef.h>
#include <stdint.h>

#include "common/seat.h"
#include "options.h"

/* What the children do: the master starts them without knowing them. */
struct crew {
	seat_life *worker;
	seat_life *logger;
	size_t (*logger_memory_bytes)(uint32_t slots); /* what the logger needs for so many slots */
};

/*
 * The whole life of the master. argv is main()'s, for an upgrade to start the new program with.
 * Returns the exit status: 0 after an orderly shutdown, 1 after a message. Children that it forks
 * exit and never return from here.
 */
int master_run(const struct options *options, const struct crew *crew, char *const argv[]);

#endif
