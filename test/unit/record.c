/* Records: how they are laid out in blocks, their seals and their checks. */
#include "common/record.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

enum { HEADER = sizeof(struct record), TAIL = RECORD_TAIL_BYTES, LEAST = RECORD_LEAST_BYTES };

static void check_fit(void)
{
	/* An empty block takes as much as there is room for after the header. */
	CHECK(record_fit(RECORD_BLOCK_BYTES, 1) == 1);
	CHECK(record_fit(RECORD_BLOCK_BYTES, 1 << 20) == RECORD_PAYLOAD_MAX_BYTES);
	/* What is too long is cut where a line ends. */
	CHECK(record_fit(HEADER + 100 + TAIL, 96) == 96);
	CHECK(record_fit(HEADER + 100 + TAIL, 97) == 96);
	/* The least there can be left takes a whole note. */
	CHECK(record_fit(LEAST, RECORD_NOTE_MAX_BYTES) == RECORD_NOTE_MAX_BYTES);
	CHECK(record_fit(LEAST, 0) == 0);
	/* What is left behind a record is enough for another one with a note, or padding. */
	CHECK(record_padding(HEADER + 10 + TAIL + LEAST, 10) == TAIL);
	CHECK(record_padding(HEADER + 10 + TAIL + LEAST - 1, 10) == TAIL + LEAST - 1);
	CHECK(record_padding(HEADER + 10 + TAIL, 10) == TAIL);
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
			CHECK(padding >= TAIL && padding <= UINT8_MAX && HEADER + fits + padding <= left);
			left -= HEADER + fits + padding;
			if (left == 0)
				left = RECORD_BLOCK_BYTES;
			CHECK(left >= LEAST);
			done += fits;
		} while (done < wanted);
		CHECK(done == wanted);
	}
}

/* A seal is of one connection, or process, and of one peer. */
static void check_seal(void)
{
	static const uint64_t key[2] = { 1, 2 }, other_key[2] = { 1, 3 };
	struct address peer = { .ip = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 }, .port = 5000 };
	struct address other = peer;
	uint64_t seal = record_seal(key, 3, 9, &peer);

	CHECK(record_seal(key, 3, 9, &peer) == seal);
	CHECK(record_seal(other_key, 3, 9, &peer) != seal);
	CHECK(record_seal(key, 4, 9, &peer) != seal);
	CHECK(record_seal(key, 3, 10, &peer) != seal);
	CHECK(record_seal(key, 3, 9, NULL) != seal);
	other.port++;
	CHECK(record_seal(key, 3, 9, &other) != seal);
	for (size_t i = 0; i < sizeof(peer.ip); i++) {
		other = peer;
		other.ip[i] ^= 1;
		CHECK(record_seal(key, 3, 9, &other) != seal);
	}
}

/* A seal neither goes on with a mark before it nor begins one. */
static void check_seal_ends(void)
{
	for (uint64_t i = 0; i < 10000; i++) {
		uint64_t seal = record_seal((uint64_t[2]){ i, 1 }, 0, 1, NULL);
		uint8_t ends[sizeof(seal)];

		memcpy(ends, &seal, sizeof(seal));
		CHECK(ends[0] != RECORD_MARK_BYTE && ends[sizeof(seal) - 1] != RECORD_MARK_BYTE);
	}
}

static uint8_t written[RECORD_BLOCK_BYTES];

/* A record of these header fields and this payload, completed; returns its check. */
static uint64_t check_of(struct record record, const void *payload)
{
	static const uint8_t zeros[UINT8_MAX];
	uint64_t check;

	record.mark = RECORD_MARK;
	record.seal = record_seal((uint64_t[2]){ 1, 2 }, record.slot, record.generation, NULL);
	memset(written, 'x', sizeof(written));
	memcpy(written, &record, sizeof(record));
	memcpy(written + HEADER, payload, record.length);
	record_complete(written);
	memcpy(&check, written + HEADER + record.length, sizeof(check));
	CHECK(check == 0 || check == record_check(written, &record));
	CHECK(memcmp(written, &record, HEADER) == 0 && memcmp(written + HEADER, payload, record.length) == 0);
	CHECK(memcmp(written + HEADER + record.length + sizeof(check), zeros,
		     record.padding - sizeof(check)) == 0);
	CHECK(written[record_bytes(&record)] == 'x');
	return check;
}

/* Only a record in which there is a mark, wherever, has a check, and it is of every byte. */
static void check_check(void)
{
	struct record record = { .type = RECORD_DATA, .length = 100, .padding = TAIL, .generation = 1 };
	uint8_t payload[100] = { 0 };
	uint64_t check;

	CHECK(check_of(record, payload) == 0);
	for (size_t at = 0; at + RECORD_MARK_BYTES <= sizeof(payload); at++) {
		memset(payload, 0, sizeof(payload));
		memset(payload + at, RECORD_MARK_BYTE, RECORD_MARK_BYTES);
		CHECK(check_of(record, payload) != 0);
		payload[at + 3]--;
		CHECK(check_of(record, payload) == 0);
	}
	/* One whose end is missing is not one. */
	memset(payload, 0, sizeof(payload));
	memset(payload + sizeof(payload) - 7, RECORD_MARK_BYTE, 7);
	CHECK(check_of(record, payload) == 0);
	memset(payload, RECORD_MARK_BYTE, sizeof(payload));
	check = check_of(record, payload);
	for (size_t at = 0; at < sizeof(payload); at++) {
		payload[at]--;
		CHECK(check_of(record, payload) != check);
		payload[at]++;
	}
	record.padding = UINT8_MAX;
	CHECK(check_of(record, payload) != check);
	/* Whom a PROXY header names is the client's to say. */
	record = (struct record){ .type = RECORD_OPEN, .padding = TAIL, .generation = 1 };
	CHECK(check_of(record, "") == 0);
	memset(record.peer.ip, RECORD_MARK_BYTE, sizeof(record.peer.ip));
	CHECK(check_of(record, "") != 0);
}

/* What the reader writes into a note does not change its check. */
static void check_reader_fields(void)
{
	struct record record = { .padding = TAIL, .generation = 1 };
	struct record_lost lost = { .bytes = 1 };
	struct record_close end = { .received = 1 };
	uint64_t check;

	memset(record.peer.ip, RECORD_MARK_BYTE, sizeof(record.peer.ip));
	record.type = RECORD_LOST;
	record.length = sizeof(lost);
	check = check_of(record, &lost);
	lost.had = lost.before = 2;
	CHECK(check != 0 && check_of(record, &lost) == check);
	lost.bytes++;
	CHECK(check_of(record, &lost) != check);
	record.type = RECORD_CLOSE;
	record.length = sizeof(end);
	check = check_of(record, &end);
	end.lost = 2;
	CHECK(check != 0 && check_of(record, &end) == check);
	end.reason++;
	CHECK(check_of(record, &end) != check);
}

int main(void)
{
	check_fit();
	for (unsigned seed = 1; seed <= 20; seed++)
		check_layouts(seed);
	check_seal();
	check_seal_ends();
	check_check();
	check_reader_fields();
	return unit_result();
}
