/*
 * The way of the master's messages through the log, where they are to stand in it (common/message.h).
 */
#ifndef ECHOD_MASTER_HERALD_H
#define ECHOD_MASTER_HERALD_H

#include <stdbool.h>
#include <stddef.h>

#include "common/message.h"
#include "master/state.h"

/*
 * Puts a line into the log, as the master's word: message_send(). False: that has no room, for as long as is waited, or
 * it is not the time for it.
 */
bool herald_send(const struct master *master, const char *line, size_t length, enum message_wait wait);

#endif
