/* The logger: the process that writes the data log to standard output, it alone. */
#ifndef ECHOD_LOGGER_LOGGER_H
#define ECHOD_LOGGER_LOGGER_H

#include <stddef.h>
#include <stdint.h>

#include "common/seat.h"

/* The size of the shared memory a logger needs for so many slots. */
size_t logger_memory_bytes(uint32_t slots);

/*
 * The whole life of the logger: takes its seat, finishes what a predecessor left, writes what comes
 * through the pipe until all its writing ends are closed. Returns the exit status: 0,
 * SEAT_OUTPUT_GONE, or 1; the last two after a message.
 */
seat_life logger_run;

#endif
