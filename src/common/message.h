/*
 * Messages that go through the log, where it has the same file or terminal as stderr: only the logger knows
 * whether it stands in the middle of a line there.
 */
#ifndef ECHOD_MESSAGE_H
#define ECHOD_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "options.h"

/*
 * Puts a message's line, of at most RECORD_MESSAGE_MAX_BYTES with its newline, into the pipe to the logger,
 * whose writing end does not wait; the key is that of the records. All of it or, with false, nothing: the pipe
 * has had no room for 50 milliseconds, which only the first of several messages waits, or has no reader any more.
 */
bool message_send(int pipe_fd, uint64_t key, const struct options *options, const char *line, size_t length);

#endif
