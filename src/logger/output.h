/*
 * Writing to standard output, whole and once.
 *
 * A logger that is killed between a write and counting it leaves the question how much of it was
 * done. What standard output is decides how that is answered:
 *
 *   regular file   its offset has moved by what was written (lseek(2)); for appending it is first
 *                  put to the end, since the file may have been truncated
 *   pipe, socket   bytes are first put into the relay, a pipe that only loggers use and the master
 *                  keeps, and spliced (splice(2)) from there: what left the relay has arrived
 *   anything else  (a terminal) cannot tell: the write in hand is done again
 *
 * A regular file that is also standard error is written through the relay, or, since splice(2) does
 * not append, counts as anything else if it was opened for appending.
 */
#ifndef ECHOD_LOGGER_OUTPUT_H
#define ECHOD_LOGGER_OUTPUT_H

#include <stddef.h>
#include <sys/uio.h>

#include "logger/desk.h"

enum output_kind { OUTPUT_FILE, OUTPUT_STREAM, OUTPUT_OTHER };

struct output {
	struct desk *desk;
	enum output_kind kind;
	int relay_read_fd;
	int relay_write_fd;
	size_t most_bytes; /* that one output_write() takes */
};

/*
 * Finds out what standard output is and what a predecessor's last write came to; from then on
 * desk->progress.written is the truth. A pipe is enlarged if that can be. The relay's ends stay the
 * caller's. -1 with errno.
 */
int output_open(struct output *output, struct desk *desk, const int relay_fds[2]);

/*
 * Writes the pieces, output->most_bytes together at the most, all of them, waiting as long as it
 * takes, and counts them in desk->progress.written. The pieces are used up. -1 with errno if standard
 * output cannot be written.
 */
int output_write(struct output *output, struct iovec *pieces, size_t count);

#endif
