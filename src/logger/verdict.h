/* What the logger decided to do with a record, written into its copy of it on the desk. */
#ifndef ECHOD_LOGGER_VERDICT_H
#define ECHOD_LOGGER_VERDICT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/commit.h"
#include "common/record.h"

enum verdict {
	VERDICT_DECIDED = 1,  /* the other bits, and what is the reader's in the record, are valid */
	VERDICT_NEWLINE = 2,  /* end the line the output stands in first */
	VERDICT_TAG = 4,      /* write the peer's address before the payload */
	VERDICT_REPEATED = 8, /* write nothing: all of it was had before */
};

/*
 * Writes the decision of *record into its copy at `at`, which need not be aligned: first what is the reader's,
 * then the verdict, which says that this is valid.
 */
static inline void verdict_write(uint8_t *at, const struct record *record)
{
	memcpy(at + offsetof(struct record, skip), &record->skip, sizeof(record->skip));
	memcpy(at + offsetof(struct record, sequence), &record->sequence, sizeof(record->sequence));
	memcpy(at + offsetof(struct record, held), record->held, sizeof(record->held));
	commit((_Atomic uint8_t *)(at + offsetof(struct record, verdict)), record->verdict);
}

#endif
