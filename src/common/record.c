/* Records: their layout on the pipe, and their seals; every process. See record.h. */
#include "common/record.h"

#include <string.h>

#include "common/mark.h"
#include "common/siphash.h"

/* For each type how much of the payload is the reader's, at its end. */
static const uint16_t reader_bytes[RECORD_TYPES] = {
	[RECORD_LOST] = sizeof(struct record_lost) - offsetof(struct record_lost, had),
	[RECORD_CLOSE] = sizeof(struct record_close) - offsetof(struct record_close, lost),
};

size_t record_fit(size_t left, size_t wanted)
{
	size_t room = left - sizeof(struct record) - RECORD_TAIL_BYTES;

	room -= room % RECORD_LINE_BYTES;
	return wanted < room ? wanted : room;
}

size_t record_padding(size_t left, size_t length)
{
	size_t behind = left - sizeof(struct record) - length;

	return behind < RECORD_TAIL_BYTES + RECORD_LEAST_BYTES ? behind : RECORD_TAIL_BYTES;
}

size_t record_bytes(const struct record *record)
{
	return sizeof(*record) + record->length + record->padding;
}

uint64_t record_seal(const uint64_t key[2], uint32_t slot, uint32_t generation, const struct address *peer)
{
	uint64_t words[4] = { (uint64_t)slot << 32 | generation };

	if (peer != NULL) {
		memcpy(words + 1, peer->ip, sizeof(peer->ip));
		words[3] = peer->port;
	}
	return siphash(key, words, sizeof(words) / sizeof(words[0])) | UINT64_C(0x0100000000000001);
}

uint64_t record_check(const uint8_t *at, const struct record *record)
{
	uint64_t key[2] = { record->seal, RECORD_MARK };
	uint64_t words[RECORD_BLOCK_BYTES / sizeof(uint64_t)];
	size_t bytes = sizeof(*record) - RECORD_MARK_BYTES + record->length - reader_bytes[record->type];
	size_t count = (bytes + sizeof(words[0]) - 1) / sizeof(words[0]);

	words[count - 1] = 0;
	memcpy(words, at + RECORD_MARK_BYTES, bytes);
	return siphash(key, words, count) | 1;
}

uint64_t record_check_of(const uint8_t *at, const struct record *record)
{
	uint64_t check;

	memcpy(&check, at + sizeof(*record) + record->length, sizeof(check));
	return check;
}

void record_complete(uint8_t *at)
{
	struct record record;
	size_t end;

	memcpy(&record, at, sizeof(record));
	end = sizeof(record) + record.length;
	memset(at + end, 0, record.padding);
	if (mark_find(at, RECORD_MARK_BYTES, end) < end) {
		uint64_t check = record_check(at, &record);

		memcpy(at + end, &check, sizeof(check));
	}
}
