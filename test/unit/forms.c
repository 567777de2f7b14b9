/* The log's forms: what records look like in each, whoever takes turns and wherever a character is cut. */
#include "logger/form.h"

#include <stdlib.h>
#include <string.h>

#include "logger/decide.h"
#include "unit.h"

enum { SLOTS = 8, OUTPUT_BYTES = 1 << 20 };

static struct desk *desk;
static uint32_t liars[SLOTS];
static struct decider decider = {
	.sieve = { .key = { 0x5eed, 1 }, .slots = SLOTS, .workers = 1, .liars = liars }
};
static struct page page;
static uint8_t output[OUTPUT_BYTES];
static size_t length;
static uint64_t offsets[SLOTS];

static void begin(enum output_form form)
{
	free(desk);
	desk = calloc(1, desk_bytes(SLOTS));
	commit(&desk->run, 0xabc);
	decider.form = form_of(form);
	length = 0;
	memset(offsets, 0, sizeof(offsets));
}

/* As the logger does: decides the record, and what a successor would do again, and renders it. */
static void add(struct record record, const void *payload)
{
	record.mark = RECORD_MARK;
	record.padding = RECORD_TAIL_BYTES;
	if (record.generation != 0)
		record.peer = (struct address){ .ip = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 },
						.port = (uint16_t)(5000 + record.slot) };
	record.seal = record_seal(decider.sieve.key, record.slot, record.generation, &record.peer);
	memcpy(desk->buffer, &record, sizeof(record));
	memcpy(desk->buffer + sizeof(record), payload, record.length);
	record_complete(desk->buffer);
	commit(&desk->decision_at, 0);
	desk_mark(desk, 0, (uint32_t)record_bytes(&record));
	decide_all(desk, &decider);
	CHECK(desk_decided(desk) == desk_filled(desk) && decider.passed_over == 0);
	desk_mark(desk, 0, desk_filled(desk));
	decide_all(desk, &decider);
	memcpy(&record, desk->buffer, sizeof(record));
	page_clear(&page);
	decider.form->render(&page, desk, &record, desk->buffer + sizeof(record));
	for (size_t i = 0; i < page.count; i++) {
		memcpy(output + length, page.pieces[i].iov_base, page.pieces[i].iov_len);
		length += page.pieces[i].iov_len;
	}
	commit(&desk->buffer_sequence, desk->text.sequence);
}

static void open_through(uint32_t slot, uint32_t generation, struct address proxy)
{
	struct record_open note = { .server = { .ip = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 },
						.port = 7 },
				    .proxy = proxy };
	bool shown = decider.form != &form_tagged && decider.form != &form_plain;

	offsets[slot] = 0;
	add((struct record){ .slot = slot,
			     .generation = generation,
			     .type = RECORD_OPEN,
			     .time_usecs = 1764045602123456,
			     .length = shown ? sizeof(note) : 0 },
	    &note);
}

static void open_connection(uint32_t slot, uint32_t generation)
{
	open_through(slot, generation, (struct address){ .port = 0 });
}

static void send_bytes(uint32_t slot, uint32_t generation, const void *bytes, size_t count, uint16_t dropped)
{
	add((struct record){ .slot = slot,
			     .generation = generation,
			     .type = RECORD_DATA,
			     .offset = offsets[slot],
			     .time_usecs = 1764045602123456,
			     .dropped = dropped,
			     .length = (uint16_t)count },
	    bytes);
	offsets[slot] += count;
}

static void say(uint32_t slot, const char *text)
{
	send_bytes(slot, 1, text, strlen(text), 0);
}

static void close_connection(uint32_t slot, uint64_t unlogged)
{
	struct record_close note = { .received = offsets[slot] + unlogged,
				     .echoed = offsets[slot],
				     .dropped = unlogged,
				     .unlogged = unlogged,
				     .duration_usecs = 3,
				     .reason = CLOSE_CLIENT_RESET };

	add((struct record){ .slot = slot,
			     .generation = 1,
			     .type = RECORD_CLOSE,
			     .offset = offsets[slot],
			     .time_usecs = 1764045602123456,
			     .length = sizeof(note) },
	    &note);
}

/* A message of the server's. */
static void tell(const char *line)
{
	add((struct record){ .type = RECORD_MESSAGE,
			     .slot = RECORD_OF_MASTER,
			     .time_usecs = 1764045602123456,
			     .length = (uint16_t)strlen(line) },
	    line);
}

static bool is_output(const char *expected)
{
	if (length == strlen(expected) && memcmp(output, expected, length) == 0)
		return true;
	printf("expected:\n%s\ngot:\n%.*s\n", expected, (int)length, (const char *)output);
	return false;
}

#define TCP "127.0.0.1:500"

static void check_tagged(void)
{
	begin(OUTPUT_TAGGED);
	open_connection(1, 1);
	say(1, "a");
	say(1, "b\n");
	say(1, "c");
	open_connection(2, 1);
	say(1, "d\n");
	say(2, "e\n");
	say(2, "f");
	say(1, "g");
	CHECK(is_output("New connection from 127.0.0.1:5001\n127.0.0.1:5001: ab\nc\n"
			"New connection from 127.0.0.1:5002\n127.0.0.1:5001: d\n"
			"127.0.0.1:5002: e\nf\n127.0.0.1:5001: g"));
	close_connection(2, 0);
	close_connection(1, 5);
	say(3, "h\n");
	CHECK(is_output("New connection from 127.0.0.1:5001\n127.0.0.1:5001: ab\nc\n"
			"New connection from 127.0.0.1:5002\n127.0.0.1:5001: d\n"
			"127.0.0.1:5002: e\nf\n127.0.0.1:5001: g\n"
			"127.0.0.1:5001: [5 bytes not logged]\n127.0.0.1:5003: h\n"));
}

/* The next connection in a slot is another source, even from the same address. */
static void check_generations(void)
{
	begin(OUTPUT_TAGGED);
	say(1, "a");
	open_connection(1, 2);
	send_bytes(1, 2, "b\n", 2, 0);
	send_bytes(1, 2, "c\n", 2, 0);
	CHECK(is_output("127.0.0.1:5001: a\nNew connection from 127.0.0.1:5001\n127.0.0.1:5001: b\nc\n"));
}

static void check_plain(void)
{
	begin(OUTPUT_PLAIN);
	open_connection(1, 1);
	say(1, "a");
	say(2, "b");
	open_connection(2, 2);
	send_bytes(2, 2, "c\n", 2, 0);
	say(1, "d\n");
	CHECK(is_output(
		"New connection from 127.0.0.1:5001\nab\nNew connection from 127.0.0.1:5002\nc\nd\n"));
}

static void check_terminal(void)
{
	begin(OUTPUT_TERMINAL);
	open_connection(1, 1);
	say(1, "a\tb\r\x1b[2J\x7f\\\n");
	say(1, "\xc3");
	open_connection(2, 1);
	say(2, "x");
	/* NOLINTNEXTLINE(misc-misleading-bidirectional): it is to be escaped */
	say(1, "\xa4\xc2\x9b\xe2\x80\xae!\x9b\xe2");
	close_connection(1, 0);
	close_connection(2, 3);
	CHECK(is_output("New connection from 127.0.0.1:5001\n127.0.0.1:5001: a\tb\\x0d\\x1b[2J\\x7f\\\n"
			"New connection from 127.0.0.1:5002\n127.0.0.1:5002: x\n"
			"127.0.0.1:5001: \xc3\xa4\\xc2\\x9b\\xe2\\x80\\xae!\\x9b\n127.0.0.1:5001: \\xe2\n"
			"127.0.0.1:5002: [3 bytes not logged]\n"));
}

static void check_escaped(void)
{
	begin(OUTPUT_ESCAPED);
	open_connection(1, 1);
	say(1, "a\nb");
	say(1, "c\\\r\n\n");
	say(1, "\t\xe2\x82");
	say(2, "\xf0\x9f\x98");
	say(1, "\xac\x1b");
	say(2, "\x80 5\n");
	send_bytes(1, 1, "drop", 4, 3);
	say(1, "\xe2");
	close_connection(1, 2);
	CHECK(is_output(TCP
			"1* connected to 127.0.0.1:7\n" TCP "1: a\n" TCP "1: bc\\\\\\r\n" TCP "1: \n" TCP
			"1: \t\xe2\x82\xac\\x1b\\\n" TCP "2: \xf0\x9f\x98\x80 5\n" TCP "1: drop\\\n" TCP
			"1* dropped 3 bytes\n" TCP "1: \\xe2\\\n" TCP
			"1* closed: client_reset, received 20, echoed 18, dropped 2, 2 bytes not logged\n"));
}

static void check_hex(void)
{
	begin(OUTPUT_HEX);
	open_connection(1, 1);
	say(1, "0123456789abcdef\n\x1b");
	send_bytes(1, 1, "\0\xff", 2, 1);
	CHECK(is_output(
		TCP "1* connected to 127.0.0.1:7\n" TCP
		    "1 00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|\n" TCP
		    "1 00000010  0a 1b                                             |..|\n" TCP
		    "1 00000012  00 ff                                             |..|\n" TCP
		    "1* dropped 1 bytes\n"));

	begin(OUTPUT_HEX);
	offsets[1] = 0xfffffffff;
	say(1, "0123456789abcdefg");
	CHECK(is_output(
		TCP "1 fffffffff  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|\n" TCP
		    "1 100000000f  67                                                |g|\n"));
}

#define JSON(action, sequence)                                                      \
	"{\"time\":\"2025-11-25T04:40:02.123456Z\",\"event\":{\"action\":\"" action \
	"\",\"sequence\":" sequence
#define FROM "},\"connection\":{\"id\":\"abc-1-1\"},\"client\":{\"address\":\"127.0.0.1\",\"port\":5001"

static void check_json(void)
{
	begin(OUTPUT_JSON);
	open_connection(1, 1);
	say(1, "good \"m\"\\\n\x1b\x7f\xe2");
	/* NOLINTNEXTLINE(misc-misleading-bidirectional): it is to be escaped */
	say(1, "\x82\xac\xc2\x85\xe2\x80\xae");
	send_bytes(1, 1, "\0\xff\1", 3, 2);
	close_connection(1, 0);
	CHECK(is_output(
		JSON("open", "0") FROM
		"},\"server\":{\"address\":\"127.0.0.1\",\"port\":7},"
		"\"network\":{\"transport\":\"tcp\",\"type\":\"ipv4\"}}\n" JSON("data", "1") FROM
		"},\"offset\":0,\"length\":12,\"data\":\"good \\\"m\\\"\\\\\\n\\u001b\\u007f\"}\n" JSON(
			"data", "2") FROM
		"},\"offset\":12,\"length\":8,\"data\":\"\xe2\x82\xac\\u0085\\u202e\"}\n" JSON("data", "3")
			FROM
		"},\"offset\":20,\"length\":3,\"data_base64\":\"AP8B\"}\n" JSON(
			"drop",
			"4") ",\"reason\":\"buffer_full\"" FROM
			     "},\"offset\":21,\"length\":2}\n" JSON(
				     "close",
				     "5") ",\"reason\":\"client_reset\",\"duration\":3000" FROM
					  ",\"bytes\":23},\"server\":{\"bytes\":23},\"dropped_bytes\":0}\n"));
}

/* Only json shows a proxy. */
static void check_proxied(void)
{
	struct address proxy = { .ip = { [0] = 0xfe, [1] = 0x80, [15] = 9 }, .port = 999 };

	begin(OUTPUT_JSON);
	open_through(1, 1, proxy);
	CHECK(is_output(JSON("open", "0") FROM "},\"server\":{\"address\":\"127.0.0.1\",\"port\":7},"
					       "\"network\":{\"transport\":\"tcp\",\"type\":\"ipv4\","
					       "\"peer\":{\"address\":\"fe80::9\",\"port\":999}}}\n"));
	begin(OUTPUT_ESCAPED);
	open_through(1, 1, proxy);
	CHECK(is_output(TCP "1* connected to 127.0.0.1:7\n"));
}

/* What two connections say around messages, the first of which comes in the middle of a line. */
static void talk_around_messages(enum output_form form)
{
	begin(form);
	say(1, "a");
	tell("echod: b\n");
	tell("echod: c\n");
	say(1, "d\n");
	say(2, "e\n");
	tell("echod: f\n");
	say(2, "\xc3");
	tell("echod: g\n");
	say(2, "\xa4\n");
}

/* A message stands on a line of its own, and the data after it is told whose it is. */
static void check_messages(void)
{
	talk_around_messages(OUTPUT_TAGGED);
	CHECK(is_output(TCP "1: a\nechod: b\nechod: c\n" TCP "1: d\n" TCP "2: e\nechod: f\n" TCP
			    "2: \xc3\nechod: g\n" TCP "2: \xa4\n"));
	talk_around_messages(OUTPUT_PLAIN);
	CHECK(is_output("a\nechod: b\nechod: c\nd\ne\nechod: f\n\xc3\nechod: g\n\xa4\n"));
	talk_around_messages(OUTPUT_TERMINAL);
	CHECK(is_output(TCP "1: a\nechod: b\nechod: c\n" TCP "1: d\n" TCP "2: e\nechod: f\nechod: g\n" TCP
			    "2: \xc3\xa4\n"));
	talk_around_messages(OUTPUT_ESCAPED);
	CHECK(is_output(TCP "1: a\\\nechod: b\nechod: c\n" TCP "1: d\n" TCP "2: e\nechod: f\nechod: g\n" TCP
			    "2: \xc3\xa4\n"));
	begin(OUTPUT_HEX);
	say(1, "a");
	tell("echod: b\n");
	CHECK(is_output(TCP "1 00000000  61                                                |a|\nechod: b\n"));
	begin(OUTPUT_JSON);
	tell("echod: good \"m\" \xe2\x82\xac\xff\xe2\x82...\n");
	tell("echod: \n");
	say(1, "a");
	CHECK(is_output(JSON("message", "0") "},\"message\":\"good \\\"m\\\" \xe2\x82\xac???...\"}\n" JSON(
		"message", "1") "},\"message\":\"\"}\n" JSON("data", "2") FROM
			"},\"offset\":0,\"length\":1,\"data\":\"a\"}\n"));
}

/* Each form, of a record of nothing but bytes that take the most room, is as short as it says. */
static void check_longest(void)
{
	static const enum output_form forms[] = { OUTPUT_TERMINAL, OUTPUT_ESCAPED, OUTPUT_HEX, OUTPUT_JSON };
	static char bytes[RECORD_PAYLOAD_MAX_BYTES];

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		for (int byte = 0; byte < 256; byte++) {
			begin(forms[i]);
			memset(bytes, byte, sizeof(bytes));
			send_bytes(1, 1, bytes, sizeof(bytes), sizeof(bytes));
			CHECK(page.used <= PAGE_RECORD_BYTES);
			for (size_t start = 0, end; forms[i] == OUTPUT_JSON && start < length;
			     start = end + 1) {
				for (end = start; output[end] != '\n'; end++)
					;
				CHECK(end + 1 - start <= 16384);
			}
		}
	}
}

int main(void)
{
	check_tagged();
	check_generations();
	check_plain();
	check_terminal();
	check_escaped();
	check_hex();
	check_json();
	check_proxied();
	check_messages();
	check_longest();
	return unit_result();
}
