/*
 * What the logger knows, in shared memory: a killed logger's successor sits down at the same desk.
 *
 * Bytes are read from the pipe into the buffer. First each record is decided (decide.h): the decision is
 * written down, then the logger's state changes as it says, then `decided` moves on; a successor that
 * finds a decision on the record it stands at carries it out again, to the same effect. Then what was
 * decided is written out, and `written` counts the bytes.
 */
#ifndef ECHOD_LOGGER_DESK_H
#define ECHOD_LOGGER_DESK_H

#include <stddef.h>
#include <stdint.h>

#include "common/commit.h"
#include "common/log_progress.h"
#include "common/record.h"

enum {
	/* A read with as much room as the pipe can hold takes all that is in it, and ends where a record ends. */
	DESK_READ_BYTES = RECORD_PIPE_BYTES,
	DESK_BUFFER_BYTES = DESK_READ_BYTES + RECORD_BLOCK_BYTES, /* and what the logger adds */
};

/* How far a connection's stream has been logged. */
struct source {
	uint64_t next;       /* offset of the first byte not had yet */
	uint64_t lost;       /* of those that were had, bytes that were left out */
	uint32_t generation; /* of the slot; 0: it has had no connection */
	uint8_t held[3]; /* of bytes that were had but not shown: the beginning of a character, and zeros */
	uint8_t closed;  /* its end was had, too */
};

/* Where the output stands. */
struct text_state {
	uint32_t slot; /* whose data came last, with its generation; generation 0: nobody's */
	uint32_t generation;
	uint32_t mid_line; /* the last byte written was no newline */
	uint8_t started;   /* the server's own start was had */
	uint8_t stopped;   /* and its end */
	uint64_t sequence; /* of the next line, where lines have one */
};

struct desk {
	struct log_progress progress; /* see output.h for the time between a write and counting it */
	_Atomic uint64_t goal;        /* what `written` will be when the write in hand is complete */
	_Atomic uint64_t file_origin; /* a regular file's offset minus `written`, before the write in hand */
	_Atomic uint64_t buffer_origin;   /* what `written` was when the buffer was empty */
	_Atomic uint64_t buffer_sequence; /* and what the text's sequence was */
	_Atomic uint64_t run;             /* a number that no other run of a server has */
	_Atomic uint64_t decision;        /* on a record: what is the logger's in its header */
	_Atomic uint64_t
		decision_at;    /* one more than where in the buffer the record lies; 0: there is none */
	_Atomic uint64_t marks; /* bytes of the buffer: decided in the low half, filled in the high */
	_Atomic uint64_t dirty; /* bytes of the buffer to be cleared once it is empty, see empty_buffer() */
	_Atomic uint64_t relay_origin; /* what `written` was when the relay was last empty */
	struct text_state text;
	uint8_t buffer[DESK_BUFFER_BYTES];
	struct source sources[]; /* one for each slot of the table */
};

/* The size of a desk for so many slots. */
static inline size_t desk_bytes(uint32_t slots)
{
	return sizeof(struct desk) + slots * sizeof(struct source);
}

static inline uint32_t desk_decided(const struct desk *desk)
{
	return (uint32_t)committed(&desk->marks);
}

static inline uint32_t desk_filled(const struct desk *desk)
{
	return (uint32_t)(committed(&desk->marks) >> 32);
}

static inline void desk_mark(struct desk *desk, uint32_t decided, uint32_t filled)
{
	commit(&desk->marks, (uint64_t)filled << 32 | decided);
}

#endif
