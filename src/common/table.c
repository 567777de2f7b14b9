/* The table's layout; the master and the workers use it. See table.h. */
#include "common/table.h"

#include <sys/mman.h>
#include <unistd.h>

static uint64_t whole_pages(uint64_t bytes)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	return (bytes + page - 1) / page * page;
}

static uint64_t rings_at(uint32_t slot_count)
{
	return whole_pages(sizeof(struct part) + (uint64_t)slot_count * sizeof(struct slot));
}

size_t part_bytes(uint32_t slot_count, uint64_t ring_bytes)
{
	uint64_t limit = (uint64_t)1 << 46; /* half of what user space has on x86-64 */
	uint64_t start = rings_at(slot_count);

	if (ring_bytes > limit || whole_pages(ring_bytes) > (limit - start) / slot_count)
		return 0;
	return start + slot_count * whole_pages(ring_bytes);
}

void part_init(struct part *part, uint32_t first_slot, uint32_t slot_count, uint64_t ring_bytes, uint64_t key)
{
	part->first_slot = first_slot;
	part->slot_count = slot_count;
	part->ring_bytes = ring_bytes;
	part->ring_stride = whole_pages(ring_bytes);
	part->rings_at = rings_at(slot_count);
	part->key = key;
	atomic_store(&part->adopting, PART_NOBODY);
}

uint32_t part_in_hand(const struct part *part)
{
	uint32_t count = atomic_load(&part->batch.count);
	const struct chunk *last;

	if (count == 0 || count > BATCH_CHUNKS)
		return PART_NOBODY;
	last = &part->batch.chunks[count - 1];
	if (last->type != RECORD_DATA || atomic_load(&last->length) != 0 || last->slot >= part->slot_count ||
	    last->generation != part->slots[last->slot].generation ||
	    atomic_load(&part->slots[last->slot].state) != SLOT_OPEN)
		return PART_NOBODY;
	return last->slot;
}

struct ring slot_ring(struct part *part, struct slot *slot)
{
	uint64_t index = (uint64_t)(slot - part->slots);

	return (struct ring){
		.bytes = (uint8_t *)part + part->rings_at + index * part->ring_stride,
		.capacity = part->ring_bytes,
		.base = atomic_load(&slot->ring_base),
	};
}

uint64_t slot_queued(const struct slot *slot)
{
	uint64_t queued = atomic_load(&slot->queued);
	uint64_t sent = atomic_load(&slot->sent);

	return queued > sent ? queued : sent;
}

uint64_t slot_backlog(const struct slot *slot)
{
	return slot_queued(slot) - atomic_load(&slot->sent);
}

uint64_t slot_give_ring_back(struct part *part, struct slot *slot)
{
	uint64_t held = atomic_load(&slot->ring_held);

	/* Only memory can be short here (madvise(2)); then it stays taken and is tried again. */
	if (held == 0 || madvise(slot_ring(part, slot).bytes, held, MADV_REMOVE) != 0)
		return 0;
	atomic_store(&slot->ring_held, 0);
	return held;
}

void slot_set(struct slot *slot, uint32_t flags)
{
	atomic_store(&slot->flags, atomic_load(&slot->flags) | flags);
}

bool slot_has(const struct slot *slot, uint32_t flags)
{
	return (atomic_load(&slot->flags) & flags) != 0;
}
