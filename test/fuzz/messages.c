/*
 * The channel: bytes as a message, as the master and a worker take it, and lines that are to be said.
 *
 * The first byte says what the rest is: a message as it lies in the channel, or what follows the beginning of a line.
 */
#include <sys/socket.h>

#include "common/channel.h"
#include "common/diag.h"
#include "common/message.h"
#include "fuzz.h"

enum { FIRST_WORKER, OTHER_WORKER, CONNECTION, MASTER, ORIGINS };

static const uint32_t slots[ORIGINS] = { RECORD_OF_WORKERS, RECORD_OF_WORKERS + 255, 0, RECORD_OF_MASTER };
static const char *const heads[ORIGINS] = { "echod: worker 0: ", "echod: worker 255: ", "echod: [::]:7: ",
					    "echod: " };

/* ---- lines ---- */

static bool is_line_of(int origin, const char *line, size_t length)
{
	const char *head = heads[origin];
	size_t head_length = strlen(head);
	unsigned char most = origin == MASTER ? 0xff : '~';

	if (length <= head_length || length > RECORD_MESSAGE_MAX_BYTES ||
	    memcmp(line, head, head_length) != 0)
		return false;
	for (size_t i = 0; i + 1 < length; i++) {
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f || (unsigned char)line[i] > most)
			return false;
	}
	return line[length - 1] == '\n';
}

/* A line is one of exactly those whose beginning it has. */
static void check_line(const char *line, size_t length)
{
	struct address peer = { .port = 7 };

	for (int i = 0; i < ORIGINS; i++)
		MUST(message_is_sound(slots[i], &peer, line, length) == is_line_of(i, line, length));
}

static void check_begun_line(uint64_t kind, const uint8_t *bytes, size_t count)
{
	char line[2 * RECORD_MESSAGE_MAX_BYTES];
	const char *head = heads[kind % ORIGINS];
	size_t length = strlen(head);

	if (count > RECORD_MESSAGE_MAX_BYTES)
		return;
	memcpy(line, head, length);
	memcpy(line + length, bytes, count);
	length += count;
	check_line(line, length);
	line[length++] = '\n';
	check_line(line, length);
}

/* ---- the channel ---- */

static size_t bytes_of(const struct channel_message *message)
{
	size_t each = message->type == CHANNEL_TEXT ? 1 : sizeof(uint32_t);

	return offsetof(struct channel_message, slots) + each * message->count;
}

static void check_message(const uint8_t *bytes, size_t count)
{
	static int ends[2] = { -1, -1 };
	struct channel_message message;
	bool takes_fd = count % 2 == 0;
	int fd = 0;

	if (ends[0] < 0)
		MUST(channel_open(ends) == 0);
	if (count == 0 || count > sizeof(message) + 1 || send(ends[0], bytes, count, MSG_NOSIGNAL) < 0)
		return;
	switch (channel_receive(ends[1], &message, takes_fd ? &fd : NULL)) {
	case CHANNEL_MESSAGE:
		MUST(bytes_of(&message) == count);
		MUST(fd == (takes_fd ? -1 : 0) && memcmp(bytes, &message, count) == 0);
		if (message.type == CHANNEL_TEXT) {
			MUST(message.count <= CHANNEL_TEXT_BYTES);
			check_line(message.text, message.count);
		} else {
			MUST(message.count <= CHANNEL_SLOTS_MAX);
		}
		break;
	case CHANNEL_FAILED:
		break;
	default:
		MUST(false);
	}
	MUST(channel_receive(ends[1], &message, NULL) == CHANNEL_EMPTY);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	struct source_bytes from = { .next = bytes, .left = count };
	uint64_t kind = fuzz_number(&from, 1);

	if (kind < 0x20)
		check_message(from.next, from.left);
	else
		check_begun_line(kind, from.next, from.left);
	return 0;
}
