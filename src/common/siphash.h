/* A hash that nobody can foresee without its key, so that nobody can make a table slow by choosing what is in it. */
#ifndef ECHOD_SIPHASH_H
#define ECHOD_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/*
 * SipHash-2-4 (J.-P. Aumasson, D. J. Bernstein: SipHash, a fast short-input PRF, 2012) of the 8 * count bytes that
 * these words are in little-endian order; the key's 16 bytes, likewise, should be random.
 */
uint64_t siphash(const uint64_t key[2], const uint64_t *words, size_t count);

#endif
