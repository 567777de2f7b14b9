/* What system calls are called. */
#ifndef ECHOD_MASTER_CALLS_H
#define ECHOD_MASTER_CALLS_H

#include <stdint.h>

/* The name of the system call of this number on this processor, or "unknown". */
const char *calls_name(uint32_t number);

#endif
