/*
 * From records to decisions: what is news of each and how it will look.
 *
 * A decision is written into the record, then the desk's state changes as it says; a successor that finds one
 * carries it out again, to the same effect.
 */
#ifndef ECHOD_LOGGER_DECIDE_H
#define ECHOD_LOGGER_DECIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "logger/desk.h"
#include "logger/form.h"

/* What the records must be like, and how they are to look. */
struct decider {
	uint64_t key;   /* of the records */
	uint32_t slots; /* of the table */
	const struct form *form;
};

/* Decides all whole records in the desk's buffer; false if something there cannot be a record. */
bool decide_all(struct desk *desk, const struct decider *decider);

#endif
