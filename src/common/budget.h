/*
 * The memory that all echo buffers may take together.
 *
 * Every worker keeps its own account where all can read it. It books first and looks at the sum
 * afterwards, so that two who book at once may both be refused but never both be served beyond the
 * total. A worker's account is the sum over its slots, so its successor can count it anew.
 *
 * No worker can write but in its own account. Of what that says nobody believes more than its clients may have taken;
 * if it says what is not so, the master finds out (master/audit.h).
 */
#ifndef ECHOD_BUDGET_H
#define ECHOD_BUDGET_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "common/memory.h"
#include "options.h"

struct budget_account {
	_Atomic uint64_t held; /* bytes; written by its worker alone */
	uint8_t wall[MEMORY_WALL_BYTES - sizeof(uint64_t)];
};

struct budget_plan {
	uint64_t total_bytes;
	uint32_t workers; /* accounts */
	/* What each may have taken, by the number of its clients. */
	_Atomic uint64_t most[OPTIONS_WORKERS_MAX];
};

struct budget {
	struct budget_plan plan; /* master */
	uint8_t wall[MEMORY_WALL_BYTES - sizeof(struct budget_plan)];
	struct budget_account accounts[];
};

_Static_assert(sizeof(struct budget) == MEMORY_WALL_BYTES &&
		       sizeof(struct budget_account) == MEMORY_WALL_BYTES,
	       "each lies behind walls of its own");

/* The size of a budget for so many workers. */
size_t budget_bytes(uint32_t workers);

/* Has this process, a worker, only read all but its own account from now on: memory_protect(). -1 with errno. */
int budget_protect(const struct memory *memory, uint32_t worker);

/* Sets the total and the number of workers of a budget whose memory is zero; none has a client. */
void budget_init(struct budget *budget, uint64_t total_bytes, uint32_t workers);

/*
 * A worker has so many clients now, each with a buffer of so many bytes: it may have taken as much, and no more than
 * the total, but for a page of each client, which an empty buffer gets even if there is none left.
 */
void budget_expect(struct budget *budget, uint32_t worker, uint64_t clients, uint64_t buffer_bytes);

/* What a worker may have taken: budget_expect(). */
uint64_t budget_most(const struct budget *budget, uint32_t worker);

/* What a worker has taken, as it says, but no more than the total and than it may. */
uint64_t budget_held(const struct budget *budget, uint32_t worker);

/* What a worker has taken, as it says. */
uint64_t budget_said(const struct budget *budget, uint32_t worker);

/*
 * Takes memory for a worker: `wanted` bytes, or as many whole `unit`s as are left of the total if
 * that is less. Returns how many were taken; 0 also when another worker was booking just then.
 */
uint64_t budget_take(struct budget *budget, uint32_t worker, uint64_t wanted, uint64_t unit);

/* Takes memory that a worker cannot do without, even beyond the total. */
void budget_take_anyway(struct budget *budget, uint32_t worker, uint64_t bytes);

/* Gives back what was taken. */
void budget_give(struct budget *budget, uint32_t worker, uint64_t bytes);

/* Sets a worker's account to what its slots hold, which its predecessor may not have booked. */
void budget_set(struct budget *budget, uint32_t worker, uint64_t bytes);

#endif
