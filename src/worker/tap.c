/* From received bytes to records in the pipe; run by a worker. See tap.h. */
#include "worker/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/commit.h"
#include "common/diag.h"

/* Less room than this in a block is not worth a receive of its own. */
enum { SMALL_BYTES = 1024 };

/* With a pipe that has no room, before what is received is left out. */
enum { PATIENCE_MSECS = 100 };

static uint64_t filled(const struct tap *tap)
{
	return committed(&tap->part->batch.filled);
}

static uint64_t flushed(const struct tap *tap)
{
	return committed(&tap->part->batch.flushed);
}

static uint64_t block_start(uint64_t position)
{
	return position - position % RECORD_BLOCK_BYTES;
}

static uint8_t *address_of(const struct tap *tap, uint64_t position)
{
	return part_block(tap->part, position) + position % RECORD_BLOCK_BYTES;
}

static size_t left_in_block(uint64_t position)
{
	return RECORD_BLOCK_BYTES - position % RECORD_BLOCK_BYTES;
}

/* ---- beginning ---- */

static void wipe_stale(struct tap *tap)
{
	for (uint64_t at = filled(tap); at < tap->stale_to; at += left_in_block(at))
		memset(address_of(tap, at), 0, left_in_block(at));
	tap->stale_to = 0;
}

/* The block that is begun, and those of a chunk in hand; the master has left no others. */
static uint64_t stale_to(const struct tap *tap)
{
	uint64_t behind = block_start(filled(tap) + RECORD_BLOCK_BYTES - 1);
	bool is_none = committed(&tap->part->batch.in_hand.slot) == PART_NOBODY;

	return is_none ? behind : behind + (CHUNK_BLOCKS + 1) * RECORD_BLOCK_BYTES;
}

bool tap_init(struct tap *tap, struct part *part, int pipe_fd, struct tap_scope scope, uint64_t *seals)
{
	bool sound = batch_is_sound(&part->batch);

	*tap = (struct tap){
		.part = part, .pipe_fd = pipe_fd, .scope = scope, .seals = seals, .blocked_at = CLOCK_NEVER
	};
	if (!sound) {
		commit(&part->batch.filled, 0);
		commit(&part->batch.flushed, 0);
	}
	tap->stale_to = stale_to(tap);
	if (tap_in_hand(tap) == NULL)
		tap_abandon_in_hand(tap);
	return sound;
}

/* ---- claiming ---- */

static bool is_full(const struct tap *tap)
{
	return filled(tap) - flushed(tap) >= BATCH_FULL_BLOCKS * RECORD_BLOCK_BYTES;
}

bool tap_is_open(const struct tap *tap)
{
	return !tap->is_blocked;
}

uint64_t tap_drops_at(const struct tap *tap)
{
	return tap->scope.drops && tap->is_blocked ? tap->blocked_at + PATIENCE_MSECS : CLOCK_NEVER;
}

bool tap_takes(const struct tap *tap)
{
	return tap_is_open(tap) || clock_reached(tap_drops_at(tap));
}

bool tap_is_empty(const struct tap *tap)
{
	return filled(tap) == flushed(tap);
}

const struct chunk *tap_in_hand(const struct tap *tap)
{
	if (part_in_hand(tap->part, tap->part->plan.slot_count) == PART_NOBODY)
		return NULL;
	return &tap->part->batch.in_hand;
}

/* The time for a connection's next record: the calendar may be put back, a connection's times never run so. */
static uint64_t next_time(const struct tap *tap, struct slot *slot)
{
	uint64_t now, last;

	if (!tap->scope.times)
		return 0;
	now = clock_calendar_usecs();
	last = committed(&slot->time_usecs);
	if (now > last)
		commit(&slot->time_usecs, now);
	return now > last ? now : last;
}

bool tap_claim(struct tap *tap, struct slot *slot)
{
	struct chunk *chunk = &tap->part->batch.in_hand;

	if (committed(&slot->gap) == 0 && is_full(tap) && !tap_flush(tap))
		return false;
	chunk->generation = slot->generation;
	chunk->position = filled(tap);
	chunk->offset = committed(&slot->received);
	chunk->queued_before = slot_queued(slot);
	chunk->time_usecs = next_time(tap, slot);
	commit(&chunk->slot, (uint32_t)(slot - tap->part->slots));
	return true;
}

/* Each record takes what its block has left, after a header, but does not cut a line. */
int tap_pieces(const struct tap *tap, size_t from, size_t count, struct iovec pieces[CHUNK_PIECES_MAX])
{
	uint64_t position = tap->part->batch.in_hand.position;
	int piece_count = 0;

	while (count > 0) {
		size_t room = record_fit(left_in_block(position), SIZE_MAX);

		if (from < room) {
			size_t length = count < room - from ? count : room - from;

			pieces[piece_count++] = (struct iovec){
				.iov_base = address_of(tap, position) + sizeof(struct record) + from,
				.iov_len = length,
			};
			count -= length;
			from = 0;
		} else {
			from -= room;
		}
		position += left_in_block(position);
	}
	return piece_count;
}

size_t tap_small_room(const struct tap *tap)
{
	size_t room = record_fit(left_in_block(tap->part->batch.in_hand.position), SIZE_MAX);

	return room >= SMALL_BYTES ? room : room + RECORD_PAYLOAD_MAX_BYTES;
}

/*
 * Completes a record at `position`, where its payload lies already: `wanted` bytes, or what fits; returns how many
 * that is.
 */
static size_t fill_record(const struct tap *tap, uint64_t *position, struct record record, size_t wanted,
			  size_t dropped)
{
	size_t length = record_fit(left_in_block(*position), wanted);

	record.length = (uint16_t)length;
	record.dropped = length == wanted ? (uint16_t)dropped : 0;
	record.padding = (uint8_t)record_padding(left_in_block(*position), length);
	memcpy(address_of(tap, *position), &record, sizeof(record));
	record_complete(address_of(tap, *position));
	*position += record_bytes(&record);
	return length;
}

static struct record record_of(const struct tap *tap, const struct slot *slot, enum record_type type)
{
	return (struct record){
		.mark = RECORD_MARK,
		.seal = tap->seals[slot - tap->part->slots],
		.slot = tap->part->plan.first_slot + (uint32_t)(slot - tap->part->slots),
		.generation = slot->generation,
		.type = (uint8_t)type,
		.peer = slot->peer,
	};
}

/* How many bytes of a stream that is `bytes` long are in the log. */
static uint64_t logged(const struct tap *tap, uint64_t bytes)
{
	return bytes < tap->scope.bytes_max ? bytes : tap->scope.bytes_max;
}

void tap_settle(struct tap *tap, size_t count, size_t dropped)
{
	const struct chunk *chunk = &tap->part->batch.in_hand;
	const struct slot *slot = &tap->part->slots[committed(&chunk->slot)];
	struct record record = record_of(tap, slot, RECORD_DATA);
	uint64_t position = chunk->position;
	size_t wanted = (size_t)(logged(tap, chunk->offset + count) - logged(tap, chunk->offset));
	size_t done = 0;

	if (committed(&slot->gap) != 0)
		wanted = 0;
	dropped -= dropped < count - wanted ? dropped : count - wanted;
	record.time_usecs = chunk->time_usecs;
	while (done < wanted) {
		record.offset = chunk->offset + done;
		done += fill_record(tap, &position, record, wanted - done, dropped);
	}
	commit(&tap->part->batch.filled, position);
	commit_at("settled", &tap->part->batch.in_hand.slot, PART_NOBODY);
	wipe_stale(tap);
}

void tap_withdraw(struct tap *tap)
{
	commit(&tap->part->batch.in_hand.slot, PART_NOBODY);
	wipe_stale(tap);
}

void tap_abandon_in_hand(struct tap *tap)
{
	const struct chunk *chunk = &tap->part->batch.in_hand;
	uint32_t index = committed(&chunk->slot);

	if (index < tap->part->plan.slot_count && chunk->position == filled(tap) &&
	    chunk->generation == tap->part->slots[index].generation) {
		uint64_t received = committed(&tap->part->slots[index].received);

		if (received > chunk->offset && received - chunk->offset <= CHUNK_BYTES)
			tap_settle(tap, received - chunk->offset, 0);
	}
	tap_withdraw(tap);
}

/* Adds a record with a payload of at most RECORD_NOTE_MAX_BYTES. False if the pipe has no room now. */
static bool add_note(struct tap *tap, const struct record *record, const void *note, size_t bytes)
{
	uint64_t position;

	if (is_full(tap) && !tap_flush(tap))
		return false;
	position = filled(tap);
	memcpy(address_of(tap, position) + sizeof(*record), note, bytes);
	fill_record(tap, &position, *record, bytes, 0);
	commit(&tap->part->batch.filled, position);
	return true;
}

bool tap_announce(struct tap *tap, struct slot *slot, int fd)
{
	struct record record = record_of(tap, slot, RECORD_OPEN);
	struct record_open note = { .server.port = 0 };
	struct sockaddr_storage name;
	socklen_t bytes = sizeof(name);

	if (!tap->scope.ends)
		return add_note(tap, &record, &note, 0);
	if (!address_equals(&slot->peer, &slot->real_peer))
		note.proxy = slot->real_peer;
	/* That fails for want of memory alone (getsockname(2)); then the log says so. */
	if (getsockname(fd, (struct sockaddr *)&name, &bytes) == 0)
		(void)address_from_sockaddr(&note.server, &name);
	record.time_usecs = next_time(tap, slot);
	return add_note(tap, &record, &note, sizeof(note));
}

void tap_begin_gap(struct slot *slot)
{
	if (committed(&slot->gap) == 0)
		commit(&slot->gap, committed(&slot->received) + 1);
}

bool tap_tell_gap(struct tap *tap, struct slot *slot)
{
	struct record record = record_of(tap, slot, RECORD_LOST);
	struct record_lost note = { .before = 0 };

	if (committed(&slot->gap) == 0)
		return true;
	record.offset = logged(tap, committed(&slot->gap) - 1);
	note.bytes = logged(tap, committed(&slot->received)) - record.offset;
	record.time_usecs = next_time(tap, slot);
	if (note.bytes > 0 && !add_note(tap, &record, &note, sizeof(note)))
		return false;
	/* A successor that does not find this tells it again, and the logger has had it. */
	commit(&slot->gap, 0);
	return true;
}

static enum close_reason close_reason(const struct slot *slot, bool echo)
{
	if (slot_has(slot, SLOT_HEADLESS))
		return CLOSE_PROXY;
	if (slot_has(slot, SLOT_OVERFULL))
		return CLOSE_BUFFER_FULL;
	if (slot_has(slot, SLOT_IDLE))
		return CLOSE_IDLE;
	if (slot_has(slot, SLOT_STALLED))
		return CLOSE_STALL;
	if (slot_has(slot, SLOT_DAMAGED | SLOT_FAILED))
		return CLOSE_ERROR;
	if (slot_has(slot, SLOT_CUT))
		return CLOSE_SHUTDOWN;
	if (slot_has(slot, SLOT_BROKEN))
		return CLOSE_CLIENT_RESET;
	/* Without an echo the limit is 0 from the beginning. */
	return echo && committed(&slot->echo_limit) != SLOT_NO_LIMIT ? CLOSE_SHUTDOWN : CLOSE_CLIENT_END;
}

bool tap_conclude(struct tap *tap, struct slot *slot)
{
	struct record record = record_of(tap, slot, RECORD_CLOSE);
	uint64_t received = committed(&slot->received);
	struct record_close note = {
		.received = received,
		.echoed = slot_echoed(slot),
		.dropped = bytes_dropped(received, slot_echoed(slot), tap->scope.echo),
		.unlogged = received - logged(tap, received),
		.duration_usecs = clock_usecs() - slot->opened_at_usecs,
		.reason = close_reason(slot, tap->scope.echo),
	};

	if (!tap->scope.ends || !slot_has(slot, SLOT_ANNOUNCED))
		return true;
	record.offset = received - note.unlogged;
	record.time_usecs = next_time(tap, slot);
	return add_note(tap, &record, &note, sizeof(note));
}

/* ---- flushing ---- */

/* The blocks from `flushed` to `end`, which wrap around at most once, in one or two pieces. */
static int block_pieces(const struct tap *tap, uint64_t end, struct iovec pieces[2])
{
	uint64_t bytes = end - flushed(tap);
	uint64_t ring_bytes = (uint64_t)BATCH_RING_BLOCKS * RECORD_BLOCK_BYTES;
	uint64_t first = ring_bytes - flushed(tap) % ring_bytes;

	pieces[0] = (struct iovec){ .iov_base = address_of(tap, flushed(tap)), .iov_len = bytes };
	if (bytes <= first)
		return 1;
	pieces[0].iov_len = first;
	pieces[1] = (struct iovec){ .iov_base = part_block(tap->part, 0), .iov_len = bytes - first };
	return 2;
}

/* Lends whole blocks to the pipe, which takes them page by page and stops only between two. */
static ssize_t lend(const struct tap *tap, uint64_t end)
{
	struct iovec pieces[2];
	int count = block_pieces(tap, end, pieces);
	ssize_t bytes = vmsplice(tap->pipe_fd, pieces, (size_t)count, SPLICE_F_NONBLOCK);

	fault_point("lend");
	if (bytes > 0)
		commit(&tap->part->batch.flushed, flushed(tap) + (uint64_t)bytes);
	return bytes;
}

/* Writes a block that is only begun, all of it or nothing (PIPE_BUF, pipe(7)), and begins it anew. */
static ssize_t write_begun(struct tap *tap)
{
	ssize_t bytes = write(tap->pipe_fd, address_of(tap, flushed(tap)), filled(tap) - flushed(tap));

	fault_point("flush");
	if (bytes > 0)
		commit(&tap->part->batch.filled, flushed(tap));
	return bytes;
}

bool tap_flush(struct tap *tap)
{
	tap->is_blocked = tap->is_failing = false;
	while (!tap_is_empty(tap) && !tap->reader_is_gone) {
		uint64_t end = block_start(filled(tap));
		ssize_t bytes = end > flushed(tap) ? lend(tap, end) : write_begun(tap);

		if (bytes >= 0 || errno == EINTR)
			continue;
		if (errno != EPIPE) {
			tap->is_blocked = true;
			if (tap->blocked_at == CLOCK_NEVER)
				tap->blocked_at = clock_msecs();
			tap->is_failing = errno != EAGAIN;
			return false;
		}
		diag_errno("worker %u: the pipe to the logger", tap->part->plan.number);
		tap->reader_is_gone = true;
	}
	tap->blocked_at = CLOCK_NEVER;
	if (tap->reader_is_gone)
		commit(&tap->part->batch.filled, flushed(tap));
	return true;
}
