/* Messages as records in the pipe; the master and the workers write them. See message.h. */
#include "common/message.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/diag.h"
#include "common/record.h"

_Static_assert((int)DIAG_LINE_BYTES <= (int)RECORD_MESSAGE_MAX_BYTES, "a record has room for any message");

enum { PATIENCE_MSECS = 50 };

/* It is no longer than PIPE_BUF, so never written in part (pipe(7)). */
static bool write_patiently(int pipe_fd, const uint8_t *bytes, size_t count)
{
	/* The last message has waited so: while the log stands still one wait is enough. */
	static bool in_vain;
	struct pollfd room = { .fd = pipe_fd, .events = POLLOUT };
	uint64_t until = clock_msecs() + (in_vain ? 0 : PATIENCE_MSECS);

	while (write(pipe_fd, bytes, count) < 0) {
		uint64_t now = clock_msecs();

		if (errno != EINTR && (errno != EAGAIN || now >= until)) {
			in_vain = errno == EAGAIN;
			return false;
		}
		(void)poll(&room, 1, now < until ? (int)(until - now) : 0);
	}
	in_vain = false;
	return true;
}

bool message_send(int pipe_fd, uint64_t key, const struct options *options, const char *line, size_t length)
{
	uint8_t bytes[sizeof(struct record) + RECORD_MESSAGE_MAX_BYTES];
	struct record record = {
		.key = key,
		.type = RECORD_MESSAGE,
		.length = (uint16_t)length,
		.time_usecs = options_show_times(options) ? clock_calendar_usecs() : 0,
	};

	memcpy(bytes, &record, sizeof(record));
	memcpy(bytes + sizeof(record), line, length);
	return write_patiently(pipe_fd, bytes, sizeof(record) + length);
}
