/*
 * Time for deadlines and delays, which only ever goes forward (CLOCK_MONOTONIC).
 *
 * Instants are milliseconds of this clock and end in _at, durations end in _msecs.
 */
#ifndef ECHOD_CLOCK_H
#define ECHOD_CLOCK_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* An instant that does not come. */
#define CLOCK_NEVER UINT64_MAX

static inline uint64_t clock_usecs(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail with this clock: clock_gettime(2) */
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* What calendars go by, microseconds since 1970 (CLOCK_REALTIME); it may be put back. */
static inline uint64_t clock_calendar_usecs(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static inline uint64_t clock_msecs(void)
{
	return clock_usecs() / 1000;
}

static inline uint64_t clock_sooner(uint64_t at, uint64_t other_at)
{
	return at < other_at ? at : other_at;
}

/* Has the instant come? */
static inline bool clock_reached(uint64_t at)
{
	return at != CLOCK_NEVER && clock_msecs() >= at;
}

/* Waits so long, or less if a signal comes. */
static inline void clock_pause(unsigned msecs)
{
	struct timespec pause = { .tv_sec = msecs / 1000, .tv_nsec = (long)(msecs % 1000) * 1000000 };

	(void)nanosleep(&pause, NULL);
}

/* How long poll(2) or epoll_wait(2) is to wait until an instant: milliseconds, -1: without end. */
static inline int clock_timeout(uint64_t at)
{
	uint64_t now;

	if (at == CLOCK_NEVER)
		return -1;
	now = clock_msecs();
	if (at <= now)
		return 0;
	return at - now < INT_MAX ? (int)(at - now) : INT_MAX;
}

#endif
