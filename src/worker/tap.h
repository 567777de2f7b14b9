/*
 * The worker's end of the pipe to the logger.
 *
 * What clients send is received straight into the batch in shared memory, one chunk a receive. When
 * the batch is flushed its chunks become records and go out in one write. A batch that a killed
 * worker did not get rid of is written again by its successor; the logger drops what it has had,
 * by the offsets.
 */
#ifndef ECHOD_WORKER_TAP_H
#define ECHOD_WORKER_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "common/record.h"
#include "common/table.h"

enum {
	TAP_RECORDS_MAX = BATCH_CHUNKS + 2 * BATCH_BLOCKS + BATCH_CHUNKS / 32,
	TAP_PIECES_MAX = 3 * TAP_RECORDS_MAX,
};

struct tap {
	struct part *part;
	int pipe_fd;
	bool laid_out;       /* the batch is described by the pieces below and must not change */
	bool reader_is_gone; /* the logger and the master are: what is flushed is lost */
	unsigned next_piece; /* the first one not yet written */
	unsigned piece_count;
	struct iovec pieces[TAP_PIECES_MAX];
	struct record records[TAP_RECORDS_MAX];
};

/*
 * Begins with the batch as it is found in the part; one that cannot be a batch is emptied, and the
 * answer is false. pipe_fd stays the caller's.
 */
bool tap_init(struct tap *tap, struct part *part, int pipe_fd);

/* The chunk in hand, when part_in_hand() names its slot. */
struct chunk *tap_in_hand(const struct tap *tap);

/* Settles the chunk in hand, if there is one, with what was counted: its connection is no more. */
void tap_abandon_in_hand(struct tap *tap);

/* May a chunk be claimed? Not while a batch waits for room in the pipe. */
bool tap_is_open(const struct tap *tap);

/*
 * Claims the rest of the batch for what is received next from a slot: this chunk is in hand until
 * tap_settle(). Flushes first when little is left. NULL if the pipe has no room now.
 */
struct chunk *tap_claim(struct tap *tap, struct slot *slot, enum record_type type);

/* Where a chunk's bytes lie. */
uint8_t *tap_bytes(const struct tap *tap, const struct chunk *chunk);

/* How many bytes fit there. */
size_t tap_room(const struct tap *tap, const struct chunk *chunk);

/* Ends a claim: the chunk has so many bytes, 0 only if it is a RECORD_OPEN. */
void tap_settle(struct chunk *chunk, uint32_t length);

/* Gives back the chunk in hand, for which nothing was received. */
void tap_withdraw(struct tap *tap);

/*
 * Writes the batch to the pipe. False if some of it must wait until the pipe has room (poll it for
 * writing, then call again). Every chunk must be settled.
 */
bool tap_flush(struct tap *tap);

#endif
