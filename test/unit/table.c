/* The table: which of a dead worker's blocks its successor is left. */
#include "common/table.h"

#include <string.h>

#include "common/commit.h"
#include "unit.h"

enum { SLOTS = 4, RING = 4096 };

#define BLOCK UINT64_C(4096)

static struct memory memory;

/* The part of a worker that has written to all blocks, has so much in its batch and died. */
static struct part *part_of_dead(uint64_t filled, uint64_t flushed, bool in_hand)
{
	struct part *part = memory.base;

	part_init(part, 0, SLOTS, RING);
	for (uint64_t i = 0; i < BATCH_RING_BLOCKS; i++)
		memset(part_block(part, i * BLOCK), 1 + (int)(i % 100), BLOCK);
	commit(&part->batch.filled, filled);
	commit(&part->batch.flushed, flushed);
	commit(&part->batch.in_hand.slot, in_hand ? 1 : PART_NOBODY);
	return part;
}

/* Is the block, by its position, what the worker has written, all of it? Else all of it must be zeros. */
static bool is_left(struct part *part, uint64_t position)
{
	const uint8_t *bytes = part_block(part, position);
	uint8_t written = (uint8_t)(1 + position / BLOCK % BATCH_RING_BLOCKS % 100);

	CHECK(bytes[0] == written || bytes[0] == 0);
	CHECK(memcmp(bytes, bytes + 1, BLOCK - 1) == 0);
	return bytes[0] != 0;
}

/* The successor is left so many blocks from `flushed` on, and no others. */
static void check_left(uint64_t filled, uint64_t flushed, bool in_hand, uint64_t count)
{
	struct part *part = part_of_dead(filled, flushed, in_hand);
	uint64_t first = flushed - flushed % BLOCK;

	CHECK(part_renew(part, SLOTS) == 0);
	for (uint64_t i = 0; i < BATCH_RING_BLOCKS; i++)
		CHECK(is_left(part, first + i * BLOCK) == (i < count));
	CHECK(committed(&part->batch.filled) == filled);
}

static void check_sound(void)
{
	check_left(0, 0, false, 0);
	check_left(100 * BLOCK, 100 * BLOCK, false, 0);
	check_left(100 * BLOCK + 1000, 100 * BLOCK, false, 1);
	check_left(319 * BLOCK + 3 * BLOCK + 1, 319 * BLOCK, false, 4);
	check_left(1000 * BLOCK, 1000 * BLOCK, true, CHUNK_BLOCKS + 1);
	check_left(1002 * BLOCK, 1000 * BLOCK, true, 2 + CHUNK_BLOCKS + 1);
}

static void check_unsound(void)
{
	uint64_t most = BATCH_FULL_BLOCKS + CHUNK_BLOCKS + 1;

	check_left(most * BLOCK, 0, false, most);
	check_left((most + 1) * BLOCK, 0, false, 0);
	check_left(200 * BLOCK, 100 * BLOCK, true, 0);
	check_left(BLOCK, 2 * BLOCK, false, 0);
	check_left(BLOCK + 1000, 1000, false, 0);
	check_left(2 * BLOCK - 1, BLOCK, false, 0);
	check_left(RECORD_POSITION_MAX + 1 + 1000, RECORD_POSITION_MAX + 1, false, 0);
}

int main(void)
{
	CHECK(memory_create(&memory, "part", part_bytes(SLOTS, RING)) == 0);
	check_sound();
	check_unsound();
	return unit_result();
}
