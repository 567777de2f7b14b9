/* What is a record and what is not, whatever a worker has written before, between and into what others write. */
#include "logger/sieve.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

enum { SLOTS = 8, WORKERS = 2, PIPE_BYTES = 1 << 16, PUT_MAX = 4096, HEADER = sizeof(struct record) };

static uint32_t liars[SLOTS];
static struct sieve sieve;
static uint8_t pipe_bytes[PIPE_BYTES];
static size_t filled;

/* The records that must come out, in this order; what a hostile worker speaks for its own client may, too. */
static size_t expected[PUT_MAX];
static size_t expected_count;

/* The hostile worker's is the upper half of the table. */
static bool is_honest(uint32_t slot)
{
	return slot < SLOTS / 2;
}

static struct address peer_of(uint32_t slot)
{
	return (struct address){ .ip = { [10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1 },
				 .port = (uint16_t)(5000 + slot) };
}

static struct record header(uint32_t slot, uint16_t length, uint8_t padding)
{
	struct address peer = peer_of(slot);

	if (padding < RECORD_TAIL_BYTES)
		padding = RECORD_TAIL_BYTES;

	return (struct record){ .mark = RECORD_MARK,
				.type = RECORD_DATA,
				.length = length,
				.padding = padding,
				.peer = peer,
				.slot = slot,
				.generation = 7,
				.seal = record_seal(sieve.key, slot, 7, &peer),
				.offset = 77 };
}

static void put(const void *bytes, size_t count)
{
	memcpy(pipe_bytes + filled, bytes, count);
	filled += count;
}

/* Bytes of which many are those that marks are made of. */
static void put_noise(size_t count)
{
	for (size_t i = 0; i < count; i++)
		pipe_bytes[filled + i] = random() % 8 == 0 ? (uint8_t)random() : RECORD_MARK_BYTE;
	filled += count;
}

/* Completes the record at this place, whose payload is there. */
static void end_record(size_t at)
{
	struct record record;

	memcpy(&record, pipe_bytes + at, sizeof(record));
	record_complete(pipe_bytes + at);
	filled = at + record_bytes(&record);
}

static void put_record(uint32_t slot, uint16_t length, uint8_t padding)
{
	struct record record = header(slot, length, padding);
	size_t at = filled;

	if (is_honest(slot))
		expected[expected_count++] = at;
	put(&record, sizeof(record));
	put_noise(length);
	end_record(at);
}

static void begin(void)
{
	filled = expected_count = 0;
	memset(liars, 0, sizeof(liars));
	memset(sieve.known, 0, sizeof(sieve.known));
}

/* Do the honest ones come out, each once, in order and with nothing but what others may say between? */
static bool come_out(void)
{
	size_t next = 0;
	size_t at = 0;

	for (;;) {
		struct record record;

		at += sieve_find(&sieve, pipe_bytes + at, filled - at, &record);
		if (at == filled)
			return next == expected_count;
		if (is_honest(record.slot)) {
			if (next == expected_count || at != expected[next])
				return false;
			next++;
		}
		at += record_bytes(&record);
	}
}

/* ---- what is a record ---- */

/* Is a record taken that is completed, and of which `missing` bytes are missing then? */
static bool is_taken_without(const struct record *record, const void *payload, size_t missing)
{
	struct record other;

	begin();
	put(record, sizeof(*record));
	put(payload, record->length);
	end_record(0);
	return sieve_find(&sieve, pipe_bytes, filled - missing, &other) == 0;
}

static bool is_taken(const struct record *record, const void *payload)
{
	return is_taken_without(record, payload, 0);
}

static void check_kinds(void)
{
	static const uint8_t payload[RECORD_PAYLOAD_MAX_BYTES + 1];
	struct record good = header(1, 100, 0), record = good;

	CHECK(is_taken(&good, payload));
	/* Not all there. */
	for (size_t missing = 1; missing < record_bytes(&good); missing++)
		CHECK(!is_taken_without(&good, payload, missing));
	record.mark ^= 1;
	CHECK(!is_taken(&record, payload));
	record = good;
	record.slot = 2;
	CHECK(!is_taken(&record, payload));
	record = good;
	record.generation++;
	CHECK(!is_taken(&record, payload));
	record = good;
	record.peer.port++;
	CHECK(!is_taken(&record, payload));
	record = good;
	record.offset = UINT64_MAX - 50;
	CHECK(!is_taken(&record, payload));
	record = good;
	record.time_usecs = UINT64_MAX / 2;
	CHECK(!is_taken(&record, payload));
	record = good;
	record.length = 0;
	CHECK(!is_taken(&record, payload));
	record.length = RECORD_PAYLOAD_MAX_BYTES;
	CHECK(is_taken(&record, payload));
	record.padding++;
	CHECK(!is_taken(&record, payload));
	record = good;
	record.padding--;
	CHECK(!is_taken(&record, payload));
	sieve.peers_are_claimed = true;
	CHECK(!is_taken(&good, payload));
	record = good;
	record.seal = record_seal(sieve.key, 1, 7, NULL);
	record.peer.port++;
	CHECK(is_taken(&record, payload));
	sieve.peers_are_claimed = false;
}

static void check_types(void)
{
	static const uint8_t payload[RECORD_BLOCK_BYTES] = { 1 }; /* a gap is of some bytes */

	for (unsigned type = 0; type < 256; type++) {
		size_t known = type == RECORD_CLOSE  ? sizeof(struct record_close)
			       : type == RECORD_LOST ? sizeof(struct record_lost)
			       : type == RECORD_OPEN ? sizeof(struct record_open)
						     : SIZE_MAX;

		for (uint16_t length = 1; length < 100 && type != RECORD_DATA; length++) {
			struct record record = header(1, length, 0);

			record.type = (uint8_t)type;
			CHECK(is_taken(&record, payload) == (length == known));
		}
	}
}

/* A note that makes no sense. */
static void check_notes(void)
{
	struct record record = header(1, sizeof(struct record_close), 0);
	struct record_close end = { .received = 10, .reason = CLOSE_REASONS - 1 };
	struct record_lost lost = { .bytes = 10 };

	record.type = RECORD_CLOSE;
	CHECK(is_taken(&record, &end));
	end.reason = CLOSE_REASONS;
	CHECK(!is_taken(&record, &end));
	end = (struct record_close){ .received = 10, .unlogged = 11 };
	CHECK(!is_taken(&record, &end));
	end = (struct record_close){ .received = UINT64_MAX };
	CHECK(!is_taken(&record, &end));
	end = (struct record_close){ .duration_usecs = UINT64_MAX / 1000 + 1 };
	CHECK(!is_taken(&record, &end));
	end = (struct record_close){ .lost = RECORD_MARK };
	CHECK(!is_taken(&record, &end));
	record.type = RECORD_LOST;
	record.length = sizeof(lost);
	CHECK(is_taken(&record, &lost));
	lost.bytes = UINT64_MAX;
	CHECK(!is_taken(&record, &lost));
	lost.bytes = 0;
	CHECK(!is_taken(&record, &lost));
	/* What is the reader's is no place for a mark. */
	lost = (struct record_lost){ .bytes = 10, .had = RECORD_MARK };
	CHECK(!is_taken(&record, &lost));
	lost = (struct record_lost){ .bytes = 10, .before = RECORD_MARK };
	CHECK(!is_taken(&record, &lost));
}

static struct record of_process(uint32_t slot, uint8_t type, size_t length)
{
	return (struct record){ .mark = RECORD_MARK,
				.type = type,
				.length = (uint16_t)length,
				.padding = RECORD_TAIL_BYTES,
				.slot = slot,
				.seal = record_seal(sieve.key, slot, 0, NULL) };
}

static bool says(struct record record, const char *line)
{
	record.type = RECORD_MESSAGE;
	record.length = (uint16_t)strlen(line);
	return is_taken(&record, line);
}

static void check_messages(void)
{
	struct record worker = of_process(RECORD_OF_WORKERS + 1, RECORD_MESSAGE, 0);
	struct record forged = worker;

	CHECK(says(worker, "echod: worker 1: in trouble\n"));
	CHECK(!says(worker, "echod: worker 0: in trouble\n"));
	CHECK(!says(worker, "echod: in trouble\n"));
	CHECK(!says(worker, "echod: worker 1: in trouble"));
	CHECK(!says(worker, "echod: worker 1: in\ntrouble\n"));
	CHECK(!says(worker, "echod: worker 1: in \033[2Jtrouble\n"));
	CHECK(says(header(1, 0, 0), "echod: 10.0.0.1:5001: dropping\n"));
	CHECK(!says(header(1, 0, 0), "echod: 10.0.0.1:5002: dropping\n"));
	CHECK(says(of_process(RECORD_OF_MASTER, 0, 0), "echod: upgrade: not now\n"));
	CHECK(!says(of_process(RECORD_OF_WORKERS + WORKERS, 0, 0), "echod: worker 2: in trouble\n"));
	forged.slot = RECORD_OF_MASTER;
	CHECK(!says(forged, "echod: upgrade: not now\n"));
}

/* Only the logger says that the server has started, or ended. */
static void check_own(void)
{
	static const uint32_t pid = 1;
	struct record record = of_process(RECORD_OF_LOGGER, RECORD_START, sizeof(pid));

	CHECK(is_taken(&record, &pid));
	record.length = 0;
	CHECK(!is_taken(&record, &pid));
	record.type = RECORD_STOP;
	CHECK(is_taken(&record, &pid));
	record = of_process(RECORD_OF_WORKERS, RECORD_STOP, 0);
	CHECK(!is_taken(&record, &pid));
}

/* ---- whatever is around it ---- */

/* A header that passes off what others wrote as its payload, cut anywhere, and whatever it claims. */
static void check_swallowing(void)
{
	for (size_t cut = 1; cut <= HEADER + 40; cut++) {
		for (uint16_t length = 1; length < 500; length += 37) {
			struct record record = header(SLOTS - 1, length, 0);
			uint8_t bytes[HEADER + 40];

			memset(bytes, cut % 2 == 0 ? RECORD_MARK_BYTE : 'x', sizeof(bytes));
			memcpy(bytes, &record, sizeof(record));
			begin();
			put_record(1, 20, 0);
			put(bytes, cut);
			put_record(0, 100, 3);
			put_record(2, 60, 0);
			CHECK(come_out());
		}
	}
}

/* A hostile worker's record around one of others, wherever it ends, and with zeros behind. */
static void check_including(void)
{
	for (uint16_t before = 0; before < 60; before++) {
		for (uint16_t length = 1; length < 300; length++) {
			struct record record = header(SLOTS - 1, length, (uint8_t)(length * 7));

			begin();
			put(&record, sizeof(record));
			put_noise(before);
			put_record(1, 30, (uint8_t)length);
			memset(pipe_bytes + filled, 0, 300);
			filled += 300;
			put_record(0, 30, 0);
			CHECK(come_out());
		}
	}
}

/* With a check that is right, but in the padding, of which no check is. */
static void check_padding(void)
{
	struct record record =
		header(SLOTS - 1, 20, (uint8_t)(sizeof(uint64_t) + HEADER + 30 + RECORD_TAIL_BYTES));

	begin();
	put(&record, sizeof(record));
	memset(pipe_bytes + filled, RECORD_MARK_BYTE, record.length);
	record_complete(pipe_bytes);
	filled += record.length + sizeof(uint64_t);
	put_record(1, 30, 0);
	CHECK(filled == record_bytes(&record));
	put_record(0, 30, 0);
	CHECK(come_out());
}

/* A client of an honest worker that knows the hostile one's seals sends records with them, or parts of some. */
static void put_collusion(uint32_t slot)
{
	struct record inner = header(SLOTS - 1, (uint16_t)(1 + random() % 200), (uint8_t)random());
	struct record record;
	size_t at = filled;
	size_t cut = (size_t)random() % (record_bytes(&inner) + 1);

	filled += sizeof(record) + (size_t)random() % 50;
	memset(pipe_bytes + at, 'c', filled - at);
	memcpy(pipe_bytes + filled, &inner, sizeof(inner));
	memset(pipe_bytes + filled + sizeof(inner), 'i', inner.length);
	record_complete(pipe_bytes + filled);
	filled += random() % 2 == 0 ? record_bytes(&inner) : cut;
	record = header(slot, (uint16_t)(filled - at - sizeof(record)), 0);
	if (record.length == 0)
		record.length = 1;
	memcpy(pipe_bytes + at, &record, sizeof(record));
	expected[expected_count++] = at;
	end_record(at);
}

static void check_collusion(unsigned seed)
{
	srandom(seed);
	begin();
	while (filled < PIPE_BYTES - 2000) {
		put_collusion((uint32_t)random() % (SLOTS / 2));
		if (random() % 3 == 0)
			put_noise((size_t)random() %
				  100); /* the hostile worker goes on with what the client began */
	}
	CHECK(come_out());
}

/* A record of slot 1 and this generation with marks in it, and the right check or not: is it taken? */
static bool is_believed(uint32_t generation, bool lies)
{
	struct record record = header(1, 100, 0);
	uint8_t payload[100];
	uint64_t lie = 1;

	record.generation = generation;
	record.seal = record_seal(sieve.key, record.slot, generation, &record.peer);
	memset(payload, RECORD_MARK_BYTE, sizeof(payload));
	filled = 0;
	put(&record, sizeof(record));
	put(payload, sizeof(payload));
	end_record(0);
	if (lies)
		memcpy(pipe_bytes + sizeof(record) + sizeof(payload), &lie, sizeof(lie));
	return sieve_find(&sieve, pipe_bytes, filled, &record) == 0;
}

/* Where a check was wrong none is believed any more, nor of who had the place before; but of who has it later. */
static void check_liars(void)
{
	begin();
	for (uint32_t generation = UINT32_MAX - 2; generation != 3;
	     generation += generation == UINT32_MAX ? 2 : 1) {
		CHECK(is_believed(generation, false));
		CHECK(!is_believed(generation, true));
		CHECK(!is_believed(generation, false));
		CHECK(!is_believed(generation - 4, false));
	}
	sieve_forgive(&sieve);
	CHECK(is_believed(2, false));
}

/* What a PROXY header names may be a mark, in the header itself: then, too, the check must be right. */
static void check_claims(void)
{
	struct record record = header(1, 20, 0), other;
	uint64_t zero = 0;

	sieve.peers_are_claimed = true;
	memset(&record.peer, RECORD_MARK_BYTE, sizeof(record.peer));
	record.seal = record_seal(sieve.key, 1, 7, NULL);
	begin();
	put(&record, sizeof(record));
	memset(pipe_bytes + filled, 'x', record.length);
	end_record(0);
	CHECK(sieve_find(&sieve, pipe_bytes, filled, &other) == 0);
	memcpy(pipe_bytes + sizeof(record) + record.length, &zero, sizeof(zero));
	CHECK(sieve_find(&sieve, pipe_bytes, filled, &other) == filled);
	sieve.peers_are_claimed = false;
}

/* Padding is zeros, to its end and from the check on. */
static void check_zeros(void)
{
	struct record record = header(1, 20, 40), other;

	for (size_t at = sizeof(uint64_t); at < record.padding; at++) {
		begin();
		put(&record, sizeof(record));
		memset(pipe_bytes + filled, 'x', record.length);
		end_record(0);
		CHECK(sieve_find(&sieve, pipe_bytes, filled, &other) == 0);
		pipe_bytes[sizeof(record) + record.length + at] = 1;
		CHECK(sieve_find(&sieve, pipe_bytes, filled, &other) == filled);
	}
}

/* A seal that was found right is so for its peer only. */
static void check_known(void)
{
	static const uint8_t payload[100];
	struct record record = header(1, 100, 0), other;

	CHECK(is_taken(&record, payload));
	record.peer.port++;
	memcpy(pipe_bytes, &record, sizeof(record));
	CHECK(sieve_find(&sieve, pipe_bytes, filled, &other) == filled);
}

/* One piece of what a hostile worker may write. */
static void put_hostile(void)
{
	uint32_t slot = SLOTS / 2 + (uint32_t)random() % (SLOTS / 2);
	struct record record = header(slot, (uint16_t)(1 + random() % 300), (uint8_t)random());

	switch (random() % 5) {
	case 0:
		put_noise((size_t)random() % 200);
		break;
	case 1: /* only its beginning */
		put(&record, (size_t)random() % (HEADER + 1));
		break;
	case 2: /* another's name, without its seal */
		record.slot = (uint32_t)random() % SLOTS / 2;
		put(&record, sizeof(record));
		put_noise((size_t)random() % 300);
		break;
	case 3: /* anything in a header, but for its seal */
		for (int i = 0; i < 4; i++)
			((uint8_t *)&record)[offsetof(struct record, dropped) + (size_t)random() % 6] =
				(uint8_t)random();
		put(&record, sizeof(record));
		break;
	default:
		put_record(slot, record.length, record.padding);
		break;
	}
}

static void check_random(unsigned seed)
{
	srandom(seed);
	begin();
	while (filled < PIPE_BYTES - 2000 && expected_count < PUT_MAX) {
		if (random() % 2 == 0)
			put_hostile();
		else
			put_record((uint32_t)random() % (SLOTS / 2), (uint16_t)(1 + random() % 400),
				   (uint8_t)(random() % 2 * random()));
	}
	CHECK(come_out());
}

int main(void)
{
	sieve = (struct sieve){ .key = { 0x5eed, 1 }, .slots = SLOTS, .workers = WORKERS, .liars = liars };
	check_kinds();
	check_types();
	check_notes();
	check_messages();
	check_own();
	check_swallowing();
	check_including();
	check_padding();
	check_liars();
	check_claims();
	check_zeros();
	check_known();
	for (unsigned seed = 1; seed <= 300; seed++) {
		check_random(seed);
		check_collusion(seed);
	}
	return unit_result();
}
