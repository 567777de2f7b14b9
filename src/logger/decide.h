/*
 * From bytes out of the pipe to decisions: what is news of each record and how it will look.
 *
 * A decision is written down on the desk, then the desk's state changes as it says, then it takes the place of the
 * seal in the record; a successor that finds one written down carries it out again, to the same effect.
 */
#ifndef ECHOD_LOGGER_DECIDE_H
#define ECHOD_LOGGER_DECIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "logger/desk.h"
#include "logger/form.h"
#include "logger/sieve.h"

struct decider {
	struct sieve sieve;
	const struct form *form;
	uint64_t passed_over; /* bytes that were no records and have yet to be told of */
	uint64_t tell_at;     /* when to tell of them */
};

/*
 * Decides all records in the desk's buffer. What lies between them is passed over: it is cleared, and a message says
 * so now and then.
 */
void decide_all(struct desk *desk, struct decider *decider);

/* Tells of what was passed over and not told of yet. */
void decide_tell(struct decider *decider);

/*
 * The next record at or behind `at`, below desk_decided(): *record is its header, with the decision. Returns where it
 * lies; desk_decided() if there is none.
 */
uint32_t decided_find(const struct desk *desk, uint32_t at, struct record *record);

/* Moves the end of what fills the buffer to behind the last record, counted or not, that no decision was made on. */
void decide_find_uncounted(struct desk *desk, struct sieve *sieve);

#endif
