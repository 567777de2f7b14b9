/*
 * Bytes out of the pipe: the records of honest processes come out whole and in order, whatever lies between, and a
 * hostile worker speaks for nobody but itself and its clients.
 *
 * The input is a list of pieces: a byte says of what kind, another how long it is. The key comes of the input, too:
 * libFuzzer sees what is compared, and so would know the seals of the input that it tries next.
 */
#include "common/message.h"
#include "common/siphash.h"
#include "fuzz.h"
#include "logger/sieve.h"

enum { HONEST, HOSTILE, WORKERS }; /* each has the slot of its number */
enum { PIECES_MAX = 64, PIPE_BYTES = 1 << 16 };

static uint8_t pipe_bytes[PIPE_BYTES];
static size_t filled;
static size_t honest[PIECES_MAX];
static size_t honest_count;

static uint32_t liars[WORKERS];
static struct sieve sieve;

static void begin(const uint8_t *bytes, size_t count)
{
	uint64_t word = count;

	sieve = (struct sieve){ .key = { 0x5eed, 1 }, .slots = WORKERS, .workers = WORKERS, .liars = liars };
	memset(liars, 0, sizeof(liars));
	for (size_t i = 0; i < count; i++) {
		word = word << 8 ^ bytes[i];
		sieve.key[0] = siphash(sieve.key, &word, 1);
	}
	sieve.peers_are_claimed = count % 2 != 0;
	filled = honest_count = 0;
}

static void put(const void *bytes, size_t count)
{
	memcpy(pipe_bytes + filled, bytes, count);
	filled += count;
}

/* Bytes as they come. */
static void put_input(struct source_bytes *from, size_t count)
{
	count = count < from->left ? count : from->left;
	put(from->next, count);
	from->next += count;
	from->left -= count;
}

/* ---- what is written with a seal ---- */

/* What a worker may say it is: a process if it is a message of its own, else its client. */
static struct record header(uint32_t worker, uint8_t type, bool of_process)
{
	struct record record = { .mark = RECORD_MARK, .type = type, .slot = worker };

	if (of_process) {
		record.slot += RECORD_OF_WORKERS;
	} else {
		record.generation = 1;
		record.peer.port = (uint16_t)(5000 + worker);
	}
	record.seal = record_seal(sieve.key, record.slot, record.generation,
				  sieve.peers_are_claimed && !of_process ? NULL : &record.peer);
	return record;
}

static void put_line(struct source_bytes *from, const struct record *record, size_t length)
{
	char head[MESSAGE_HEAD_BYTES];
	size_t at = message_head(record->slot, &record->peer, head);

	put(head, at);
	at = filled;
	put_input(from, length);
	for (; at < filled; at++)
		pipe_bytes[at] =
			' ' + pipe_bytes[at] % ('~' - ' ' + 1); /* ASCII without control characters */
	put("\n", 1);
}

/* Completes the record at `at`, of which the payload is all that was put behind its header. */
static void end_record(size_t at, struct record record, size_t padding)
{
	record.length = (uint16_t)(filled - at - sizeof(record));
	record.padding = (uint8_t)padding;
	memcpy(pipe_bytes + at, &record, sizeof(record));
	record_complete(pipe_bytes + at);
	filled += padding;
}

/* The beginning of a record of the hostile worker's, of which one byte and the length are anything. */
static void put_spoilt(struct source_bytes *from, size_t length)
{
	struct record record = header(HOSTILE, RECORD_DATA, false);
	size_t at = fuzz_number(from, 1) % sizeof(record);

	record.length = (uint16_t)(1 + length * 16);
	record.padding = RECORD_TAIL_BYTES;
	((uint8_t *)&record)[at] = (uint8_t)fuzz_number(from, 1);
	put(&record, 1 + fuzz_number(from, 1) % sizeof(record));
}

/* What a client sends, which may know the hostile worker's seals: also records with them, and parts of some. */
static void put_stream(struct source_bytes *from, size_t length)
{
	uint64_t kind = fuzz_number(from, 1);

	if (kind & 1)
		put_spoilt(from, length);
	if (kind & 2) {
		struct record record = header(HOSTILE, RECORD_DATA, false);
		size_t at = filled;

		put(&record, sizeof(record));
		put_input(from, length / 2);
		put("i", 1);
		end_record(at, record, RECORD_TAIL_BYTES);
	}
	put_input(from, length);
	put("x", 1);
}

static void put_note(struct source_bytes *from, const struct record *record, size_t length)
{
	struct record_open open = { .server.port = 7 };
	struct record_lost lost = { .bytes = 1 + fuzz_number(from, 2) };
	struct record_close end = { .received = lost.bytes,
				    .unlogged = lost.bytes / 2,
				    .reason = length % CLOSE_REASONS };

	if (record->type == RECORD_OPEN)
		put(&open, length % 2 == 0 ? 0 : sizeof(open));
	else if (record->type == RECORD_LOST)
		put(&lost, sizeof(lost));
	else if (record->type == RECORD_CLOSE)
		put(&end, sizeof(end));
	else if (record->type == RECORD_MESSAGE)
		put_line(from, record, length);
	else
		put_stream(from, length);
}

static void put_record(struct source_bytes *from, uint32_t worker, size_t length)
{
	static const uint8_t types[] = { RECORD_DATA, RECORD_OPEN, RECORD_LOST, RECORD_CLOSE,
					 RECORD_MESSAGE };
	uint64_t kind = fuzz_number(from, 1);
	uint8_t type = types[kind % sizeof(types)];
	struct record record = header(worker, type, type == RECORD_MESSAGE && kind & 0x80);
	size_t at = filled;
	size_t padding = RECORD_TAIL_BYTES + (kind & 0x40 ? fuzz_number(from, 1) % 200 : 0);

	record.offset = fuzz_number(from, 7);
	put(&record, sizeof(record));
	put_note(from, &record, length);
	end_record(at, record, padding);
	if (worker == HONEST)
		honest[honest_count++] = at;
}

/* ---- what comes out ---- */

static void check_record(const struct record *record, const uint8_t *payload)
{
	uint32_t worker = record->slot & ~RECORD_OF_WORKERS;
	struct record own = header(worker, record->type, record->slot != worker);

	MUST(worker < WORKERS && record->seal == own.seal && record->generation == own.generation);
	MUST(sieve.peers_are_claimed || address_equals(&record->peer, &own.peer));
	MUST(record->type != RECORD_START && record->type != RECORD_STOP);
	MUST(record->type == RECORD_MESSAGE || record->slot == worker);
	MUST(record->type != RECORD_MESSAGE ||
	     message_is_sound(own.slot, &record->peer, (const char *)payload, record->length));
}

static void check_all(void)
{
	struct record record;
	size_t next = 0, at = 0;

	while ((at += sieve_find(&sieve, pipe_bytes + at, filled - at, &record)) < filled) {
		MUST(record_bytes(&record) <= filled - at && record_bytes(&record) <= RECORD_BLOCK_BYTES);
		check_record(&record, pipe_bytes + at + sizeof(record));
		if ((record.slot & ~RECORD_OF_WORKERS) == HONEST) {
			MUST(next < honest_count && honest[next] == at);
			next++;
		}
		at += record_bytes(&record);
	}
	MUST(at == filled && next == honest_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	struct source_bytes from = { .next = bytes, .left = count };

	begin(bytes, count);
	for (int pieces = 0; pieces < PIECES_MAX && from.left > 0; pieces++) {
		uint64_t kind = fuzz_number(&from, 1) % 4;
		size_t length = fuzz_number(&from, 1);

		if (kind == 0)
			put_input(&from, length);
		else if (kind == 1)
			put_spoilt(&from, length);
		else
			put_record(&from, kind == 2 ? HONEST : HOSTILE, length);
	}
	check_all();
	return 0;
}
