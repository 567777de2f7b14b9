/* The table's layout; the master and the workers use it. See table.h. */
#include "common/table.h"

#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/commit.h"

static uint64_t whole_pages(uint64_t bytes)
{
	return memory_whole_pages(bytes, (uint64_t)sysconf(_SC_PAGESIZE));
}

static uint64_t blocks_at(uint32_t slot_count)
{
	return whole_pages(sizeof(struct part) + (uint64_t)slot_count * sizeof(struct slot));
}

static uint64_t rings_at(uint32_t slot_count)
{
	return blocks_at(slot_count) + whole_pages(BATCH_RING_BLOCKS * RECORD_BLOCK_BYTES);
}

size_t part_bytes(uint32_t slot_count, uint64_t ring_bytes)
{
	uint64_t limit = (uint64_t)1 << 46; /* half of what user space has on x86-64 */
	uint64_t start = rings_at(slot_count);

	if (ring_bytes > limit || whole_pages(ring_bytes) > (limit - start) / slot_count)
		return 0;
	return start + slot_count * whole_pages(ring_bytes);
}

void part_init(struct part *part, uint32_t number, uint32_t slot_count, uint64_t ring_bytes)
{
	part->plan = (struct part_plan){
		.number = number,
		.first_slot = number * slot_count,
		.slot_count = slot_count,
		.ring_bytes = ring_bytes,
		.ring_stride = whole_pages(ring_bytes),
		.blocks_at = blocks_at(slot_count),
		.rings_at = rings_at(slot_count),
	};
	commit(&part->batch.in_hand.slot, PART_NOBODY);
	commit(&part->adopting, PART_NOBODY);
}

int part_protect(const struct memory *memory)
{
	return memory_protect(memory, 0, MEMORY_WALL_BYTES);
}

static bool is_zero(const uint8_t *bytes, size_t count)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, count - 1) == 0;
}

/* Gives a page of a part new memory with these bytes. */
static int renew_page(void *page, const uint8_t *bytes, size_t page_bytes)
{
	if (madvise(page, page_bytes, MADV_REMOVE) != 0)
		return -1;
	if (!is_zero(bytes, page_bytes))
		memcpy(page, bytes, page_bytes);
	return 0;
}

static int renew_slots(struct part *part, size_t to, uint8_t *kept, size_t page_bytes)
{
	int result = 0;

	for (size_t at = MEMORY_WALL_BYTES; at < to; at += page_bytes) {
		uint8_t *page = (uint8_t *)part + at;

		memcpy(kept, page, page_bytes);
		result |= renew_page(page, kept, page_bytes);
	}
	return result;
}

bool batch_is_sound(const struct batch *batch)
{
	uint64_t filled = committed(&batch->filled);
	uint64_t flushed = committed(&batch->flushed);

	return filled <= RECORD_POSITION_MAX && flushed % RECORD_BLOCK_BYTES == 0 && flushed <= filled &&
	       filled - flushed <= (BATCH_FULL_BLOCKS + CHUNK_BLOCKS + 1) * RECORD_BLOCK_BYTES &&
	       RECORD_BLOCK_BYTES - filled % RECORD_BLOCK_BYTES >= RECORD_LEAST_BYTES;
}

/* How many blocks from `flushed` on the next worker needs: those not in the pipe, and those of a chunk in hand. */
static uint64_t blocks_needed(const struct batch *batch)
{
	uint64_t waiting = committed(&batch->filled) - committed(&batch->flushed);
	uint64_t blocks = (waiting + RECORD_BLOCK_BYTES - 1) / RECORD_BLOCK_BYTES;

	if (!batch_is_sound(batch))
		return 0;
	return committed(&batch->in_hand.slot) == PART_NOBODY ? blocks : blocks + CHUNK_BLOCKS + 1;
}

static int renew_blocks(struct part *part, uint8_t *kept, size_t page_bytes)
{
	uint64_t first = committed(&part->batch.flushed) / RECORD_BLOCK_BYTES % BATCH_RING_BLOCKS;
	uint64_t needed = blocks_needed(&part->batch);
	int result = 0;

	for (size_t at = 0; at < part->plan.rings_at - part->plan.blocks_at; at += page_bytes) {
		uint8_t *page = (uint8_t *)part + part->plan.blocks_at + at;

		for (size_t in_page = 0; in_page < page_bytes; in_page += RECORD_BLOCK_BYTES) {
			uint64_t block = (at + in_page) / RECORD_BLOCK_BYTES;

			if ((block + BATCH_RING_BLOCKS - first) % BATCH_RING_BLOCKS < needed)
				memcpy(kept + in_page, page + in_page, RECORD_BLOCK_BYTES);
			else
				memset(kept + in_page, 0, RECORD_BLOCK_BYTES);
		}
		result |= renew_page(page, kept, page_bytes);
	}
	return result;
}

int part_renew(struct part *part, uint32_t slots_used)
{
	static uint8_t kept[MEMORY_WALL_BYTES]; /* no page is larger */
	const struct part_plan *plan = &part->plan;
	size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	size_t used = whole_pages(sizeof(*part) + slots_used * sizeof(struct slot));
	int slots = renew_slots(part, used, kept, page_bytes);
	int unused = used < plan->blocks_at
			     ? madvise((uint8_t *)part + used, plan->blocks_at - used, MADV_REMOVE)
			     : 0;
	int blocks = renew_blocks(part, kept, page_bytes);

	explicit_bzero(kept, sizeof(kept)); /* a process that is forked has a copy of it */
	return slots == 0 && unused == 0 && blocks == 0 ? 0 : -1;
}

uint32_t part_in_hand(const struct part *part, uint32_t slot_count)
{
	const struct chunk *chunk = &part->batch.in_hand;
	uint32_t slot = committed(&chunk->slot);

	if (slot >= slot_count || chunk->position != committed(&part->batch.filled) ||
	    chunk->generation != part->slots[slot].generation ||
	    committed(&part->slots[slot].state) != SLOT_OPEN)
		return PART_NOBODY;
	return slot;
}

uint8_t *part_block(struct part *part, uint64_t position)
{
	uint64_t block = position / RECORD_BLOCK_BYTES % BATCH_RING_BLOCKS;

	return (uint8_t *)part + part->plan.blocks_at + block * RECORD_BLOCK_BYTES;
}

struct ring slot_ring(struct part *part, struct slot *slot)
{
	uint64_t index = (uint64_t)(slot - part->slots);

	return (struct ring){
		.bytes = (uint8_t *)part + part->plan.rings_at + index * part->plan.ring_stride,
		.capacity = part->plan.ring_bytes,
		.base = committed(&slot->ring_base),
	};
}

uint64_t slot_queued(const struct slot *slot)
{
	uint64_t queued = committed(&slot->queued);
	uint64_t sent = committed(&slot->sent);

	return queued > sent ? queued : sent;
}

uint32_t slot_header_left(const struct slot *slot)
{
	uint32_t bytes = committed(&slot->header_bytes);
	uint32_t taken = committed(&slot->header_taken);

	return bytes > taken ? bytes - taken : 0;
}

uint64_t slot_backlog(const struct slot *slot)
{
	return slot_queued(slot) - committed(&slot->sent);
}

static uint64_t unacknowledged(const struct slot *slot, int fd)
{
	uint64_t sent = committed(&slot->sent);
	int bytes;

	if (!slot_has(slot, SLOT_CUT) || ioctl(fd, SIOCOUTQ, &bytes) != 0)
		return 0;
	if (bytes > 0 && slot_has(slot, SLOT_SHUT))
		bytes--; /* our FIN, which counts as a byte */
	return (uint64_t)bytes < sent ? (uint64_t)bytes : sent;
}

void slot_end(struct slot *slot, int fd)
{
	if (slot_has(slot, SLOT_ENDED))
		return;
	commit(&slot->unacked, unacknowledged(slot, fd));
	slot_set(slot, SLOT_ENDED);
}

uint64_t slot_echoed(const struct slot *slot)
{
	return committed(&slot->sent) - committed(&slot->unacked);
}

uint64_t bytes_dropped(uint64_t received, uint64_t echoed, bool echo)
{
	/* A damaged slot may say that it sent more than it received. */
	return echo && received > echoed ? received - echoed : 0;
}

bool slot_is_over(const struct slot *slot)
{
	if (slot_has(slot, SLOT_CUT))
		return true;
	return slot_has(slot, SLOT_PEER_DONE) && slot_has(slot, SLOT_SHUT | SLOT_BROKEN);
}

bool slot_is_untouched(const struct slot *slot)
{
	return !slot_has(slot, SLOT_ANNOUNCED | SLOT_TOUCHED) && committed(&slot->received) == 0 &&
	       committed(&slot->sent) == 0 && committed(&slot->queued) == 0 &&
	       committed(&slot->header_bytes) == 0;
}

bool slot_is_sound(struct part *part, struct slot *slot)
{
	struct ring ring = slot_ring(part, slot);
	uint64_t held = committed(&slot->ring_held);
	uint64_t sent = committed(&slot->sent);
	uint64_t backlog = slot_backlog(slot);
	uint64_t limit = committed(&slot->echo_limit);

	if (committed(&slot->gap) > committed(&slot->received) + 1 ||
	    (limit > RECORD_POSITION_MAX && limit != SLOT_NO_LIMIT))
		return false;
	if (committed(&slot->received) > RECORD_POSITION_MAX || sent > RECORD_POSITION_MAX ||
	    slot_queued(slot) > RECORD_POSITION_MAX)
		return false;
	if (held > part->plan.ring_stride || held != whole_pages(held))
		return false;
	return backlog == 0 || slot_has(slot, SLOT_BROKEN) ||
	       (backlog <= ring.capacity && ring.base <= sent && ring_reach(&ring, sent + backlog) <= held);
}

uint64_t slot_give_ring_back(struct part *part, struct slot *slot)
{
	uint64_t held = committed(&slot->ring_held);

	/* Only memory can be short here (madvise(2)); then it stays taken and is tried again. */
	if (held == 0 || madvise(slot_ring(part, slot).bytes, held, MADV_REMOVE) != 0)
		return 0;
	commit(&slot->ring_held, 0);
	return held;
}

void slot_set(struct slot *slot, uint32_t flags)
{
	commit(&slot->flags, committed(&slot->flags) | flags);
}

bool slot_has(const struct slot *slot, uint32_t flags)
{
	return (committed(&slot->flags) & flags) != 0;
}
