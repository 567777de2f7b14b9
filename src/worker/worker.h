/* A worker: the process that serves connections. */
#ifndef ECHOD_WORKER_WORKER_H
#define ECHOD_WORKER_WORKER_H

#include "common/seat.h"

/*
 * The whole life of a worker: takes its seat, finishes what a predecessor left, serves until the
 * master says that there is no more to do. Returns the exit status: 0, or 1 after a message.
 */
seat_life worker_run;

#endif
