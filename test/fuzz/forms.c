/*
 * Every form of the log, of records whose seals are right and of which all else is anything: what is written stays
 * within its room, and tells each connection's bytes and how many are left out. What is news in a record, and what
 * tagged and plain look like, is found here in another way than in the logger; json is read by the test client's reader.
 */
#include <inttypes.h>

#include "../client/base64.h"
#include "../client/json.h"
#include "common/commit.h"
#include "common/message.h"
#include "fuzz.h"
#include "logger/decide.h"
#include "logger/utf8.h"
#include "logger/verdict.h"

enum { SLOTS = 4, RECORDS_MAX = 64, TEXT_BYTES = 4 << 20, STREAM_BYTES = RECORDS_MAX * RECORD_BLOCK_BYTES };

/* What the log must tell of a slot's connections, one after the other. */
struct heard {
	uint64_t next, lost;
	uint32_t generation;
	bool closed;
	uint8_t stream[STREAM_BYTES];
	size_t count;
	size_t shown;   /* of these, bytes of which none is held back */
	size_t decoded; /* that were found in the log */
	char peer[ADDRESS_TEXT_BYTES];
};

struct ending {
	uint64_t unlogged, duration_usecs;
};

static struct desk *desk;
static struct page page;
static uint32_t liars[SLOTS];
static struct decider decider;
static uint8_t text[TEXT_BYTES];
static size_t length;
static struct heard heard[SLOTS];
static struct ending endings[RECORDS_MAX];
static size_t ending_count;
static uint64_t offsets[SLOTS];

/* What tagged and plain must be. */
static uint8_t expected[TEXT_BYTES];
static size_t expected_length;
static const struct heard *speaker;
static uint32_t speaker_generation;

/* ---- the records ---- */

static struct address peer_of(uint32_t slot)
{
	struct address peer = { .port = (uint16_t)(slot * 21845) };

	for (size_t i = 0; slot > 0 && i < sizeof(peer.ip); i++)
		peer.ip[i] = slot < 3 && i < 12 ? (i < 10 ? 0 : 0xff) : (uint8_t)(slot * 85);
	return peer;
}

/* What escaped and terminal show as it is must not have what they escape; json shows it as '?'. */
static size_t put_line(struct source_bytes *from, const struct record *record, uint8_t *payload,
		       size_t wanted)
{
	size_t at = message_head(record->slot, &record->peer, (char *)payload);

	for (size_t i = 0; i < wanted % 256 && from->left > 0; i++) {
		payload[at] = (uint8_t)fuzz_number(from, 1);
		at += payload[at] >= ' ' && (payload[at] < 0x7f || decider.form == &form_json);
	}
	payload[at++] = '\n';
	return at;
}

static size_t put_note(struct source_bytes *from, const struct record *record, uint8_t *payload,
		       size_t wanted)
{
	struct record_open open = { .server = { .port = (uint16_t)wanted } };
	struct record_lost lost = { .bytes = fuzz_number(from, 8) >> wanted % 64, .had = wanted };
	struct record_close end = { .received = lost.bytes,
				    .lost = wanted,
				    .reason = wanted % CLOSE_REASONS };

	switch (record->type) {
	case RECORD_OPEN:
		memcpy(payload, &open, sizeof(open));
		return decider.form == &form_tagged || decider.form == &form_plain ? 0 : sizeof(open);
	case RECORD_LOST:
		memcpy(payload, &lost, sizeof(lost));
		return sizeof(lost);
	default:
		end.unlogged = fuzz_number(from, 8) >> wanted % 64;
		end.duration_usecs = fuzz_number(from, 8) >> wanted % 64;
		end.echoed = fuzz_number(from, 8);
		memcpy(payload, &end, sizeof(end));
		return sizeof(end);
	}
}

static size_t put_bytes(struct source_bytes *from, uint8_t *payload, size_t wanted)
{
	wanted = wanted < from->left ? wanted : from->left;
	memcpy(payload, from->next, wanted);
	from->next += wanted;
	from->left -= wanted;
	return wanted;
}

/* With an offset that is the next, or anything. */
static struct record header(uint64_t kind, struct source_bytes *from)
{
	static const uint8_t types[] = { RECORD_DATA,  RECORD_DATA, RECORD_DATA,    RECORD_OPEN,
					 RECORD_CLOSE, RECORD_LOST, RECORD_MESSAGE, RECORD_DATA };
	struct record record = { .mark = RECORD_MARK,
				 .type = types[kind % sizeof(types)],
				 .padding = RECORD_TAIL_BYTES,
				 .slot = (uint32_t)(kind / 8 % SLOTS),
				 .generation = 1 + (uint32_t)(kind / 32 % 2),
				 .peer = peer_of((uint32_t)(kind / 8 % SLOTS)) };

	record.offset = offsets[record.slot];
	if (kind >= 0xc0)
		record.offset += fuzz_number(from, 8) >> kind % 64;
	if (kind % 8 == 7)
		record.dropped = (uint16_t)fuzz_number(from, 1);
	record.time_usecs = fuzz_number(from, 7);
	record.seal = record_seal(decider.sieve.key, record.slot, record.generation, &record.peer);
	return record;
}

static struct record put_record(struct source_bytes *from, uint8_t *at)
{
	struct record record = header(fuzz_number(from, 1), from);
	size_t wanted = fuzz_number(from, 2) % (RECORD_PAYLOAD_MAX_BYTES + 1);
	uint8_t *payload = at + sizeof(record);

	if (record.type == RECORD_DATA)
		record.length = (uint16_t)put_bytes(from, payload, wanted);
	else if (record.type == RECORD_MESSAGE)
		record.length = (uint16_t)put_line(from, &record, payload, wanted);
	else
		record.length = (uint16_t)put_note(from, &record, payload, wanted);
	memcpy(at, &record, sizeof(record));
	record_complete(at);
	if (record.type == RECORD_DATA)
		offsets[record.slot] = record.offset + record.length;
	return record;
}

/* ---- what must be told of them ---- */

static void expect(const void *bytes, size_t count)
{
	MUST(expected_length + count <= TEXT_BYTES);
	memcpy(expected + expected_length, bytes, count);
	expected_length += count;
}

static void expect_text(const char *words)
{
	expect(words, strlen(words));
}

static void expect_whole_line(void)
{
	if (expected_length > 0 && expected[expected_length - 1] != '\n')
		expect_text("\n");
}

/* What comes next is this one's, where that is told. */
static void expect_speaker(const struct heard *who)
{
	if (decider.form == &form_plain || (speaker == who && speaker_generation == who->generation))
		return;
	expect_whole_line();
	expect_text(who->peer);
	expect_text(": ");
}

static void expect_unlogged(const struct heard *who, uint64_t bytes)
{
	char line[64];

	if (bytes == 0)
		return;
	speaker = NULL;
	expect_speaker(who);
	snprintf(line, sizeof(line), "[%" PRIu64 " bytes not logged]\n", bytes);
	expect_text(line);
}

static void hear_data(struct heard *who, const uint8_t *payload, size_t count)
{
	expect_speaker(who);
	expect(payload, count);
	speaker = who;
	speaker_generation = who->generation;
	memcpy(who->stream + who->count, payload, count);
	who->count += count;
}

static void hear_end(struct heard *who, const struct record_close *end)
{
	who->closed = true;
	endings[ending_count++] = (struct ending){ end->unlogged + who->lost, end->duration_usecs };
	expect_unlogged(who, end->unlogged);
}

static void hear_open(const struct heard *who)
{
	expect_whole_line();
	expect_text("New connection from ");
	expect_text(who->peer);
	expect_text("\n");
	speaker = NULL;
}

static void hear_line(const uint8_t *payload, size_t count)
{
	expect_whole_line();
	expect(payload, count);
	speaker = NULL;
}

/* The beginning of a character is held back: of one connection's stream, while nothing of it is left out. */
static void settle(struct heard *who, bool forgets)
{
	size_t held = decider.form->holds ? utf8_cut(who->stream + who->shown, who->count - who->shown) : 0;

	who->count -= forgets ? held : 0;
	who->shown = who->count;
}

static void hear(const struct record *record, const uint8_t *payload)
{
	struct heard *who = &heard[record->slot];
	bool is_new = record->generation > who->generation;
	uint64_t bytes = record->type == RECORD_DATA ? record->length : 0, had;
	struct record_close end;

	if (record->type == RECORD_MESSAGE) {
		hear_line(payload, record->length);
		return;
	}
	if (!is_new && (record->generation < who->generation || who->closed || record->type == RECORD_OPEN))
		return;
	if (record->type == RECORD_LOST)
		bytes = form_lost_note(payload).bytes;
	if (!is_new && record->type != RECORD_CLOSE && record->offset + bytes <= who->next)
		return;
	had = !is_new && record->offset < who->next ? who->next - record->offset : 0;
	if (is_new) {
		settle(who, true);
		who->lost = 0;
		who->closed = false;
	}
	who->generation = record->generation;
	who->next = record->offset + bytes;
	if (record->type == RECORD_DATA) {
		hear_data(who, payload + had, record->length - had);
		return;
	}
	settle(who, false);
	if (record->type == RECORD_OPEN) {
		hear_open(who);
	} else if (record->type == RECORD_LOST) {
		who->lost += bytes - had;
		expect_unlogged(who, bytes - had);
	} else {
		end = form_close_note(payload);
		hear_end(who, &end);
	}
}

/* ---- what is written of them ---- */

/* Decides the record at the end, as one who was killed and his successor do; false if it is none. */
static bool decide_last(uint32_t before, uint32_t filled)
{
	struct record record;

	for (int again = 0; again < 2; again++) {
		desk_mark(desk, before, filled);
		decide_all(desk, &decider);
		MUST(desk_decided(desk) == filled);
	}
	return decided_find(desk, before, &record) < filled;
}

static void render_all(void)
{
	struct record record;

	for (uint32_t at = 0; (at = decided_find(desk, at, &record)) < desk_decided(desk);
	     at += (uint32_t)record_bytes(&record)) {
		page_clear(&page);
		if (!(record.verdict & VERDICT_REPEATED))
			decider.form->render(&page, desk, &record, desk->buffer + at + sizeof(record));
		MUST(page.used <= PAGE_RECORD_BYTES);
		for (size_t i = 0; i < page.count; i++) {
			MUST(length + page.pieces[i].iov_len <= TEXT_BYTES);
			memcpy(text + length, page.pieces[i].iov_base, page.pieces[i].iov_len);
			length += page.pieces[i].iov_len;
		}
	}
}

static void begin(enum output_form form)
{
	memset(desk, 0, sizeof(*desk) - sizeof(desk->buffer));
	memset(desk->sources, 0, SLOTS * sizeof(desk->sources[0]));
	memset(offsets, 0, sizeof(offsets));
	memset(liars, 0, sizeof(liars));
	for (uint32_t slot = 0; slot < SLOTS; slot++) {
		struct address peer = peer_of(slot);

		address_text(&peer, heard[slot].peer);
		heard[slot].next = heard[slot].lost = heard[slot].generation = 0;
		heard[slot].count = heard[slot].shown = heard[slot].decoded = 0;
		heard[slot].closed = false;
	}
	decider.form = form_of(form);
	length = expected_length = ending_count = 0;
	speaker = NULL;
}

static void write_in(enum output_form form, const uint8_t *bytes, size_t count)
{
	struct source_bytes from = { .next = bytes, .left = count };
	uint32_t filled = 0;

	begin(form);
	for (int i = 0; i < RECORDS_MAX && from.left > 0; i++) {
		struct record record = put_record(&from, desk->buffer + filled);
		static uint8_t payload[RECORD_BLOCK_BYTES];
		uint32_t end = filled + (uint32_t)record_bytes(&record);

		memcpy(payload, desk->buffer + filled + sizeof(record), record.length);
		if (decide_last(filled, end))
			hear(&record, payload);
		filled = end;
	}
	for (uint32_t slot = 0; slot < SLOTS; slot++)
		settle(&heard[slot], true);
	render_all();
}

/* ---- what the log says ---- */

static void check_characters(bool controls)
{
	for (size_t at = 0; at < length;) {
		size_t bytes = utf8_character(text + at, length - at);

		if (text[at] == '\n' || (text[at] == '\t' && controls)) {
			at++;
			continue;
		}
		MUST(bytes > 0 && text[at] >= ' ');
		MUST(!utf8_is_unsafe(utf8_code(text + at, bytes)));
		at += bytes;
	}
}

static void decode(struct heard *who, const void *bytes, size_t count)
{
	MUST(count <= who->count - who->decoded);
	MUST(memcmp(who->stream + who->decoded, bytes, count) == 0);
	who->decoded += count;
}

/* Whose a line is, and what follows its source. */
static struct heard *source_of(const char **line, const char *end)
{
	for (struct heard *who = heard; who < heard + SLOTS; who++) {
		size_t bytes = strlen(who->peer);

		if ((size_t)(end - *line) > bytes && memcmp(*line, who->peer, bytes) == 0 &&
		    strchr(" :*", (*line)[bytes]) != NULL) {
			*line += bytes;
			return who;
		}
	}
	MUST((size_t)(end - *line) >= strlen("echod: ") && memcmp(*line, "echod: ", strlen("echod: ")) == 0);
	return NULL;
}

/* Each line is one of its own; `open` if the last may lack its end. */
static void for_each_line(void (*check)(const char *line, const char *end), bool open)
{
	const char *end;

	for (const char *at = (const char *)text, *last = at + length; at < last; at = end + 1) {
		end = memchr(at, '\n', (size_t)(last - at));
		MUST(end != NULL || open);
		if (end == NULL)
			end = last;
		check(at, end);
	}
	for (const struct heard *who = heard; who < heard + SLOTS; who++)
		MUST(who->decoded == who->count);
}

static uint8_t byte_of(const char *digits)
{
	char copy[3] = { digits[0], digits[1], '\0' };
	char *end;
	unsigned long value = strtoul(copy, &end, 16);

	MUST(end == copy + 2);
	return (uint8_t)value;
}

/* Behind the source and the offset come the bytes, two digits each, up to the '|'. */
static void check_hex(const char *line, const char *end)
{
	struct heard *who = source_of(&line, end);

	if (who == NULL || *line == '*')
		return;
	line = memchr(line + 1, ' ', (size_t)(end - line - 1));
	MUST(line != NULL);
	while (*line != '|') {
		uint8_t byte;

		if (*line == ' ') {
			line++;
			continue;
		}
		byte = byte_of(line);
		decode(who, &byte, 1);
		line += 2;
	}
	MUST(end[-1] == '|');
}

static void check_escaped(const char *line, const char *end)
{
	struct heard *who = source_of(&line, end);
	bool whole = end < (const char *)text + length;

	if (who == NULL || *line == '*')
		return;
	for (line += strlen(": "); line < end; line++) {
		uint8_t byte = (uint8_t)*line;

		if (byte == '\\' && line + 1 == end) {
			whole = false;
			break;
		}
		if (byte == '\\') {
			line++;
			byte = *line == 'r' ? '\r' : (*line == 'x' ? byte_of(line + 1) : '\\');
			MUST(strchr("\\rx", *line) != NULL);
			line += *line == 'x' ? 2 : 0;
		}
		decode(who, &byte, 1);
	}
	if (whole)
		decode(who, "\n", 1);
}

/* ---- json ---- */

static struct json json;
static uint64_t sequence;
static size_t ending;

/* 0 if there is none. */
static uint64_t number_of(const char *path)
{
	const struct json_value *value = json_value(&json, path);

	return value != NULL ? value->number : 0;
}

static void check_data(struct heard *who)
{
	const struct json_value *plain = json_value(&json, "data");
	const struct json_value *encoded = json_value(&json, "data_base64");
	size_t count;

	MUST((plain != NULL) != (encoded != NULL));
	if (plain != NULL) {
		count = plain->length;
		decode(who, plain->bytes, count);
	} else {
		static char bytes[JSON_TEXT_MAX];

		MUST(base64_decode(encoded->bytes, encoded->length, bytes, &count));
		decode(who, bytes, count);
	}
	MUST(count > 0 && count == number_of("length"));
}

static void check_ending(void)
{
	const struct ending *due = &endings[ending++];

	MUST(ending <= ending_count && number_of("unlogged") == due->unlogged);
	MUST(number_of("event.duration") / 1000 == due->duration_usecs);
}

static void check_object(const char *line, const char *end)
{
	const struct json_value *action, *id;
	const char *where;
	unsigned slot;

	MUST(json_read(&json, line, end, &where) == NULL);
	action = json_value(&json, "event.action");
	id = json_value(&json, "connection.id");
	MUST(action != NULL && number_of("event.sequence") == sequence++);
	MUST((id == NULL) == (strcmp(action->bytes, "message") == 0));
	if (id == NULL)
		return;
	MUST(sscanf(id->bytes, "0-%u-", &slot) == 1 && slot < SLOTS);
	if (strcmp(action->bytes, "data") == 0)
		check_data(&heard[slot]);
	else if (strcmp(action->bytes, "close") == 0)
		check_ending();
}

static void check_json(void)
{
	sequence = ending = 0;
	for_each_line(check_object, false);
	MUST(ending == ending_count);
}

static bool is_as_expected(void)
{
	return length == expected_length && memcmp(text, expected, length) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	if (desk == NULL)
		desk = calloc(1, desk_bytes(SLOTS));
	if (desk == NULL)
		return 0;
	decider.sieve = (struct sieve){ .key = { 0x5eed, 1 }, .slots = SLOTS, .workers = 1, .liars = liars };
	write_in(OUTPUT_PLAIN, bytes, count);
	MUST(is_as_expected());
	write_in(OUTPUT_TAGGED, bytes, count);
	MUST(is_as_expected());
	write_in(OUTPUT_ESCAPED, bytes, count);
	check_characters(true);
	for_each_line(check_escaped, true);
	write_in(OUTPUT_HEX, bytes, count);
	check_characters(false);
	for_each_line(check_hex, false);
	write_in(OUTPUT_JSON, bytes, count);
	check_characters(false);
	check_json();
	write_in(OUTPUT_TERMINAL, bytes, count);
	check_characters(true);
	return 0;
}
