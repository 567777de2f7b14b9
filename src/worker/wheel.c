/* Timers; run by a worker. See wheel.h. */
#include "worker/wheel.h"

#include <stdlib.h>

#include "common/clock.h"

enum { TICKS_AHEAD_MAX = WHEEL_TICKS - 24 }; /* some are left for time that passes between two takes */

int wheel_init(struct wheel *wheel, uint32_t most, uint64_t longest_msecs)
{
	*wheel = (struct wheel){
		.next = calloc(most, sizeof(*wheel->next)),
		.tick_msecs = longest_msecs / TICKS_AHEAD_MAX + 1,
	};
	return wheel->next != NULL ? 0 : -1;
}

void wheel_release(struct wheel *wheel)
{
	free(wheel->next);
	wheel->next = NULL;
}

/* ---- lists ---- */

static uint32_t *list_of(struct wheel *wheel, uint64_t tick)
{
	return &wheel->lists[tick % WHEEL_TICKS];
}

static void push(struct wheel *wheel, uint32_t *list, uint32_t number)
{
	wheel->next[number] = *list != 0 ? *list : number + 1;
	*list = number + 1;
}

static uint32_t pop(struct wheel *wheel, uint32_t *list)
{
	uint32_t number = *list - 1;

	*list = wheel->next[number] != *list ? wheel->next[number] : 0;
	wheel->next[number] = 0;
	return number;
}

/* ---- time ---- */

/* What waits for a tick that has come is due. */
static void pass(struct wheel *wheel, uint64_t tick)
{
	uint64_t last = tick - wheel->first < WHEEL_TICKS ? tick : wheel->first + WHEEL_TICKS - 1;

	for (uint64_t at = wheel->first; at <= last; at++) {
		for (uint32_t *list = list_of(wheel, at); *list != 0; wheel->waiting--)
			push(wheel, &wheel->due, pop(wheel, list));
	}
	wheel->passed = wheel->first = tick;
	while (wheel->waiting > 0 && *list_of(wheel, wheel->first) == 0)
		wheel->first++;
}

void wheel_set(struct wheel *wheel, uint32_t number, uint64_t at)
{
	uint64_t tick = at / wheel->tick_msecs + (at % wheel->tick_msecs > 0);

	if (wheel->next[number] != 0)
		return;
	if (tick <= wheel->passed)
		tick = wheel->passed + 1;
	if (wheel->waiting++ == 0 || tick < wheel->first)
		wheel->first = tick;
	push(wheel, list_of(wheel, tick), number);
}

uint32_t wheel_take(struct wheel *wheel, uint64_t now)
{
	if (wheel->due == 0 && now >= wheel_next(wheel))
		pass(wheel, now / wheel->tick_msecs);
	return wheel->due != 0 ? pop(wheel, &wheel->due) : WHEEL_NOBODY;
}

uint64_t wheel_next(const struct wheel *wheel)
{
	if (wheel->due != 0)
		return 0;
	return wheel->waiting > 0 ? wheel->first * wheel->tick_msecs : CLOCK_NEVER;
}
