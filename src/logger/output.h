/*
 * Writing to standard output, whole and once.
 *
 * A logger that is killed between a write and counting it leaves the question how much of it was
 * done. What standard output is decides how that is answered:
 *
 *   regular file   its offset has moved by what was written (lseek(2)), and the file has these bytes
 *                  there: where somebody else wrote in the same instant, as messages do with 2>&1, the write
 *                  in hand is done again
 *   pipe, socket   bytes are first put into the relay, a pipe that only loggers use and the master
 *                  keeps, and spliced (splice(2)) from there: what left the relay has arrived
 *   anything else  (a terminal) cannot tell: the write in hand is done again
 *
 * No regular file is written by splice(2): that does not append, and it moves the file's offset without the
 * lock that keeps other writers' lines (2>&1) from being written over it.
 *
 * What fails is tried again: without end for want of memory or of room on the disk (ENOSPC, EDQUOT), for a
 * second with other errors, and not at all if they say that standard output takes no more (EPIPE, EFBIG and
 * the like). A full disk is told of once when it begins and once when all is written; desk->progress.full_at
 * keeps that from one logger to the next, and one that is killed while it speaks is repeated.
 */
#ifndef ECHOD_LOGGER_OUTPUT_H
#define ECHOD_LOGGER_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "common/seat.h"
#include "logger/desk.h"

enum output_kind { OUTPUT_FILE, OUTPUT_STREAM, OUTPUT_OTHER };

struct output {
	struct desk *desk;
	enum output_kind kind;
	int relay_read_fd;
	int relay_write_fd;
	int reread_fd;          /* of a file; -1: what it has cannot be read */
	size_t most_bytes;      /* that one output_write() takes at a time */
	bool is_terminal;       /* which gets little at a time */
	bool appends;           /* to a file: O_APPEND */
	bool gone;              /* it takes no more: what comes is counted as lost */
	uint64_t failing_until; /* when to give up what fails; CLOCK_NEVER: nothing does */
	uint64_t complain_at;   /* when to speak of that again */
	unsigned pause_msecs;   /* before a write that found no room is tried again */
};

/*
 * Finds out what standard output is, before the sandbox: by which system calls C libraries ask differs. A pipe is
 * enlarged if that can be. The relay's ends and the descriptor to read a file by stay the seat's, which tells, too,
 * that a predecessor found that standard output takes no more. -1 with errno, unless it is gone.
 */
int output_open(struct output *output, struct desk *desk, const struct seat *seat);

/*
 * Moves on what a predecessor left in the relay; from then on desk->progress.written is the truth, but for a file
 * (output_settle()). -1 with errno, unless standard output is gone.
 */
int output_resume(struct output *output);

/*
 * For a file, finds out what a predecessor's last write came to, which was of a beginning of these pieces:
 * all that follows `written` in the log, as far as it is in the buffer. -1 with errno. Where standard output is
 * gone, this notes up to where the log has come.
 */
int output_settle(struct output *output, const struct iovec *pieces, size_t count);

/*
 * Writes the pieces, best not more than output->most_bytes together, all of them, waiting as long as it
 * takes, and counts them in desk->progress.written. The pieces are used up. -1 with errno if standard
 * output cannot be written; if that is known, they are lost.
 */
int output_write(struct output *output, struct iovec *pieces, size_t count);

/* Nothing is left to be written for now: if there was no room before, says that there is. */
void output_caught_up(struct output *output);

#endif
