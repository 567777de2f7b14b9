/* The master: the process that accepts connections and keeps all others running. */
#ifndef ECHOD_MASTER_MASTER_H
#define ECHOD_MASTER_MASTER_H

#include "common/seat.h"
#include "options.h"

/*
 * The whole life of the master. argv is main()'s, for an upgrade to start the new program with.
 * Returns the exit status: 0 after an orderly shutdown, 1 after a message. Children that it forks
 * exit and never return from here.
 */
int master_run(const struct options *options, const struct crew *crew, char *const argv[]);

#endif
