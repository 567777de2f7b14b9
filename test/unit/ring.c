/* The ring: what goes in comes out, in order, at every wrap, and memory outside it stays untouched. */
#include "common/ring.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

enum { CAPACITY = 13 };

static uint8_t byte_at(uint64_t position)
{
	return (uint8_t)(position * 31 + 7);
}

/* Writes `count` stream bytes from `from` on, then reads them back through the pieces. */
static bool round_trip(const struct ring *ring, uint64_t from, size_t count)
{
	uint8_t in[CAPACITY] = { 0 }, out[CAPACITY];
	struct iovec pieces[2];
	size_t length = 0;
	int piece_count;

	for (size_t i = 0; i < count; i++)
		in[i] = byte_at(from + i);
	ring_write(ring, from, in, count);
	piece_count = ring_pieces(ring, from, from + count, pieces);
	for (int i = 0; i < piece_count; i++) {
		if (length + pieces[i].iov_len > sizeof(out))
			return false;
		memcpy(out + length, pieces[i].iov_base, pieces[i].iov_len);
		length += pieces[i].iov_len;
	}
	return length == count && memcmp(in, out, count) == 0;
}

static void check_round_trips(void)
{
	uint8_t memory[CAPACITY + 2];
	struct ring ring = { .bytes = memory + 1, .capacity = CAPACITY, .base = 1000 };

	memset(memory, 0xee, sizeof(memory));
	for (uint64_t from = 1000; from < 1000 + 3 * CAPACITY; from++)
		for (size_t count = 0; count <= CAPACITY; count++)
			CHECK(round_trip(&ring, from, count));
	CHECK(memory[0] == 0xee && memory[CAPACITY + 1] == 0xee);
}

static void check_pieces(void)
{
	uint8_t memory[CAPACITY] = { 0 };
	struct ring ring = { .bytes = memory, .capacity = CAPACITY, .base = 5 };
	struct iovec pieces[2];

	CHECK(ring_pieces(&ring, 9, 9, pieces) == 0);
	CHECK(ring_pieces(&ring, 5, 5 + CAPACITY, pieces) == 1);
	CHECK(ring_pieces(&ring, 6, 6 + CAPACITY, pieces) == 2);
	CHECK(pieces[0].iov_base == memory + 1 && pieces[0].iov_len == CAPACITY - 1);
	CHECK(pieces[1].iov_base == memory && pieces[1].iov_len == 1);
}

static void check_reach(void)
{
	struct ring ring = { .capacity = CAPACITY, .base = 100 };

	CHECK(ring_reach(&ring, 100) == 0);
	CHECK(ring_reach(&ring, 101) == 1);
	CHECK(ring_reach(&ring, 100 + CAPACITY) == CAPACITY);
	CHECK(ring_reach(&ring, 100 + 5 * CAPACITY) == CAPACITY);
}

/* One byte of capacity is the smallest there may be. */
static void check_smallest(void)
{
	uint8_t memory[1] = { 0 };
	struct ring ring = { .bytes = memory, .capacity = 1, .base = UINT64_MAX - 2 };

	for (uint64_t from = UINT64_MAX - 2; from != 3; from++)
		CHECK(round_trip(&ring, from, 1));
}

int main(void)
{
	check_round_trips();
	check_pieces();
	check_reach();
	check_smallest();
	return unit_result();
}
