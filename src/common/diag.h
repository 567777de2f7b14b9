/*
 * Messages to the user: one line and one write each, on standard error, starting with "echod: ".
 *
 * A message does not stall the process that writes it: if stderr is a pipe with no room or no reader,
 * the message is lost, not the service. Only if another process takes the last room in the instant
 * between looking and writing, or poll(2) fails, does the message wait for a reader.
 */
#ifndef ECHOD_DIAG_H
#define ECHOD_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIAG_PREFIX "echod: "

enum { DIAG_LINE_BYTES = 1024 }; /* at most, with "echod: " and the newline */

/*
 * Writes DIAG_PREFIX and the formatted message, a line of at most DIAG_LINE_BYTES, to stderr.
 * Keeps errno. Control characters in the message come out as '?', so that no argument can break or
 * forge a line.
 */
void diag(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, followed by ": " and the text of errno. */
void diag_errno(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * As diag() and diag_errno(), but for what may go wrong again and again: at most once in ten seconds, which
 * *next_at keeps (an instant of clock.h; 0 at first).
 */
void diag_seldom(uint64_t *next_at, const char *format, ...) __attribute__((format(printf, 2, 3)));
void diag_errno_seldom(uint64_t *next_at, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Takes over a line with its newline, to be shown by other means; false: it cannot, and stderr is to have it. */
typedef bool diag_route(const void *context, const char *line, size_t length);

/*
 * From now on each message of this process is offered to the route first, with this context; NULL: none is, as at
 * first. A fork inherits it.
 */
void diag_through(diag_route *route, const void *context);

/* Writes a line with its newline, as it is, to stderr itself, if that has room. */
void diag_straight(const char *line, size_t length);

#endif
