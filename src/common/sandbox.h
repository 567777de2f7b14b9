/*
 * The walls around a child: once it serves it may call the system only for what it serves with.
 *
 * A filter on system calls (seccomp(2)) lets through the few calls that the child makes, with the arguments it makes
 * them with, and ends the process at any other: an executed file, an opened one, a new process, socket or connection,
 * a signal, memory with code in it. It cannot be taken off again.
 */
#ifndef ECHOD_SANDBOX_H
#define ECHOD_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "common/seat.h"

/* Do the options ask for it? Builds with sanitizers have none. */
bool sandbox_is_wanted(const struct options *options);

/* Can this system have such a filter on this processor? -1 with errno: ENOSYS, EINVAL, EPERM, ... */
int sandbox_check(void);

/*
 * Puts the calling process, a child with this seat, behind its filter, for good. All that it will need has been opened,
 * mapped and allocated, but for so many descriptors that others will send it. A call that is not let through ends it
 * with SEAT_FORBIDDEN, after a message to the master. Does nothing if it is not wanted. -1 with errno: EACCES if the
 * process may still gain rights (rights_give_up()), or another.
 */
int sandbox_enter(const struct seat *seat, uint32_t descriptors);

#endif
