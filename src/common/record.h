/*
 * The wire format of the pipe between the workers and the logger.
 *
 * The pipe carries records: a header that says who sent which bytes of its stream, then the bytes,
 * then padding. A record never crosses a multiple of RECORD_BLOCK_BYTES counted from the start of
 * the write it is part of, and a write is either at most that long or a multiple of it. So records
 * of different writers never interleave and none is torn:
 *
 * - a write of at most PIPE_BUF bytes is atomic (pipe(7));
 * - Linux fills a longer one page by page under the pipe's lock, and a non-blocking one that finds
 *   the pipe full stops after a whole page, which is the end of a block.
 */
#ifndef ECHOD_RECORD_H
#define ECHOD_RECORD_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"

#if defined(__SIZEOF_POINTER__) && __SIZEOF_POINTER__ < 8
#error "echod needs a 64-bit system: its shared memory is more than 32 bits can address"
#endif

enum record_type {
	RECORD_OPEN = 1, /* a connection was accepted; the payload is a struct record_open, or nothing */
	RECORD_DATA,     /* bytes received on it */
	RECORD_LOST,     /* bytes received on it are left out here; the payload is a struct record_lost */
	RECORD_CLOSE,    /* it has ended; the payload is a struct record_close */
	RECORD_START,   /* the logger's own: the server has started; the payload is its process id, 4 bytes */
	RECORD_STOP,    /* the logger's own: it has ended; no payload */
	RECORD_MESSAGE, /* of no connection: a message (diag.h) on its way to where the log goes; its line */
};

struct record {
	uint64_t key;    /* the run's secret number: tells a header from payload, which clients choose */
	uint64_t offset; /* of the first payload byte in the connection's stream; with RECORD_CLOSE its end */
	uint64_t time_usecs; /* when it was received or happened, since 1970; 0 if no form shows it */
	uint32_t slot;       /* the connection's place in the table */
	uint32_t generation; /* which of the connections that had this place, counted from 1 */
	uint16_t length;     /* payload bytes after this header */
	uint16_t dropped; /* bytes before the payload's end, of earlier records too, that were not echoed */
	uint16_t skip;    /* the reader's, 0 on the pipe, like the next three */
	uint16_t sequence;
	uint8_t verdict;
	uint8_t held[3];
	uint8_t type;    /* enum record_type */
	uint8_t padding; /* bytes to pass over after the payload */
	struct address peer;
};

struct record_open {
	struct address server; /* which of the server's addresses the client has connected to */
	struct address proxy;  /* who has connected on its behalf; all zero: itself */
};

struct record_lost {
	uint64_t bytes;
	uint64_t had;    /* the reader's: how many of them were told of before */
	uint64_t before; /* the reader's: how many others of this connection were */
};

/* Why a connection has ended. */
enum close_reason {
	CLOSE_CLIENT_END, /* the client was done, and had its echo */
	CLOSE_CLIENT_RESET,
	CLOSE_BUFFER_FULL,
	CLOSE_SHUTDOWN, /* of the server */
	CLOSE_ERROR,    /* of the network or the server */
	CLOSE_IDLE,     /* no byte went either way for too long */
	CLOSE_STALL,    /* its echo buffer did not move for too long */
	CLOSE_PROXY,    /* its PROXY header was wrong, or did not come */
	CLOSE_REASONS,
};

struct record_close {
	uint64_t received;       /* bytes */
	uint64_t echoed;         /* bytes */
	uint64_t dropped;        /* bytes: the rest, if there is an echo */
	uint64_t unlogged;       /* bytes at the end that are in no record, not even as lost */
	uint64_t lost;           /* the reader's: bytes that were lost */
	uint64_t duration_usecs; /* since it was accepted */
	uint64_t reason;         /* enum close_reason */
};

enum {
	RECORD_BLOCK_BYTES = PIPE_BUF,
	RECORD_PAYLOAD_MAX_BYTES = RECORD_BLOCK_BYTES - (int)sizeof(struct record),
	/* What is too long for a record is cut where a line of a hex dump ends, counted from its beginning. */
	RECORD_LINE_BYTES = 16,
	/* A payload of at most so many bytes is never cut; whole lines, so that there is room for all of it. */
	RECORD_NOTE_MAX_BYTES = 4 * RECORD_LINE_BYTES,
	RECORD_MESSAGE_MAX_BYTES = 1024,
	/*
	 * The size of the pipe, which no system gives more of than was asked for; as much as an
	 * unprivileged process may ask for (pipe(7)).
	 */
	RECORD_PIPE_BYTES = 1 << 20,
};

_Static_assert(sizeof(struct record) == 64, "the header is part of the layout that an upgrade compares");
_Static_assert(sizeof(struct record_close) <= RECORD_NOTE_MAX_BYTES &&
		       sizeof(struct record_open) <= RECORD_NOTE_MAX_BYTES,
	       "no note is cut");
_Static_assert((int)RECORD_MESSAGE_MAX_BYTES <= (int)RECORD_PAYLOAD_MAX_BYTES,
	       "a message is written whole or not");
_Static_assert(RECORD_PAYLOAD_MAX_BYTES % RECORD_LINE_BYTES == 0, "no whole block cuts a line");

/*
 * How many of `wanted` payload bytes a record takes with `left` bytes of its block, which are enough for a
 * header and RECORD_NOTE_MAX_BYTES.
 */
size_t record_fit(size_t left, size_t wanted);

/* What a record of so many payload bytes must pass over because no other would fit behind it. */
size_t record_padding(size_t left, size_t length);

/* Is it of no connection? Then nothing of it was had before. */
static inline bool record_is_of_server(const struct record *record)
{
	return record->type == RECORD_START || record->type == RECORD_STOP || record->type == RECORD_MESSAGE;
}

enum record_find {
	RECORD_WHOLE,   /* a whole record lies there */
	RECORD_PARTIAL, /* the beginning of one */
	RECORD_NONE,    /* anything else */
};

/*
 * Looks at the `available` bytes at `at`, which need not be aligned. With RECORD_WHOLE *record is a
 * copy of the header; the payload follows it at `at`.
 */
enum record_find record_find(struct record *record, const uint8_t *at, size_t available, uint64_t key);

/* The size of a record: header, payload and padding. */
size_t record_bytes(const struct record *record);

#endif
