/* Records: how they are laid out in blocks, found again, and decided. */
#include "common/record.h"

#include <stdlib.h>
#include <string.h>

#include "logger/verdict.h"
#include "unit.h"

enum { HEADER = sizeof(struct record), KEY = 0x5eed };

static void check_fit(void)
{
	size_t padding;

	/* An empty block takes as much as there is room for after the header. */
	CHECK(record_fit(RECORD_BLOCK_BYTES, 1, &padding) == 1 && padding == 0);
	CHECK(record_fit(RECORD_BLOCK_BYTES, 1 << 20, &padding) == RECORD_PAYLOAD_MAX_BYTES && padding == 0);
	/* What is left behind a record is enough for another one, or padding. */
	CHECK(record_fit(3 * HEADER, HEADER - 1, &padding) == HEADER - 1 && padding == 0);
	CHECK(record_fit(3 * HEADER, HEADER, &padding) == HEADER && padding == HEADER);
	CHECK(record_fit(3 * HEADER, 2 * HEADER - 1, &padding) == 2 * HEADER - 1 && padding == 1);
	CHECK(record_fit(3 * HEADER, 2 * HEADER, &padding) == 2 * HEADER && padding == 0);
	/* The least there can be left takes one byte, or the record of none. */
	CHECK(record_fit(HEADER + 1, 9, &padding) == 1 && padding == 0);
	CHECK(record_fit(HEADER + 1, 0, &padding) == 0 && padding == 1);
}

/* Whatever is laid out, blocks are filled exactly and every record finds room for a header and a byte. */
static void check_layouts(unsigned seed)
{
	size_t left = RECORD_BLOCK_BYTES;

	srandom(seed);
	for (int i = 0; i < 2000; i++) {
		size_t wanted = (size_t)random() % (i % 7 == 0 ? 20000 : 200);
		size_t done = 0;

		do {
			size_t padding;
			size_t length = record_fit(left, wanted - done, &padding);

			CHECK(length > 0 || wanted == 0);
			CHECK(HEADER + length + padding <= left);
			left -= HEADER + length + padding;
			if (left == 0)
				left = RECORD_BLOCK_BYTES;
			CHECK(left > HEADER);
			done += length;
		} while (done < wanted);
		CHECK(done == wanted);
	}
}

static size_t put(uint8_t *at, uint8_t type, uint16_t length, uint16_t padding)
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
	put(at, 0, 1, 0);
	CHECK(record_find(&record, at, sizeof(at), KEY) == RECORD_NONE);
}

static void check_decide(void)
{
	static uint8_t memory[1 + RECORD_BLOCK_BYTES];
	uint8_t *at = memory + 1;
	struct record record;
	size_t bytes = put(at, RECORD_DATA, 100, 0);

	verdict_write(at, 42, VERDICT_DECIDED | VERDICT_TAG);
	CHECK(record_find(&record, at, bytes, KEY) == RECORD_WHOLE);
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
