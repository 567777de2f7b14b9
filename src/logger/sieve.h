/*
 * Which of the bytes that came out of the pipe are records; run by the logger.
 *
 * Nothing is believed: a worker may have been taken over and write what it likes. A record is what begins with the
 * mark, could be written by an honest worker, and has the seal of its connection or process. No mark lies in it but
 * with a check that is right, so that a header cannot pass off as its payload what others have written after it: their
 * seals are among what the check is of. And it ends with zeros, so no other record begins in it without its seal. All
 * else is passed over, to the next record. So the records of others come out whole, whatever lies between them and
 * whatever their clients have sent.
 */
#ifndef ECHOD_LOGGER_SIEVE_H
#define ECHOD_LOGGER_SIEVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/record.h"

enum { SIEVE_KNOWN_MAX = 256 };

/* What a seal covers, as it lies in a record, and the seal. */
struct sieve_identity {
	uint8_t bytes[offsetof(struct record, peer) + sizeof(struct address) - offsetof(struct record, seal)];
};

_Static_assert(sizeof(struct sieve_identity) ==
		       sizeof(struct address) + 2 * sizeof(uint32_t) + sizeof(uint64_t),
	       "nothing else lies between");

struct sieve {
	uint64_t key[2]; /* of the seals; see record_seal() */
	uint32_t slots;  /* of the table */
	uint32_t workers;
	bool peers_are_claimed; /* seals do not cover peers: PROXY headers name them */
	uint32_t *liars;        /* of each slot the last generation that had a wrong check; 0: none */
	struct sieve_identity
		known[SIEVE_KNOWN_MAX]; /* seals that were found right: checking one takes a while */
};

/*
 * The number of bytes before the first record that is all there, of which *record is the header then; `count` if
 * there is none.
 */
size_t sieve_find(struct sieve *sieve, const uint8_t *bytes, size_t count, struct record *record);

/* Forgets whose checks were wrong. */
void sieve_forgive(struct sieve *sieve);

#endif
