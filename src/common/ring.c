/* The echo buffer's arithmetic; the workers use it. See ring.h. */
#include "common/ring.h"

#include <string.h>

uint64_t ring_reach(const struct ring *ring, uint64_t end)
{
	uint64_t held = end - ring->base;

	return held < ring->capacity ? held : ring->capacity;
}

int ring_pieces(const struct ring *ring, uint64_t from, uint64_t to, struct iovec pieces[2])
{
	uint64_t count = to - from;
	uint64_t start, first;

	if (count == 0)
		return 0;
	start = (from - ring->base) % ring->capacity;
	first = ring->capacity - start;
	if (count <= first) {
		pieces[0] = (struct iovec){ .iov_base = ring->bytes + start, .iov_len = count };
		return 1;
	}
	pieces[0] = (struct iovec){ .iov_base = ring->bytes + start, .iov_len = first };
	pieces[1] = (struct iovec){ .iov_base = ring->bytes, .iov_len = count - first };
	return 2;
}

void ring_write(const struct ring *ring, uint64_t from, const uint8_t *bytes, size_t count)
{
	struct iovec pieces[2];
	int piece_count = ring_pieces(ring, from, from + count, pieces);

	for (int i = 0; i < piece_count; i++) {
		memcpy(pieces[i].iov_base, bytes, pieces[i].iov_len);
		bytes += pieces[i].iov_len;
	}
}
