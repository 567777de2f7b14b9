/* What SIGUSR1 shows. */
#ifndef ECHOD_MASTER_STATUS_H
#define ECHOD_MASTER_STATUS_H

#include "master/state.h"

/* Writes a table to stderr: each worker, the logger, all together, and the limits, which end it. */
void status_write(const struct master *master);

#endif
