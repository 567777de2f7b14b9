/* The log's text forms: when a line is ended, when a source is named, and how it all looks. */
#include "logger/text.h"

#include <string.h>

#include "logger/verdict.h"
#include "unit.h"

static struct record record_of(uint32_t slot, uint32_t generation, uint8_t type, uint16_t length)
{
	return (struct record){
		.slot = slot,
		.generation = generation,
		.type = type,
		.length = length,
		.peer = { .ip = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 },
			  .port = (uint16_t)(5000 + slot) },
	};
}

static char output[512];
static size_t length;
static struct text_state state;
static enum output_form form;

static void begin(enum output_form chosen)
{
	length = 0;
	state = (struct text_state){ 0 };
	form = chosen;
}

static void add(struct record record, const char *payload)
{
	char lead[TEXT_LEAD_BYTES];
	size_t bytes;

	record.verdict = text_verdict(&state, form, &record);
	bytes = text_lead(&record, lead);
	CHECK(bytes == strlen(lead) && bytes < TEXT_LEAD_BYTES);
	length += (size_t)snprintf(output + length, sizeof(output) - length, "%s%s", lead, payload);
	text_advance(&state, &record, (const uint8_t *)payload);
	text_advance(&state, &record, (const uint8_t *)payload); /* twice does no harm */
}

static void open_connection(uint32_t slot, uint32_t generation)
{
	add(record_of(slot, generation, RECORD_OPEN, 0), "");
}

static void say(uint32_t slot, uint32_t generation, const char *payload)
{
	add(record_of(slot, generation, RECORD_DATA, (uint16_t)strlen(payload)), payload);
}

static bool is_output(const char *expected)
{
	if (strcmp(output, expected) == 0)
		return true;
	printf("expected:\n%s\ngot:\n%s\n", expected, output);
	return false;
}

static void check_tagged(void)
{
	begin(OUTPUT_TAGGED);
	open_connection(1, 1);
	say(1, 1, "a");
	say(1, 1, "b\n");
	say(1, 1, "c");
	open_connection(2, 1);
	say(1, 1, "d\n");
	say(2, 1, "e\n");
	say(2, 1, "f");
	say(1, 1, "g");
	CHECK(is_output("New connection from 127.0.0.1:5001\n127.0.0.1:5001: ab\nc\n"
			"New connection from 127.0.0.1:5002\n127.0.0.1:5001: d\n"
			"127.0.0.1:5002: e\nf\n127.0.0.1:5001: g"));
}

/* The next connection in a slot is another source, even from the same address. */
static void check_generations(void)
{
	begin(OUTPUT_TAGGED);
	say(1, 1, "a");
	say(1, 2, "b\n");
	say(1, 2, "c\n");
	CHECK(is_output("127.0.0.1:5001: a\n127.0.0.1:5001: b\nc\n"));
}

static void check_plain(void)
{
	begin(OUTPUT_PLAIN);
	open_connection(1, 1);
	say(1, 1, "a");
	say(2, 1, "b");
	open_connection(2, 1);
	say(2, 1, "c\n");
	say(1, 1, "d\n");
	CHECK(is_output(
		"New connection from 127.0.0.1:5001\nab\nNew connection from 127.0.0.1:5002\nc\nd\n"));
}

/* The longest address there is still leaves room for the words. */
static void check_longest(void)
{
	struct record record = record_of(1, 1, RECORD_OPEN, 0);
	char lead[TEXT_LEAD_BYTES];

	memset(record.peer.ip, 0xff, sizeof(record.peer.ip));
	record.peer.port = 65535;
	record.verdict = VERDICT_NEWLINE;
	CHECK(text_lead(&record, lead) < TEXT_LEAD_BYTES);
	CHECK(strcmp(lead, "\nNew connection from [ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535\n") == 0);
}

int main(void)
{
	check_tagged();
	check_generations();
	check_plain();
	check_longest();
	return unit_result();
}
