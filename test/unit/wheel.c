/* The wheel: each timer goes off once, never early, at most a tick late, wherever in time it begins. */
#include "worker/wheel.h"

#include <stdlib.h>

#include "common/clock.h"
#include "unit.h"

enum { NUMBERS = 50, STEPS = 20000 };

struct timers {
	struct wheel wheel;
	uint64_t now;
	uint64_t due_at[NUMBERS]; /* 0: it is not set */
	bool is_exact;            /* none is ever taken early */
};

static void set_one(struct timers *timers, uint64_t longest_msecs)
{
	uint32_t number = (uint32_t)random() % NUMBERS;

	if (timers->due_at[number] == 0)
		timers->due_at[number] = timers->now + 1 + (uint64_t)random() % longest_msecs;
	wheel_set(&timers->wheel, number, timers->due_at[number]);
}

static void check_next(const struct timers *timers)
{
	uint64_t next_at = wheel_next(&timers->wheel), sooner_at = CLOCK_NEVER;

	for (uint32_t i = 0; i < NUMBERS; i++) {
		if (timers->due_at[i] != 0)
			sooner_at = clock_sooner(sooner_at, timers->due_at[i]);
	}
	CHECK(next_at < sooner_at + timers->wheel.tick_msecs);
	CHECK(!timers->is_exact || next_at >= sooner_at);
}

/* Those that were taken early are set again, and not taken once more before time goes on. */
static void take_all(struct timers *timers)
{
	uint32_t number, early = 0;

	while (early <= NUMBERS && (number = wheel_take(&timers->wheel, timers->now)) != WHEEL_NOBODY) {
		CHECK(number < NUMBERS && timers->due_at[number] != 0);
		if (timers->due_at[number] <= timers->now) {
			timers->due_at[number] = 0;
		} else {
			early++;
			wheel_set(&timers->wheel, number, timers->due_at[number]);
		}
	}
	CHECK(early <= (timers->is_exact ? 0 : NUMBERS));
	for (uint32_t i = 0; i < NUMBERS; i++)
		CHECK(timers->due_at[i] == 0 || timers->due_at[i] + timers->wheel.tick_msecs > timers->now);
}

/* With timers up to so long, which are set at random and taken after pauses of up to so long. */
static void check_random(uint64_t longest_msecs, uint64_t pause_msecs, bool is_exact)
{
	struct timers timers = { .now = (uint64_t)random() << 10, .is_exact = is_exact };

	CHECK(wheel_init(&timers.wheel, NUMBERS, longest_msecs) == 0);
	for (int step = 0; step < STEPS; step++) {
		set_one(&timers, longest_msecs);
		check_next(&timers);
		timers.now += (uint64_t)random() % pause_msecs;
		take_all(&timers);
	}
	wheel_release(&timers.wheel);
}

/* Timers that were due before they were set go off with the next tick. */
static void check_late(void)
{
	struct wheel wheel;

	CHECK(wheel_init(&wheel, 3, 100) == 0);
	CHECK(wheel_next(&wheel) == CLOCK_NEVER && wheel_take(&wheel, 5000) == WHEEL_NOBODY);
	wheel_set(&wheel, 0, 6000);
	wheel_set(&wheel, 0, 7000);
	CHECK(wheel_next(&wheel) == 6000 && wheel_take(&wheel, 5999) == WHEEL_NOBODY);
	CHECK(wheel_take(&wheel, 6000) == 0);
	CHECK(wheel_take(&wheel, 6000) == WHEEL_NOBODY);
	wheel_set(&wheel, 2, 10);
	CHECK(wheel_next(&wheel) == 6001 && wheel_take(&wheel, 6001) == 2);
	CHECK(wheel_next(&wheel) == CLOCK_NEVER);
	wheel_release(&wheel);
}

int main(void)
{
	srandom(1);
	check_random(100, 30, false);
	check_random(100, 20, true);
	check_random(5000, 100, true);
	check_random(5000, 20000, false);
	check_random(2147483647, 100000, true);
	check_late();
	return unit_result();
}
