/*
 * The wire format of the pipe between the workers and the logger.
 *
 * The pipe carries records: a header that says who sent which bytes of its stream, then the bytes,
 * then padding, which begins with a check and ends with zeros. A record never crosses a multiple of
 * RECORD_BLOCK_BYTES counted from the start of the write it is part of, and a write is either at most
 * that long or a multiple of it. So records of different writers never interleave and none is torn:
 *
 * - a write of at most PIPE_BUF bytes is atomic (pipe(7));
 * - Linux fills a longer one page by page under the pipe's lock, and a non-blocking one that finds
 *   the pipe full stops after a whole page, which is the end of a block.
 *
 * Whoever can write to the pipe can write anything. So that nobody can speak for others each connection has a
 * seal, which the master makes and only its worker and the logger are told, and the logger takes what is no record
 * with the right seal for bytes that mean nothing (logger/sieve.h). Clients can send anything, too, and a worker that
 * was taken over may have told one of them its seals, so the check vouches for each mark in what is sent.
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
	RECORD_MESSAGE, /* a message (diag.h) on its way to where the log goes; its line (message.h) */
	RECORD_TYPES,
};

/*
 * What a record begins with: eight bytes that are in no text, whatever its encoding. What follows them is another
 * byte, so of a longer run of them the last eight are the mark.
 */
enum { RECORD_MARK_BYTE = 0xfe, RECORD_MARK_BYTES = 8 };
/* Positions in a stream beyond which no honest worker comes: sums of some do not come round to 0. */
#define RECORD_POSITION_MAX (UINT64_MAX / 16)

#define RECORD_MARK UINT64_C(0xfefefefefefefefe)

struct record {
	uint64_t mark; /* RECORD_MARK */
	union {
		uint64_t seal; /* see record_seal() */
		struct {       /* on the logger's desk, once it has decided what becomes of the record */
			uint16_t skip;
			uint16_t sequence;
			uint8_t verdict;
			uint8_t held[3];
		};
	};
	uint32_t slot; /* the connection's place in the table, or of which process it is: RECORD_OF_... */
	uint32_t
		generation; /* which of the connections that had this place, counted from 1; of a process 0 */
	struct address peer;
	uint16_t dropped; /* bytes before the payload's end, of earlier records too, that were not echoed */
	uint16_t length;  /* payload bytes after this header */
	uint8_t type;     /* enum record_type */
	uint8_t padding;  /* bytes after the payload, at least RECORD_TAIL_BYTES; see record_complete() */
	uint64_t offset; /* of the first payload byte in the connection's stream; with RECORD_CLOSE its end */
	uint64_t time_usecs; /* when it was received or happened, since 1970; 0 if no form shows it */
};

/* Records of no connection: the first worker's, which those of the others follow, and those of the others. */
#define RECORD_OF_WORKERS (UINT32_C(1) << 31)
#define RECORD_OF_LOGGER  (UINT32_MAX - 1)
#define RECORD_OF_MASTER  UINT32_MAX

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
	uint64_t duration_usecs; /* since it was accepted */
	uint64_t reason;         /* enum close_reason */
	uint64_t lost;           /* the reader's: bytes that were lost */
};

enum {
	RECORD_BLOCK_BYTES = PIPE_BUF,
	/* The least padding: the check, and as many zeros. */
	RECORD_TAIL_BYTES = 2 * (int)sizeof(uint64_t),
	RECORD_PAYLOAD_MAX_BYTES = RECORD_BLOCK_BYTES - (int)sizeof(struct record) - RECORD_TAIL_BYTES,
	/* What is too long for a record is cut where a line of a hex dump ends, counted from its beginning. */
	RECORD_LINE_BYTES = 16,
	/* A payload of at most so many bytes is never cut; whole lines, so that there is room for all of it. */
	RECORD_NOTE_MAX_BYTES = 4 * RECORD_LINE_BYTES,
	/* So much is left of a block that has room for another record. */
	RECORD_LEAST_BYTES = (int)sizeof(struct record) + RECORD_NOTE_MAX_BYTES + RECORD_TAIL_BYTES,
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

/* How many of `wanted` payload bytes a record takes with `left` bytes of its block: at least RECORD_LEAST_BYTES. */
size_t record_fit(size_t left, size_t wanted);

/* The padding of a record of so many payload bytes: its tail, and what is too little for another one. */
size_t record_padding(size_t left, size_t length);

/* Is it nothing that happens to a connection? Then nothing of it was had before. */
static inline bool record_is_of_server(const struct record *record)
{
	return record->type == RECORD_START || record->type == RECORD_STOP || record->type == RECORD_MESSAGE;
}

/*
 * What shows that a record is of this connection, or process, and its peer who it says it is. The key is the run's
 * secret. Without a peer (NULL) the seal says nothing of it: a process has none, and whom a PROXY header names only
 * the worker knows. Neither its first nor its last byte is one of a mark, which ends before it.
 */
uint64_t record_seal(const uint64_t key[2], uint32_t slot, uint32_t generation, const struct address *peer);

/* The size of a record: header, payload and padding. */
size_t record_bytes(const struct record *record);

/*
 * Writes the padding of the record whose header and payload lie at `at`: the check, which is 0 if there is no mark in
 * them but the one they begin with, then zeros.
 */
void record_complete(uint8_t *at);

/* The check that stands in a record whose header was copied from `at`. */
uint64_t record_check_of(const uint8_t *at, const struct record *record);

/*
 * What the check of a record with marks in it must be, of which this is a copy of the header; never 0. It is of the
 * seal and what follows it, as far as the reader does not change that, and made with the seal: nobody knows it who does
 * not know all these bytes. What they are of a record with another's seal in it is known to none but who has both.
 */
uint64_t record_check(const uint8_t *at, const struct record *record);

#endif
