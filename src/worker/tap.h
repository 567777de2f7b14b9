/*
 * The worker's end of the pipe to the logger.
 *
 * What clients send is received straight into blocks in shared memory, with room left for the
 * headers that make it records. Whole blocks are then lent to the pipe (vmsplice(2)), not copied;
 * a block that is only begun is written. Records that a killed worker had not counted as flushed
 * are put into the pipe again by its successor, and the logger drops what it has had.
 *
 * A block that was lent must not change before the logger has read it. The pipe holds at most
 * TAP_PIPE_BLOCKS pages, first in first out, so a block is free again when so many others were
 * lent after it; the blocks are used in turn, and there are more of them than that. What a predecessor has lent is only
 * its word, so the master sees to it that the blocks have new memory (part_renew()).
 */
#ifndef ECHOD_WORKER_TAP_H
#define ECHOD_WORKER_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "common/record.h"
#include "common/table.h"

enum { TAP_PIPE_BLOCKS = RECORD_PIPE_BYTES / RECORD_BLOCK_BYTES };

_Static_assert(BATCH_RING_BLOCKS > TAP_PIPE_BLOCKS + BATCH_FULL_BLOCKS + 2 * (CHUNK_BLOCKS + 1),
	       "a block is not used again while the pipe may hold it");

/* What of a connection goes into the log. */
struct tap_scope {
	uint64_t bytes_max; /* of its stream: its first ones */
	bool times;
	bool ends;  /* its end, and at its beginning with which of our addresses it is */
	bool echo;  /* what is not echoed was dropped */
	bool drops; /* what is received while the pipe has no room for long is left out */
};

struct tap {
	struct part *part;
	int pipe_fd;
	struct tap_scope scope;
	uint64_t *seals;     /* of each slot's connection, as the master has said with its descriptor */
	uint64_t stale_to;   /* up to here a predecessor's bytes may lie behind `filled`; 0: none do */
	bool is_blocked;     /* the pipe did not take what waits */
	uint64_t blocked_at; /* since when; CLOCK_NEVER: it is not so */
	bool is_failing;     /* not for lack of room: epoll will not tell when it does */
	bool reader_is_gone; /* the logger and the master are: what is flushed is lost */
};

/*
 * Begins with the batch as it is found in the part; one that cannot be a batch is emptied, and the answer is false. A
 * chunk in hand whose connection is no more is ended, and its seal must be there. pipe_fd and seals, one for each slot,
 * stay the caller's.
 *
 * What the predecessor left behind the batch, perhaps of clients that this worker never has, is wiped as soon as no
 * chunk is in hand; what of it was not in the pipe yet stays as long as what this worker writes.
 */
bool tap_init(struct tap *tap, struct part *part, int pipe_fd, struct tap_scope scope, uint64_t *seals);

/* May more be claimed? Not while the pipe has no room for what waits. */
bool tap_is_open(const struct tap *tap);

/* When what is received will be left out of the log, as it is: CLOCK_NEVER if not. */
uint64_t tap_drops_at(const struct tap *tap);

/* May something be claimed, be it to be left out? */
bool tap_takes(const struct tap *tap);

/* From here on what is received from a slot is left out of the log, until tap_tell_gap(). */
void tap_begin_gap(struct slot *slot);

/* Adds a record that tells of what was left out, if anything was. False if the pipe has no room now. */
bool tap_tell_gap(struct tap *tap, struct slot *slot);

/* Is nothing left to be flushed? */
bool tap_is_empty(const struct tap *tap);

/*
 * Claims the end of the batch for what is received next from a slot: this chunk is in hand until it
 * is settled or withdrawn. Flushes first when much waits. False if the pipe has no room for that, unless the
 * chunk is to be left out.
 */
bool tap_claim(struct tap *tap, struct slot *slot);

/* The chunk in hand, which part_in_hand() tells of; NULL if there is none. */
const struct chunk *tap_in_hand(const struct tap *tap);

/*
 * Where `count` bytes of the chunk in hand lie, from its byte `from` on; both together at most
 * CHUNK_BYTES. Fills in pieces and returns how many.
 */
int tap_pieces(const struct tap *tap, size_t from, size_t count, struct iovec pieces[CHUNK_PIECES_MAX]);

/* A room for the chunk in hand that is made of one or two pieces: enough for most messages. */
size_t tap_small_room(const struct tap *tap);

/*
 * Makes the first `count` bytes of the chunk in hand, which are at least one, records of its slot. The last
 * `dropped` of them were not echoed for want of room.
 */
void tap_settle(struct tap *tap, size_t count, size_t dropped);

/* Gives back the chunk in hand, for which nothing was received. */
void tap_withdraw(struct tap *tap);

/* Ends a chunk in hand whose connection is no more: what was counted of it is settled. */
void tap_abandon_in_hand(struct tap *tap);

/* Adds a record: the connection, fd, was opened. False if the pipe has no room now. */
bool tap_announce(struct tap *tap, struct slot *slot, int fd);

/* Adds a record, if it is wanted: the connection of a slot has ended. False if the pipe has no room now. */
bool tap_conclude(struct tap *tap, struct slot *slot);

/*
 * Puts the batch into the pipe. False if some of it must wait until the pipe has room (poll it for
 * writing, then call again) or, if tap->is_failing, for a while; errno then says why. No chunk may be
 * in hand.
 */
bool tap_flush(struct tap *tap);

#endif
