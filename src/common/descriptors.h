/* Closing whatever a process has inherited and does not want. */
#ifndef ECHOD_DESCRIPTORS_H
#define ECHOD_DESCRIPTORS_H

#include <stddef.h>

/*
 * Closes all descriptors but those listed, of which -1 is none; the list is put in order. The table may
 * be full, so none is moved or opened. Where the system has no close_range(2), or a filter refuses it,
 * they are closed one by one. -1 with errno.
 */
int descriptors_close_others(int *keep, size_t count);

#endif
