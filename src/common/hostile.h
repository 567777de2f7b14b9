/*
 * A worker that was taken over, for the tests alone (make BUILD=hostile): in such a build it does what a test asked
 * for, with all that a worker has in its hands. In every other build this is nothing.
 */
#ifndef ECHOD_HOSTILE_H
#define ECHOD_HOSTILE_H

#ifdef ECHOD_HOSTILE

#include "common/seat.h"

/* In a worker's loop: does the deed, if it is time; with the seals of its slots' connections. */
void hostile_turn(const struct seat *seat, const uint64_t *seals);

#else
#define hostile_turn(seat, seals) ((void)0)
#endif

#endif
