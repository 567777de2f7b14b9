/*
 * What a connection has carried at most, as the kernel knows: a worker that was taken over may say anything of its
 * clients, and what it says is added up with what the others say.
 */
#ifndef ECHOD_MASTER_TRAFFIC_H
#define ECHOD_MASTER_TRAFFIC_H

#include <stdint.h>

#include "common/table.h"

/* Bytes; each no more than was possible. */
struct traffic {
	uint64_t received;
	uint64_t sent;   /* given to the socket */
	uint64_t echoed; /* of these, what the peer had, as far as that is known */
	uint64_t queued; /* admitted to the echo */
};

/* What a slot says of its connection, fd, as far as it can be so; nothing at all if the kernel does not say. */
struct traffic traffic_of(const struct slot *slot, int fd);

#endif
