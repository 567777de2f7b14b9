/*
 * Messages to the user; any process calls this.
 *
 * A message is one line and one write, so that lines of several processes never mix, and it is written only
 * if stderr has room for it.
 */
#include "common/diag.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"

enum {
	ATTEMPTS_MAX = 8, /* a call that a signal interrupts is repeated so many times */
	SELDOM_MSECS = 10000,
};

static const char cut_mark[] = "...";

static diag_route *offer;
static const void *offer_context;

void diag_through(diag_route *route, const void *context)
{
	offer = route;
	offer_context = context;
}

/*
 * Has stderr room for a line? A reader that is gone counts as no room: writing would raise SIGPIPE. If that
 * cannot be found out, the message counts for more.
 */
static bool stderr_has_room(void)
{
	struct pollfd target = { .fd = STDERR_FILENO, .events = POLLOUT };

	for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
		if (poll(&target, 1, 0) >= 0)
			return target.revents == POLLOUT;
		if (errno != EINTR)
			return true;
	}
	return false;
}

void diag_straight(const char *line, size_t length)
{
	if (!stderr_has_room())
		return;
	for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
		/* A message that cannot be written has nowhere to be reported. */
		if (write(STDERR_FILENO, line, length) >= 0 || errno != EINTR)
			return;
	}
}

static void write_line(const char *line, size_t length)
{
	if (offer == NULL || !offer(offer_context, line, length))
		diag_straight(line, length);
}

/* Writes the formatted message into text, cut to at most room bytes and a NUL; returns its length. */
static size_t format_message(char *text, size_t room, const char *format, va_list arguments)
{
	int wanted = vsnprintf(text, room + 1, format, arguments);

	if (wanted < 0) {
		text[0] = '\0';
		return 0;
	}
	if ((size_t)wanted <= room)
		return (size_t)wanted;
	memcpy(text + room - strlen(cut_mark), cut_mark, strlen(cut_mark));
	return room;
}

static void hide_control_characters(char *text, size_t length)
{
	for (size_t at = 0; at < length; at++) {
		if ((unsigned char)text[at] < ' ' || text[at] == '\x7f')
			text[at] = '?';
	}
}

/* Writes prefix, message, separator and reason as one line; a message that is too long is cut, not the reason. */
static void write_message(const char *separator, const char *reason, const char *format, va_list arguments)
{
	char line[DIAG_LINE_BYTES + 1];
	size_t tail = strlen(separator) + strlen(reason) + strlen("\n");
	size_t length = strlen(DIAG_PREFIX);

	memcpy(line, DIAG_PREFIX, length);
	length += format_message(line + length, DIAG_LINE_BYTES - tail - length, format, arguments);
	length += (size_t)snprintf(line + length, sizeof(line) - length, "%s%s", separator, reason);
	hide_control_characters(line, length);
	line[length++] = '\n';
	write_line(line, length);
}

void diag(const char *format, ...)
{
	int saved_errno = errno;
	va_list arguments;

	va_start(arguments, format);
	write_message("", "", format, arguments);
	va_end(arguments);
	errno = saved_errno;
}

void diag_errno(const char *format, ...)
{
	int saved_errno = errno;
	va_list arguments;

	va_start(arguments, format);
	write_message(": ", strerror(saved_errno), format, arguments);
	va_end(arguments);
	errno = saved_errno;
}

/* May something that goes wrong again and again be spoken of now? */
static bool is_time(uint64_t *next_at)
{
	if (!clock_reached(*next_at))
		return false;
	*next_at = clock_msecs() + SELDOM_MSECS;
	return true;
}

void diag_seldom(uint64_t *next_at, const char *format, ...)
{
	int saved_errno = errno;
	va_list arguments;

	va_start(arguments, format);
	if (is_time(next_at))
		write_message("", "", format, arguments);
	va_end(arguments);
	errno = saved_errno;
}

void diag_errno_seldom(uint64_t *next_at, const char *format, ...)
{
	int saved_errno = errno;
	va_list arguments;

	va_start(arguments, format);
	if (is_time(next_at))
		write_message(": ", strerror(saved_errno), format, arguments);
	va_end(arguments);
	errno = saved_errno;
}
