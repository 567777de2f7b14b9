/* What the logger decided to do with a record, written into its copy of it on the desk. */
#ifndef ECHOD_LOGGER_VERDICT_H
#define ECHOD_LOGGER_VERDICT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/commit.h"
#include "common/record.h"

enum verdict {
	VERDICT_DECIDED = 1,  /* the other bits, and the record's `skip`, are valid */
	VERDICT_NEWLINE = 2,  /* end the line the output stands in first */
	VERDICT_TAG = 4,      /* write the peer's address before the payload */
	VERDICT_REPEATED = 8, /* write nothing: all of it was had before */
};

/*
 * Writes the decision into the record at `at`, which need not be aligned: first how many bytes of its
 * payload were had already, then the verdict, which says that this is valid.
 */
static inline void verdict_write(uint8_t *at, uint16_t skip, uint8_t verdict)
{
	memcpy(at + offsetof(struct record, skip), &skip, sizeof(skip));
	commit((_Atomic uint8_t *)(at + offsetof(struct record, verdict)), verdict);
}

#endif
