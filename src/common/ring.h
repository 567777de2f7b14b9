/*
 * A bounded byte ring, addressed by positions in the stream that passes through it.
 *
 * Byte p of the stream lies at (p - base) modulo the capacity. The ring has no state of its own:
 * whoever keeps the positions knows what is in it, and can recover them after a crash.
 */
#ifndef ECHOD_RING_H
#define ECHOD_RING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct ring {
	uint8_t *bytes;
	uint64_t capacity; /* bytes, at least 1 */
	uint64_t base;     /* the stream position that lies at bytes[0] */
};

/* The most the ring reaches into its memory once it has held the stream from base to `end`. */
uint64_t ring_reach(const struct ring *ring, uint64_t end);

/* Copies `count` bytes, at most the capacity, to where the stream's bytes from `from` on lie. */
void ring_write(const struct ring *ring, uint64_t from, const uint8_t *bytes, size_t count);

/*
 * Describes the bytes from `from` to `to`, at most the capacity, in one or two pieces; returns how
 * many (0 if there are none).
 */
int ring_pieces(const struct ring *ring, uint64_t from, uint64_t to, struct iovec pieces[2]);

#endif
