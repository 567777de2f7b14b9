/* What the control groups (cgroups(7)) of this process, of either version, allow it. */
#ifndef ECHOD_MASTER_GROUP_H
#define ECHOD_MASTER_GROUP_H

#include <stdint.h>

/* Bytes of memory that this process's group and those around it may have; UINT64_MAX: there is no limit. */
uint64_t group_memory(void);

/* How many processors' time they may use, rounded up, at least 1; UINT64_MAX: there is no limit. */
uint64_t group_processors(void);

/* How many processes there may be in them besides those that there are; UINT64_MAX: there is no limit. */
uint64_t group_processes(void);

#endif
