/* From received bytes to records in the pipe; run by a worker. See tap.h. */
#include "worker/tap.h"

#include <errno.h>
#include <unistd.h>

#include "common/diag.h"
#include "common/fault.h"

/* A receive into less than this would cost more calls than the flush that makes room. */
enum { CLAIM_LEAST_BYTES = BATCH_PAYLOAD_BYTES / 4 };

static const uint8_t nothing[RECORD_BLOCK_BYTES];

static bool is_sound(const struct part *part)
{
	const struct batch *batch = &part->batch;
	uint32_t count = atomic_load(&batch->count);
	uint32_t end = 0;

	if (count > BATCH_CHUNKS)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		const struct chunk *chunk = &batch->chunks[i];

		if (chunk->slot >= part->slot_count || chunk->position != end || end > BATCH_PAYLOAD_BYTES ||
		    atomic_load(&chunk->length) > BATCH_PAYLOAD_BYTES - end)
			return false;
		end += atomic_load(&chunk->length);
	}
	return true;
}

bool tap_init(struct tap *tap, struct part *part, int pipe_fd)
{
	tap->part = part;
	tap->pipe_fd = pipe_fd;
	tap->laid_out = false;
	tap->reader_is_gone = false;
	if (is_sound(part))
		return true;
	atomic_store(&part->batch.count, 0);
	return false;
}

struct chunk *tap_in_hand(const struct tap *tap)
{
	return &tap->part->batch.chunks[atomic_load(&tap->part->batch.count) - 1];
}

void tap_abandon_in_hand(struct tap *tap)
{
	struct part *part = tap->part;
	uint32_t count = atomic_load(&part->batch.count);
	struct chunk *chunk;
	uint64_t received;

	if (count == 0)
		return;
	chunk = tap_in_hand(tap);
	if (chunk->type != RECORD_DATA || atomic_load(&chunk->length) != 0)
		return;
	received = atomic_load(&part->slots[chunk->slot].received);
	if (part->slots[chunk->slot].generation == chunk->generation && received > chunk->offset &&
	    received - chunk->offset <= BATCH_PAYLOAD_BYTES - chunk->position)
		tap_settle(chunk, (uint32_t)(received - chunk->offset));
	else
		tap_withdraw(tap);
}

bool tap_is_open(const struct tap *tap)
{
	return !tap->laid_out;
}

static uint32_t payload_end(const struct batch *batch, uint32_t count)
{
	const struct chunk *last;

	if (count == 0)
		return 0;
	last = &batch->chunks[count - 1];
	return last->position + atomic_load_explicit(&last->length, memory_order_relaxed);
}

struct chunk *tap_claim(struct tap *tap, struct slot *slot, enum record_type type)
{
	struct batch *batch = &tap->part->batch;
	uint32_t count = atomic_load_explicit(&batch->count, memory_order_relaxed);
	uint32_t position = payload_end(batch, count);
	struct chunk *chunk;

	if (count == BATCH_CHUNKS || BATCH_PAYLOAD_BYTES - position < CLAIM_LEAST_BYTES) {
		if (!tap_flush(tap))
			return NULL;
		count = 0;
		position = 0;
	}
	chunk = &batch->chunks[count];
	atomic_store_explicit(&chunk->length, 0, memory_order_relaxed);
	chunk->position = position;
	chunk->slot = (uint32_t)(slot - tap->part->slots);
	chunk->generation = slot->generation;
	chunk->offset = atomic_load_explicit(&slot->received, memory_order_relaxed);
	chunk->queued_before = slot_queued(slot);
	chunk->type = type;
	atomic_store_explicit(&batch->count, count + 1, memory_order_release);
	return chunk;
}

uint8_t *tap_bytes(const struct tap *tap, const struct chunk *chunk)
{
	return tap->part->batch.payload + chunk->position;
}

size_t tap_room(const struct tap *tap, const struct chunk *chunk)
{
	(void)tap;
	return BATCH_PAYLOAD_BYTES - chunk->position;
}

void tap_settle(struct chunk *chunk, uint32_t length)
{
	atomic_store_explicit(&chunk->length, length, memory_order_release);
}

void tap_withdraw(struct tap *tap)
{
	atomic_fetch_sub_explicit(&tap->part->batch.count, 1, memory_order_release);
}

static void add_piece(struct tap *tap, const void *bytes, size_t count)
{
	tap->pieces[tap->piece_count++] =
		(struct iovec){ .iov_base = (void *)(uintptr_t)bytes, .iov_len = count };
}

/* The blocks of a batch while its records are laid out. */
struct layout {
	unsigned records;
	size_t blocks; /* whole ones */
	size_t used;   /* bytes of the block after them */
};

static void pad(struct tap *tap, struct layout *layout, size_t padding)
{
	tap->records[layout->records - 1].padding = (uint16_t)padding;
	add_piece(tap, nothing, padding);
	layout->blocks++;
	layout->used = 0;
}

/* Adds one record with as much of the chunk from `done` on as its block takes; returns how much. */
static size_t lay_record(struct tap *tap, struct layout *layout, const struct chunk *chunk, size_t done)
{
	const struct part *part = tap->part;
	size_t padding;
	size_t length = record_fit(layout->used, atomic_load(&chunk->length) - done, &padding);
	struct record *record = &tap->records[layout->records];

	if (padding > 0)
		pad(tap, layout, padding);
	*record = (struct record){
		.key = part->key,
		.offset = chunk->offset + done,
		.slot = part->first_slot + chunk->slot,
		.generation = chunk->generation,
		.length = (uint16_t)length,
		.type = (uint8_t)chunk->type,
		.peer = part->slots[chunk->slot].peer,
	};
	layout->records++;
	add_piece(tap, record, sizeof(*record));
	if (length > 0)
		add_piece(tap, tap_bytes(tap, chunk) + done, length);
	layout->used += sizeof(*record) + length;
	if (layout->used == RECORD_BLOCK_BYTES) {
		layout->blocks++;
		layout->used = 0;
	}
	return length;
}

static void lay_out(struct tap *tap)
{
	const struct batch *batch = &tap->part->batch;
	uint32_t count = atomic_load(&batch->count);
	struct layout layout = { 0 };

	tap->next_piece = 0;
	tap->piece_count = 0;
	for (uint32_t i = 0; i < count; i++) {
		const struct chunk *chunk = &batch->chunks[i];
		size_t done = 0;

		do
			done += lay_record(tap, &layout, chunk, done);
		while (done < atomic_load(&chunk->length));
	}
	/* More than one block: fill the last one too, so that the pipe can only stop between records. */
	if (layout.blocks > 0 && layout.used > 0)
		pad(tap, &layout, RECORD_BLOCK_BYTES - layout.used);
	tap->laid_out = true;
}

static void pass_over(struct tap *tap, size_t written)
{
	while (written > 0) {
		struct iovec *piece = &tap->pieces[tap->next_piece];

		if (written < piece->iov_len) {
			piece->iov_base = (uint8_t *)piece->iov_base + written;
			piece->iov_len -= written;
			return;
		}
		written -= piece->iov_len;
		tap->next_piece++;
	}
}

static bool write_pieces(struct tap *tap)
{
	while (tap->next_piece < tap->piece_count && !tap->reader_is_gone) {
		ssize_t written = writev(tap->pipe_fd, &tap->pieces[tap->next_piece],
					 (int)(tap->piece_count - tap->next_piece));

		fault_point("tap");
		if (written >= 0) {
			pass_over(tap, (size_t)written);
		} else if (errno == EAGAIN) {
			return false;
		} else if (errno != EINTR) {
			diag_errno("the pipe to the logger");
			tap->reader_is_gone = true;
		}
	}
	return true;
}

bool tap_flush(struct tap *tap)
{
	if (!tap->laid_out) {
		if (atomic_load_explicit(&tap->part->batch.count, memory_order_relaxed) == 0)
			return true;
		lay_out(tap);
	}
	if (!write_pieces(tap))
		return false;
	tap->laid_out = false;
	fault_point("flush");
	atomic_store_explicit(&tap->part->batch.count, 0, memory_order_release);
	return true;
}
