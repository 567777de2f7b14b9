/* What the system allows echod, and what fits into that. */
#ifndef ECHOD_MASTER_LIMITS_H
#define ECHOD_MASTER_LIMITS_H

#include <stdint.h>

#include "common/seat.h"
#include "options.h"

/* Raises the limit on descriptors as far as it can be, and tells what it is then. -1 with errno. */
int limits_descriptors(uint64_t *descriptors);

/* How many there can be. */
struct capacity {
	uint32_t workers;
	uint32_t clients;
};

/*
 * As many workers as --workers says or, without it, one for each processor that this process may run on
 * (sched_getaffinity(2)) or, if that is less, whose time its control group may use (cgroups(7)), but no more than
 * the limits leave room for beside so many sockets, none of them a client's, and --max-clients, or without that a few
 * clients for each.
 *
 * As many clients as --max-clients says or, without it, as the limits on descriptors, on a file's size (the shared
 * memory's files count) and on address space leave room for. -1 after a message that names the limit and the
 * options to reduce, if that is less than was asked for, or none.
 */
int limits_capacity(const struct options *options, const struct crew *crew, uint64_t descriptors,
		    uint32_t sockets, struct capacity *capacity);

/*
 * Bytes for the echo buffers of all clients: as --buffer-total says or, without it, 256M or a quarter of what
 * the control group may have (cgroups(7)), whichever is less.
 */
uint64_t limits_buffer_total(const struct options *options);

#endif
