/*
 * A worker that was taken over, for the tests alone (make BUILD=hostile): in such a build it does what a test asked
 * for, with all that a worker has in its hands. In every other build this is nothing.
 */
#ifndef ECHOD_HOSTILE_H
#define ECHOD_HOSTILE_H

#ifdef ECHOD_HOSTILE

#include "common/seat.h"

/* In a worker's loop: does the deed, if it is time. */
void hostile_turn(const struct seat *seat);

#else
#define hostile_turn(seat) ((void)0)
#endif

#endif
