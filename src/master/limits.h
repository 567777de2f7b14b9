/* What the system allows echod, and what fits into that. */
#ifndef ECHOD_MASTER_LIMITS_H
#define ECHOD_MASTER_LIMITS_H

#include <stdint.h>

#include "common/seat.h"
#include "options.h"

/* Raises the limit on descriptors as far as it can be, and tells what it is then. -1 with errno. */
int limits_descriptors(uint64_t *descriptors);

/*
 * How many clients there can be: as --max-clients says or, without it, as many as the limits on
 * descriptors, on a file's size (the shared memory's files count) and on address space leave room for. -1
 * after a message that names the limit and the options to reduce, if that is less than was asked for, or none.
 */
int limits_clients(const struct options *options, const struct crew *crew, uint64_t descriptors,
		   uint32_t *clients_max);

/*
 * Bytes for the echo buffers of all clients: as --buffer-total says or, without it, 256M or a quarter of what
 * the control group may have (cgroups(7)), whichever is less.
 */
uint64_t limits_buffer_total(const struct options *options);

#endif
