/* Messages as records in the pipe; the master and the workers write them. See message.h. */
#include "common/message.h"

#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/diag.h"
#include "common/record.h"

_Static_assert((int)DIAG_LINE_BYTES <= (int)RECORD_MESSAGE_MAX_BYTES, "a record has room for any message");

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
	/* It is no longer than PIPE_BUF, so never written in part (pipe(7)). */
	return write(pipe_fd, bytes, sizeof(record) + length) > 0;
}
