/*
 * The connections in shared memory.
 *
 * Each worker has a part of the table to itself, in a region of its own: its slots, one for each
 * connection, their echo buffers, and the batch of records on their way to the log. The master maps
 * all parts, a worker only its own. What a worker knows of its connections lies here and in the
 * kernel's sockets, nowhere else, so that a successor can go on where it was killed.
 *
 * A worker may have been taken over and have written anything here but where it cannot write. Its successor and the
 * master take nothing for granted: what does not make sense costs the connections it is about, and with the next
 * connection of a slot all of it is made anew.
 *
 * A worker commits what it does by one counter at a time (common/commit.h), and the kernel tells what
 * a system call did that was not yet counted (worker/recover.h).
 *
 *   received   bytes taken from the socket, but for a PROXY header ahead of them
 *   queued     bytes admitted to the echo through the ring; behind `sent` while the ring is unused
 *   sent       bytes given to the socket
 *
 * The ring holds the echo from `sent` to `queued`. What was received but is neither sent nor in
 * the ring was dropped, unless it belongs to the chunk in hand.
 */
#ifndef ECHOD_TABLE_H
#define ECHOD_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"
#include "common/memory.h"
#include "common/record.h"
#include "common/ring.h"

enum slot_state {
	SLOT_FREE = 0, /* the master's to give away */
	SLOT_OPEN,     /* a connection; set by the master before it hands the descriptor over */
	SLOT_DONE,     /* the worker is finished with it and its log is in the pipe */
};

/* What has happened on a connection; set by its worker but where it says who else, each once and for good. */
enum slot_flag {
	SLOT_ANNOUNCED = 1 << 0, /* its opening is in the log's pipe */
	SLOT_PEER_DONE = 1 << 1, /* end-of-file was read */
	SLOT_SHUT = 1 << 2,      /* the echo is complete: shutdown(SHUT_WR) */
	SLOT_BROKEN = 1 << 3,    /* nothing more can be sent */
	SLOT_DROPPING = 1 << 4,  /* the user was told that the echo buffer was full */
	SLOT_CUT = 1 << 5,       /* closed by echod before its peer was done */
	SLOT_DAMAGED = 1 << 6,   /* its counters contradict each other */
	SLOT_OVERFULL = 1 << 7,  /* it was cut because its echo buffer was full */
	SLOT_FAILED = 1 << 8,    /* what broke it was no reset by its peer */
	SLOT_ENDED = 1 << 9,     /* nothing more happens to it; what it came to is known */
	SLOT_TOUCHED = 1 << 10,  /* bytes may have been received before its opening was in the pipe */
	SLOT_GIVEN_UP = 1 << 11, /* workers crashed adopting it: to be closed unseen; set by the master */
	SLOT_IDLE = 1 << 12,     /* it was cut because no byte went either way for too long */
	SLOT_STALLED = 1 << 13,  /* it was cut because its echo buffer did not move for too long */
	SLOT_HEADLESS = 1 << 14, /* its PROXY header was wrong, or did not come */
	SLOT_ADMITTED = 1 << 15, /* who its PROXY header names may have it; set by the master */
};

#define SLOT_NO_LIMIT UINT64_MAX

struct slot {
	_Atomic uint64_t received;   /* bytes; worker */
	_Atomic uint64_t sent;       /* bytes; worker */
	_Atomic uint64_t queued;     /* bytes; worker */
	_Atomic uint64_t echo_limit; /* received bytes from here on are not echoed; worker, at shutdown */
	_Atomic uint64_t ring_base;  /* stream position at the ring's first byte; worker, while it is empty */
	_Atomic uint64_t ring_held;  /* bytes of ring memory taken from the budget, whole pages; worker */
	_Atomic uint64_t gap;     /* 0, or one more than where the log has not been told of bytes; worker */
	_Atomic uint64_t unacked; /* bytes sent that its peer had not acknowledged at the end; worker */
	_Atomic uint64_t time_usecs; /* of its latest record; worker, if a form of the log shows it */
	_Atomic uint64_t heard_at;   /* when it was accepted or bytes last received; worker, with a timeout */
	_Atomic uint64_t
		moved_at;       /* when the echo last moved: see worker/timeouts.h; worker, with a timeout */
	_Atomic uint64_t acked; /* bytes of the echo its peer had acknowledged when last asked; worker */
	uint64_t opened_at_usecs; /* clock_usecs() when it was accepted; master */
	_Atomic uint32_t state;   /* enum slot_state */
	_Atomic uint32_t flags;   /* enum slot_flag; worker */
	uint32_t generation;      /* how many connections this slot has had; master */

	/* Its PROXY header, if one is awaited: its length, 0 until that is known, and bytes taken of it; worker. */
	_Atomic uint32_t header_bytes;
	_Atomic uint32_t header_taken;
	struct address peer;      /* the client; master, and the worker if a header names it */
	struct address real_peer; /* whom the connection comes from, which may be a proxy; master */
};

#define PART_NOBODY UINT32_MAX

/*
 * A receive under way: claimed before, settled when its bytes have been echoed, queued or dropped
 * and their records stand in the batch. Valid while `position` is where the batch ends.
 */
struct chunk {
	_Atomic uint32_t slot;  /* index in this part; PART_NOBODY: none is in hand */
	uint32_t generation;    /* of the slot */
	uint64_t position;      /* in the batch, of its first record */
	uint64_t offset;        /* of its first byte in what the connection received */
	uint64_t queued_before; /* bytes admitted to the echo before it */
	uint64_t time_usecs;    /* when it was claimed; 0 if no form of the log shows it */
};

enum {
	/* More than the pipe can ever hold and the batch may ever be: see worker/tap.h. */
	BATCH_RING_BLOCKS = 320,
	/* The most in one chunk: what fills so many blocks exactly. */
	CHUNK_BLOCKS = 16,
	CHUNK_BYTES = CHUNK_BLOCKS * RECORD_PAYLOAD_MAX_BYTES,
	CHUNK_PIECES_MAX = CHUNK_BLOCKS + 1,
	/* With so much waiting, nothing more is claimed. */
	BATCH_FULL_BLOCKS = 16,
};

/*
 * Records on their way into the pipe. Positions count bytes from the beginning; byte p lies in
 * block p / RECORD_BLOCK_BYTES modulo BATCH_RING_BLOCKS.
 */
struct batch {
	_Atomic uint64_t filled;  /* where the settled records end */
	_Atomic uint64_t flushed; /* up to here they are in the pipe; the beginning of a block */
	struct chunk in_hand;
};

/* What a part is like; its worker cannot change it. */
struct part_plan {
	uint32_t number;        /* which worker's this is */
	uint32_t first_slot;    /* number of this part's first slot in the log's records */
	uint32_t slot_count;    /* at least 1 */
	_Atomic uint32_t reach; /* one more than the highest slot ever used */
	uint64_t ring_bytes;    /* capacity of one ring */
	uint64_t ring_stride;   /* from one ring to the next, whole pages */
	uint64_t blocks_at;     /* of the batch's blocks, from the start of the part */
	uint64_t rings_at;      /* of the first ring, from the start of the part */
};

struct part {
	struct part_plan plan; /* master */
	uint8_t wall[MEMORY_WALL_BYTES - sizeof(struct part_plan)];
	_Atomic uint32_t adopting; /* the slot being adopted, or PART_NOBODY; worker */
	_Atomic uint32_t taken;    /* messages about connections that this worker has dealt with; worker */
	struct batch batch;        /* worker */
	struct slot slots[];
};

/* The size of a part in bytes; 0 if it could not be addressed. */
size_t part_bytes(uint32_t slot_count, uint64_t ring_bytes);

/* Describes a part, that of a worker, to its users; the memory is zero and part_bytes() long. */
void part_init(struct part *part, uint32_t number, uint32_t slot_count, uint64_t ring_bytes);

/* Has this process, the worker, only read the plan from now on: memory_protect(). -1 with errno. */
int part_protect(const struct memory *memory);

/* Can this be a batch? If a dead worker's cannot, its successor begins with an empty one. */
bool batch_is_sound(const struct batch *batch);

/*
 * Gives all of a part but the rings new memory with the same bytes, but for blocks that the next worker does not
 * need, all of those of a batch that cannot be one, which come out as zeros: they are of clients that it may never
 * have. Its worker is dead, and of its slots so many were ever used. It may have lent any page to the pipe, ahead of
 * what is there: the logger would see what its successor writes into it, out of order. The pipe keeps the old pages.
 * Rings that the successor has no use for are new anyway (buffers_check()). -1 with errno of madvise(2): some of it is
 * what it was.
 */
int part_renew(struct part *part, uint32_t slots_used);

/*
 * The slot of the chunk in hand, whose receiving or echoing the worker did not finish; PART_NOBODY
 * if there is none among the part's slots, which are slot_count. Its connection must be adopted before
 * any other, and before the batch is flushed.
 */
uint32_t part_in_hand(const struct part *part, uint32_t slot_count);

/* A block of the batch, by the position of any byte in it. */
uint8_t *part_block(struct part *part, uint64_t position);

/* A slot's ring as its counters say. */
struct ring slot_ring(struct part *part, struct slot *slot);

/* Bytes admitted to the echo so far. */
uint64_t slot_queued(const struct slot *slot);

/*
 * Notes that nothing more happens on a slot's connection, fd; once for all. What the socket of one that was
 * cut still holds was not echoed: its end destroys it, as a rule, at the latest when the peer sends more.
 */
void slot_end(struct slot *slot, int fd);

/* Bytes that were echoed, of a slot that has ended. */
uint64_t slot_echoed(const struct slot *slot);

/* Of so many bytes received and echoed on a connection that has ended, those that were not echoed; without echo none. */
uint64_t bytes_dropped(uint64_t received, uint64_t echoed, bool echo);

/* Bytes of the header, as far as its length is known, that were not counted as taken. */
uint32_t slot_header_left(const struct slot *slot);

/* Bytes that wait in the ring. */
uint64_t slot_backlog(const struct slot *slot);

/* Can what a slot says of its positions and its ring be so, for all that can be seen here? */
bool slot_is_sound(struct part *part, struct slot *slot);

/* Is nothing more to be done on a slot's connection but to end it? */
bool slot_is_over(const struct slot *slot);

/* Does a slot say that no worker has had anything to do with its connection yet? */
bool slot_is_untouched(const struct slot *slot);

/*
 * Gives the memory of a slot's ring, which must be empty or of no more use, back to the system.
 * Returns how many bytes of the budget that sets free.
 */
uint64_t slot_give_ring_back(struct part *part, struct slot *slot);

/* Sets or asks for flags (enum slot_flag). */
void slot_set(struct slot *slot, uint32_t flags);
bool slot_has(const struct slot *slot, uint32_t flags);

#endif
