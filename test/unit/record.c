/* Records: how they are laid out in blocks, found again, and decided. */
#include "common/record.h"

#include <stdlib.h>
#include <string.h>

#include "logger/verdict.h"
#include "unit.h"

enum { HEADER = sizeof(struct record), LEAST = HEADER + RECORD_NOTE_MAX_BYTES, KEY = 0x5eed };

static void check_fit(void)
{
	/* An empty block takes as much as there is room for after the header. */
	CHECK(record_fit(RECORD_BLOCK_BYTES, 1) == 1);
	CHECK(record_fit(RECORD_BLOCK_BYTES, 1 << 20) == RECORD_PAYLOAD_MAX_BYTES);
	/* What is too long is cut where a line ends. */
	CHECK(record_fit(HEADER + 100, 96) == 96);
	CHECK(record_fit(HEADER + 100, 97) == 96);
	/* The least there can be left takes a whole note. */
	CHECK(record_fit(LEAST, RECORD_NOTE_MAX_BYTES) == RECORD_NOTE_MAX_BYTES);
	CHECK(record_fit(LEAST, 0) == 0);
	/* What is left behind a record is enough for another one with a note, or padding. */
	CHECK(record_padding(HEADER + 10 + LEAST, 10) == 0);
	CHECK(record_padding(HEADER + 10 + LEAST - 1, 10) == LEAST - 1);
	CHECK(record_padding(HEADER + 10, 10) == 0);
}

/* Whatever is laid out, blocks are filled exactly and every record finds room for a header and a note. */
static void check_layouts(unsigned seed)
{
	size_t left = RECORD_BLOCK_BYTES;

	srandom(seed);
	for (int i = 0; i < 2000; i++) {
		size_t wanted = (size_t)random() % (i % 7 == 0 ? 20000 : 200);
		size_t done = 0;

		do {
			size_t fits = record_fit(left, wanted - done);
			size_t padding = record_padding(left, fits);

			CHECK(fits > 0 || wanted == 0);
			CHECK(fits == wanted - done || fits % RECORD_LINE_BYTES == 0);
			CHECK(wanted > RECORD_NOTE_MAX_BYTES || fits == wanted);
			CHECK(padding <= UINT8_MAX && HEADER + fits + padding <= left);
			left -= HEADER + fits + padding;
			if (left == 0)
				left = RECORD_BLOCK_BYTES;
			CHECK(left >= LEAST);
			done += fits;
		} while (done < wanted);
		CHECK(done == wanted);
	}
}

static size_t put(uint8_t *at, uint8_t type, uint16_t length, uint8_t padding)
{
	struct record record = { .key = KEY,
				 .offset = 77,
				 .slot = 3,
				 .generation = 9,
				 .length = length,
				 .padding = padding,
				 .type = type };

	memcpy(at, &record, sizeof(record));
	memset(at + sizeof(record), 'x', length);
	return record_bytes(&record);
}

static void check_find(void)
{
	/* One byte off any alignment, where a record may well lie. */
	static uint8_t memory[1 + RECORD_BLOCK_BYTES];
	uint8_t *at = memory + 1;
	struct record record;
	size_t bytes = put(at, RECORD_DATA, 100, 10);

	CHECK(bytes == HEADER + 110);
	CHECK(record_find(&record, at, bytes, KEY) == RECORD_WHOLE);
	CHECK(record.offset == 77 && record.slot == 3 && record.generation == 9 && record.length == 100);
	for (size_t available = 1; available < bytes; available++)
		CHECK(record_find(&record, at, available, KEY) == RECORD_PARTIAL);
	CHECK(record_find(&record, at, 0, KEY) == RECORD_NONE);
	CHECK(record_find(&record, at, bytes, KEY + 1) == RECORD_NONE);
}

static void check_unsound(void)
{
	static uint8_t at[2 * RECORD_BLOCK_BYTES];
	struct record record;

	put(at, RECORD_OPEN, 0, 0);
	CHECK(record_find(&record, at, sizeof(at), KEY) == RECORD_WHOLE);
	put(at, RECORD_OPEN, 1, 0);
	CHECK(record_find(&record, at, sizeof(at), KEY) == RECORD_NONE);
	put(at, RECORD_DATA, 0, 0);
	CHECK(record_find(&record, at, sizeof(at), KEY) == RECORD_NONE);
	put(at, RECORD_DATA, RECORD_PAYLOAD_MAX_BYTES + 1, 0);
	CHECK(record_find(&record, at, sizeof(at), KEY) == RECORD_NONE);
	put(at, RECORD_MESSAGE, 0, 0);
	CHECK(record_find(&record, at, sizeof(at), KEY) == RECORD_NONE);
	put(at, RECORD_MESSAGE, RECORD_MESSAGE_MAX_BYTES, 0);
	CHECK(record_find(&record, at, sizeof(at), KEY) == RECORD_WHOLE);
	put(at, RECORD_MESSAGE, RECORD_MESSAGE_MAX_BYTES + 1, 0);
	CHECK(record_find(&record, at, sizeof(at), KEY) == RECORD_NONE);
	for (int type = 0; type < 256; type++) {
		size_t known = type == RECORD_OPEN    ? sizeof(struct record_open)
			       : type == RECORD_CLOSE ? sizeof(struct record_close)
			       : type == RECORD_LOST  ? sizeof(struct record_lost)
			       : type == RECORD_START ? sizeof(uint32_t)
						      : SIZE_MAX;

		for (uint16_t bytes = 1; bytes < 100 && type != RECORD_DATA && type != RECORD_MESSAGE;
		     bytes++) {
			put(at, (uint8_t)type, bytes, 0);
			CHECK(record_find(&record, at, sizeof(at), KEY) ==
			      (bytes == known ? RECORD_WHOLE : RECORD_NONE));
		}
	}
}

static void check_decide(void)
{
	static uint8_t memory[1 + RECORD_BLOCK_BYTES];
	uint8_t *at = memory + 1;
	struct record record;
	size_t bytes = put(at, RECORD_DATA, 100, 0);

	record_find(&record, at, bytes, KEY);
	record.skip = 42;
	record.sequence = 4711;
	record.held[0] = 0xe2;
	record.verdict = VERDICT_DECIDED | VERDICT_TAG;
	verdict_write(at, &record);
	memset(&record, 0, sizeof(record));
	CHECK(record_find(&record, at, bytes, KEY) == RECORD_WHOLE);
	CHECK(record.sequence == 4711 && record.held[0] == 0xe2 && record.held[1] == 0);
	CHECK(record.skip == 42 && record.verdict == (VERDICT_DECIDED | VERDICT_TAG) && record.length == 100);
}

int main(void)
{
	check_fit();
	for (unsigned seed = 1; seed <= 20; seed++)
		check_layouts(seed);
	check_find();
	check_unsound();
	check_decide();
	return unit_result();
}
