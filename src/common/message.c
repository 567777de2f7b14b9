/* Messages on their way: the master and the workers send them, the master and the logger take them. See message.h. */
#include "common/message.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/clock.h"
#include "common/diag.h"
#include "common/record.h"

_Static_assert((int)DIAG_LINE_BYTES <= (int)RECORD_MESSAGE_MAX_BYTES, "a record has room for any message");
_Static_assert(sizeof(DIAG_PREFIX) + ADDRESS_TEXT_BYTES + 2 <= MESSAGE_HEAD_BYTES, "and its beginning, too");

enum { PATIENCE_MSECS = 50 };

size_t message_head(uint32_t slot, const struct address *peer, char text[MESSAGE_HEAD_BYTES])
{
	size_t length = strlen(DIAG_PREFIX);

	memcpy(text, DIAG_PREFIX, sizeof(DIAG_PREFIX));
	if (slot < RECORD_OF_WORKERS) {
		length += address_text(peer, text + length);
		memcpy(text + length, ": ", sizeof(": "));
		length += strlen(": ");
	} else if (slot < RECORD_OF_LOGGER) {
		length += (size_t)snprintf(text + length, MESSAGE_HEAD_BYTES - length,
					   "worker %u: ", slot - RECORD_OF_WORKERS);
	}
	return length;
}

bool message_is_sound(uint32_t slot, const struct address *peer, const char *line, size_t length)
{
	char head[MESSAGE_HEAD_BYTES];
	size_t head_length = message_head(slot, peer, head);

	if (length <= head_length || length > RECORD_MESSAGE_MAX_BYTES || line[length - 1] != '\n' ||
	    memcmp(line, head, head_length) != 0)
		return false;
	for (size_t at = head_length; at < length - 1; at++) {
		unsigned char byte = (unsigned char)line[at];

		if (byte < ' ' || byte == 0x7f || (byte > 0x7f && slot < RECORD_OF_LOGGER))
			return false;
	}
	return true;
}

/*
 * Until when a message waits for room. Each way that messages go keeps whether the last one has waited there in vain:
 * while nothing moves one wait is enough.
 */
static uint64_t patience(bool in_vain)
{
	return clock_msecs() + (in_vain ? 0 : PATIENCE_MSECS);
}

/* After a call that failed for want of room: waits for some, and has it tried again. False if it has waited enough. */
static bool try_again(int fd, uint64_t until, bool *in_vain)
{
	struct pollfd room = { .fd = fd, .events = POLLOUT };
	uint64_t now = clock_msecs();

	if (errno != EINTR && (errno != EAGAIN || now >= until)) {
		*in_vain = errno == EAGAIN;
		return false;
	}
	(void)poll(&room, 1, now < until ? (int)(until - now) : 0);
	return true;
}

bool message_tell(int channel_fd, uint64_t about, const char *line, size_t length)
{
	struct channel_message message = { .type = CHANNEL_TEXT, .count = (uint32_t)length, .about = about };
	static bool in_vain;
	uint64_t until = patience(in_vain);

	memcpy(message.text, line, length);
	while (channel_send(channel_fd, &message, -1) != 0) {
		if (!try_again(channel_fd, until, &in_vain))
			return false;
	}
	in_vain = false;
	return true;
}

/* It is no longer than PIPE_BUF, so never written in part (pipe(7)). */
static bool write_whole(int pipe_fd, const uint8_t *bytes, size_t count)
{
	while (write(pipe_fd, bytes, count) < 0) {
		if (errno != EINTR)
			return false;
	}
	return true;
}

bool message_send(int pipe_fd, const struct record *origin, const struct options *options, const char *line,
		  size_t length)
{
	uint8_t bytes[sizeof(struct record) + RECORD_MESSAGE_MAX_BYTES + RECORD_TAIL_BYTES];
	struct record record = {
		.mark = RECORD_MARK,
		.type = RECORD_MESSAGE,
		.length = (uint16_t)length,
		.padding = RECORD_TAIL_BYTES,
		.peer = origin->peer,
		.slot = origin->slot,
		.generation = origin->generation,
		.seal = origin->seal,
		.time_usecs = options_show_times(options) ? clock_calendar_usecs() : 0,
	};

	memcpy(bytes, &record, sizeof(record));
	memcpy(bytes + sizeof(record), line, length);
	record_complete(bytes);
	return write_whole(pipe_fd, bytes, record_bytes(&record));
}

bool message_send_patiently(int pipe_fd, const struct record *origin, const struct options *options,
			    const char *line, size_t length)
{
	static bool in_vain;
	uint64_t until = patience(in_vain);

	while (!message_send(pipe_fd, origin, options, line, length)) {
		if (!try_again(pipe_fd, until, &in_vain))
			return false;
	}
	in_vain = false;
	return true;
}
