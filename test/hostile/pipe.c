/* Writing into the pipe to the logger what is no record, or is one that should not be. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/clock.h"
#include "common/commit.h"
#include "common/diag.h"
#include "hostile.h"

enum { TIMES = 2000, FLOOD_MSECS = 1000, FAR_BYTES = 1 << 20 };

static uint8_t bytes[RECORD_BLOCK_BYTES];

/* The pipe takes so many bytes at once, or is full for the moment. */
static void put(const struct seat *seat, size_t count)
{
	struct pollfd room = { .fd = seat->pipe_fd, .events = POLLOUT };

	while (write(seat->pipe_fd, bytes, count) < 0 && errno == EAGAIN)
		(void)poll(&room, 1, -1);
}

/* A whole record, whose payload lies where it belongs. */
static void put_record(const struct seat *seat, const struct record *record)
{
	memcpy(bytes, record, sizeof(*record));
	record_complete(bytes);
	put(seat, record_bytes(record));
}

static void fill(uint8_t with)
{
	memset(bytes, with, sizeof(bytes));
}

static void garbage(const struct seat *seat, uint32_t slot)
{
	(void)slot;
	for (int i = 0; i < TIMES; i++) {
		for (size_t at = 0; at < sizeof(bytes); at++)
			bytes[at] = (uint8_t)random();
		put(seat, 1 + (size_t)random() % sizeof(bytes));
	}
}

static void marks(const struct seat *seat, uint32_t slot)
{
	(void)slot;
	fill(RECORD_MARK_BYTE);
	for (int i = 0; i < TIMES; i++)
		put(seat, 1 + (size_t)random() % sizeof(bytes));
}

/* As fast as it can, so that there is ever less room for others. */
static void flood(const struct seat *seat, uint32_t slot)
{
	uint64_t until = clock_msecs() + FLOOD_MSECS;

	(void)slot;
	fill(0);
	while (!clock_reached(until))
		(void)!write(seat->pipe_fd, bytes, sizeof(bytes));
}

/* In the name of another worker's client, with the seal that it has. */
static void forge(const struct seat *seat, uint32_t slot)
{
	struct record record = record_of_client(seat, slot, 100);
	uint32_t slots = part_of(seat)->plan.slot_count;

	fill('F');
	for (uint32_t i = 0; i < TIMES; i++) {
		record.slot = (1 - seat->number) * slots + i % 8;
		record.generation = 1 + i / 8 % 3;
		put_record(seat, &record);
	}
}

/* Only the beginning of a record of its own, that what others write becomes its bytes. */
static void swallow(const struct seat *seat, uint32_t slot)
{
	struct record record = record_of_client(seat, slot, 0);

	for (int i = 0; i < TIMES; i++) {
		record.length = (uint16_t)(1 + random() % RECORD_PAYLOAD_MAX_BYTES);
		memcpy(bytes, &record, sizeof(record));
		put(seat, sizeof(record));
	}
}

/* Tells its client a whole record with its seal, which he may send to other workers. */
static void tell_seal(const struct seat *seat, uint32_t slot)
{
	static const char words[] = "forged words";
	struct record record = record_of_client(seat, slot, sizeof(words) - 1);

	memcpy(bytes, &record, sizeof(record));
	memcpy(bytes + sizeof(record), words, sizeof(words) - 1);
	record_complete(bytes);
	(void)!send(client_fd(), bytes, record_bytes(&record), MSG_NOSIGNAL);
}

/* Far ahead in its own client's stream. */
static void jump(const struct seat *seat, uint32_t slot)
{
	struct record record = record_of_client(seat, slot, 4);

	fill('J');
	record.offset = UINT64_C(1) << 40;
	put_record(seat, &record);
	record.offset = UINT64_MAX - 2;
	put_record(seat, &record);
}

/* Headers in which one thing or another cannot be. */
static void nonsense(const struct seat *seat, uint32_t slot)
{
	fill('N');
	for (int i = 0; i < TIMES; i++) {
		struct record record = record_of_client(seat, slot, 100);
		uint8_t *header = (uint8_t *)&record;

		/* Not its mark, nor what the seal is of. */
		header[offsetof(struct record, dropped) + (size_t)random() % 6] = (uint8_t)random();
		header[offsetof(struct record, offset) + (size_t)random() % 16] = (uint8_t)random();
		memcpy(bytes, header, sizeof(record));
		put(seat, sizeof(record) + 100);
	}
}

/* What a logger without a check would come upon in its arrays. */
static void reasons(const struct seat *seat, uint32_t slot)
{
	struct record record = record_of_client(seat, slot, sizeof(struct record_close));
	struct record_close end = { .reason = UINT64_MAX, .unlogged = UINT64_MAX };

	record.type = RECORD_CLOSE;
	memcpy(bytes + sizeof(record), &end, sizeof(end));
	put_record(seat, &record);
}

/* That the server has started anew, or ended. */
static void stop(const struct seat *seat, uint32_t slot)
{
	struct record record = record_of_client(seat, slot, 0);

	record.type = RECORD_STOP;
	put_record(seat, &record);
	record.slot = RECORD_OF_LOGGER;
	record.generation = 0;
	record.seal = seat->message_seal;
	put_record(seat, &record);
}

/* A message in another's name. */
static void message(const struct seat *seat, uint32_t slot)
{
	static const char line[] = DIAG_PREFIX "127.0.0.1:1: closed, forged\n";
	struct record record = record_of_client(seat, slot, sizeof(line) - 1);

	record.type = RECORD_MESSAGE;
	memcpy(bytes + sizeof(record), line, sizeof(line) - 1);
	put_record(seat, &record);
	record.slot = RECORD_OF_WORKERS + seat->number;
	record.generation = 0;
	record.seal = seat->message_seal;
	memset(&record.peer, 0, sizeof(record.peer));
	put_record(seat, &record);
}

/* Never finishes, and has always something to say. */
static void keep_moving(const struct seat *seat, uint32_t slot)
{
	struct record record = record_of_client(seat, slot, 1);

	for (;;) {
		put_record(seat, &record);
		record.offset++;
		(void)poll(NULL, 0, 50);
	}
}

/* Has the master keep those who come next, and speaks for the first of them. */
static void forge_unsent(const struct seat *seat, uint32_t slot)
{
	static const char words[] = "forged words";
	struct channel_message refused = { .type = CHANNEL_REFUSED, .count = 1, .slots = { slot } };
	const struct part *part = part_of(seat);
	uint32_t next = committed(&part->plan.reach);
	struct record record;

	(void)channel_send_patiently(seat->channel_fd, &refused);
	say_word(seat, "refusing");
	while (committed(&part->plan.reach) == next) {
		(void)channel_send_patiently(seat->channel_fd, &refused);
		(void)poll(NULL, 0, 10);
	}
	record = record_of_client(seat, next, 0);
	record.type = RECORD_OPEN;
	put_record(seat, &record);
	record = record_of_client(seat, next, sizeof(words));
	memcpy(bytes + sizeof(record), words, sizeof(words));
	put_record(seat, &record);
	_exit(1);
}

/* Speaks for clients that it never had, and tells its own what they have sent, by what is left of them in its memory. */
static void recall(const struct seat *seat, uint32_t slot)
{
	static const char words[] = "forged words";
	struct part *part = part_of(seat);
	const uint8_t *end = (uint8_t *)part + part->plan.rings_at - sizeof(struct record);
	struct record record, own = record_of_client(seat, slot, 0);

	for (const uint8_t *at = (uint8_t *)part->slots; at <= end; at++) {
		memcpy(&record, at, sizeof(record));
		if (record.mark != RECORD_MARK || record.type != RECORD_DATA || record.seal == own.seal)
			continue;
		(void)!send(client_fd(), at + sizeof(record), record.length, MSG_NOSIGNAL);
		record.offset += FAR_BYTES;
		record.length = sizeof(words);
		record.padding = RECORD_TAIL_BYTES;
		record.dropped = 0;
		memcpy(bytes + sizeof(record), words, sizeof(words));
		put_record(seat, &record);
	}
	(void)!send(client_fd(), "all", 3, MSG_NOSIGNAL);
}

const struct deed pipe_deeds[] = {
	{ "recall", recall },
	{ "garbage", garbage },
	{ "marks", marks },
	{ "flood", flood },
	{ "forge", forge },
	{ "swallow", swallow },
	{ "tell-seal", tell_seal },
	{ "forge-unsent", forge_unsent },
	{ "jump", jump },
	{ "nonsense", nonsense },
	{ "reasons", reasons },
	{ "stop", stop },
	{ "keep-moving", keep_moving },
	{ "forge-message", message },
	{ NULL, NULL },
};
