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
	RECORD_OPEN = 1, /* a connection was accepted; no payload */
	RECORD_DATA = 2, /* bytes received on it */
};

struct record {
	uint64_t key;        /* the run's secret number: tells a header from payload, which clients choose */
	uint64_t offset;     /* of the first payload byte in the connection's stream */
	uint32_t slot;       /* the connection's place in the table */
	uint32_t generation; /* which of the connections that had this place, counted from 1 */
	uint16_t length;     /* payload bytes after this header */
	uint16_t padding;    /* bytes to pass over after the payload */
	uint16_t skip;       /* the reader's, 0 on the pipe */
	uint8_t type;        /* enum record_type */
	uint8_t verdict;     /* the reader's, 0 on the pipe */
	struct address peer;
};

enum {
	RECORD_BLOCK_BYTES = PIPE_BUF,
	RECORD_PAYLOAD_MAX_BYTES = RECORD_BLOCK_BYTES - (int)sizeof(struct record),
	/*
	 * The size of the pipe, which no system gives more of than was asked for; as much as an
	 * unprivileged process may ask for (pipe(7)).
	 */
	RECORD_PIPE_BYTES = 1 << 20,
};

_Static_assert(sizeof(void *) < 8 || sizeof(struct record) == 56,
	       "the header is part of the layout that an upgrade compares");

/*
 * Lays a record out in what is left of its block, `left` bytes, which are more than a header's: how
 * many of `wanted` payload bytes it takes, and in *padding what it must pass over because no other
 * record would fit there.
 */
size_t record_fit(size_t left, size_t wanted, size_t *padding);

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
