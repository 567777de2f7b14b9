/* Time for deadlines and delays, which only ever goes forward (CLOCK_MONOTONIC). */
#ifndef ECHOD_CLOCK_H
#define ECHOD_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_usecs(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail with this clock: clock_gettime(2) */
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static inline uint64_t clock_msecs(void)
{
	return clock_usecs() / 1000;
}

#endif
