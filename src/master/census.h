/*
 * How many connections there are from each network: an IPv4 address, or the /64 of an IPv6 address, which is what
 * one subscriber has (RFC 6177).
 *
 * Whatever addresses there are, each of these functions takes the same short time, and the memory is bounded by the
 * number of connections.
 */
#ifndef ECHOD_MASTER_CENSUS_H
#define ECHOD_MASTER_CENSUS_H

#include <stddef.h>
#include <stdint.h>

#include "common/address.h"

struct network {
	uint8_t ip[16]; /* as in struct address; of IPv6 the last 8 bytes are 0 */
};

/* Room for "xxxx:xxxx:xxxx:xxxx::/64", an IPv4 address, or what else inet_ntop(3) may write, and its NUL. */
enum { NETWORK_TEXT_BYTES = 56 };

/* The network of an address. */
struct network network_of(const struct address *address);

/* Writes "192.0.2.7" or "2001:db8::/64" with a final NUL into text. */
void network_text(const struct network *network, char text[NETWORK_TEXT_BYTES]);

struct crowd;
struct member;

/* All zero: nobody is counted. */
struct census {
	struct crowd *crowds;   /* a hash table: open addressing, at most half full */
	size_t mask;            /* the number of its places, a power of two, less one */
	struct member *members; /* by connection: what it counts for */
	size_t connections;
	uint64_t key[2]; /* of the hash: random */
};

/*
 * For so many connections, from 0 on, none of which counts yet. -1 with errno, and nothing is left to close. What lies in
 * the tables a process that is forked does not get.
 */
int census_open(struct census *census, size_t connections);

/* Frees the memory; nobody is counted from then on. */
void census_close(struct census *census);

/* This connection counts for this address now, and no more for what it may have counted for before. */
void census_count(struct census *census, size_t connection, const struct address *address);

/* This connection counts for nothing any more, if it did. */
void census_forget(struct census *census, size_t connection);

/* How many connections count for the network of this address? */
uint32_t census_of(const struct census *census, const struct address *address);

#endif
