/*
 * Whether the workers' memory is what they say it is.
 *
 * What a worker may take for its echo buffers it takes for itself, and writes down (common/budget.h). One that was
 * taken over may write down anything, so that the others get nothing, or write where it has taken nothing, so that
 * the system has nothing left. So now and then the master asks the system how much memory each part really has. A
 * worker with which that does not agree is killed: its successor gives back what no connection has.
 */
#ifndef ECHOD_MASTER_AUDIT_H
#define ECHOD_MASTER_AUDIT_H

#include <stdint.h>

#include "master/state.h"

/* When the next look is due: sooner where there are connections. */
uint64_t audit_next(const struct master *master);

/* Takes that look, if it is time. */
void audit_advance(struct master *master);

#endif
