/*
 * When to look at which number: timers that cost nothing until they come, however many there are.
 *
 * Time is cut into ticks of about a thousandth of the longest timer, and a number waits among those of its tick. It
 * is never taken early but after a time in which nobody took any, and at most a tick late. Who takes it looks
 * whether its time has really come, and sets it again if not: so no timer needs to be moved when it is put off, nor
 * stopped.
 *
 * A wheel takes its memory at the beginning and never fails afterwards.
 */
#ifndef ECHOD_WORKER_WHEEL_H
#define ECHOD_WORKER_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

enum { WHEEL_TICKS = 1024 };

#define WHEEL_NOBODY UINT32_MAX

struct wheel {
	uint32_t *
		next; /* for each number, one more than the next one's of its list; its own at the end; 0: not set */
	uint32_t waiting; /* how many are in the lists of ticks */
	uint32_t due;     /* the list of those whose time has come: one more than its first number; 0: none */
	uint64_t tick_msecs;
	uint64_t passed;             /* the latest tick whose numbers have become due */
	uint64_t first;              /* the earliest that has numbers, if any wait */
	uint32_t lists[WHEEL_TICKS]; /* of each tick, modulo WHEEL_TICKS */
};

/* Makes an empty wheel for the numbers below `most` and for timers up to so long. -1 with errno (ENOMEM). */
int wheel_init(struct wheel *wheel, uint32_t most, uint64_t longest_msecs);

/* Frees what wheel_init() took; does nothing to a wheel of zeros. */
void wheel_release(struct wheel *wheel);

/* Sets the timer of a number to an instant of clock_msecs(), unless it is set: then it stays as it is. */
void wheel_set(struct wheel *wheel, uint32_t number, uint64_t at);

/* Takes a number whose time has come: its timer is no longer set. WHEEL_NOBODY if there is none. */
uint32_t wheel_take(struct wheel *wheel, uint64_t now);

/* When to take the next one; CLOCK_NEVER if none is set. */
uint64_t wheel_next(const struct wheel *wheel);

#endif
