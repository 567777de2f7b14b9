/*
 * The hex form: up to sixteen bytes in a line, with their offset in the stream, as digits and as what they show.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "logsplit.h"

enum {
	LINE_BYTES = 16,
	COLUMNS_BYTES = 48,
	REST_BYTES = 2 + COLUMNS_BYTES + 3 + LINE_BYTES + 1, /* behind the offset */
	OFFSET_DIGITS = 8,
};

static const char digits[] = "0123456789abcdef";

/* The value of a lower-case digit, or -1. */
static int digit_value(const struct text *text, size_t at)
{
	const char *found;

	if ((size_t)(text->end - text->next) <= at)
		return -1;
	found = memchr(digits, text->next[at], 16);
	return found == NULL ? -1 : (int)(found - digits);
}

static uint64_t take_offset(struct text *line)
{
	const char *start = line->next;
	uint64_t offset = 0;

	for (int digit; (digit = digit_value(line, 0)) >= 0; line->next++)
		offset = offset << 4 | (uint64_t)digit;
	if (line->next - start < OFFSET_DIGITS || line->next - start > 16 ||
	    (line->next - start > OFFSET_DIGITS && *start == '0'))
		fail_line("no offset of %d digits or as many as it needs", OFFSET_DIGITS);
	return offset;
}

/* Where in a line's columns a byte has its two digits. */
static size_t column(size_t byte)
{
	return 3 * byte + (byte >= LINE_BYTES / 2);
}

/* The bytes of a line's columns; returns how many. */
static size_t read_columns(const struct text *columns, char bytes[LINE_BYTES])
{
	size_t count;

	for (count = 0; count < LINE_BYTES; count++) {
		int high = digit_value(columns, column(count));
		int low = digit_value(columns, column(count) + 1);

		if (high < 0 || low < 0)
			break;
		bytes[count] = (char)(high << 4 | low);
	}
	return count;
}

/* How the rest of a line with these bytes must look. */
static size_t show(const char *bytes, size_t count, char rest[REST_BYTES])
{
	char *columns = rest + 2;
	char *shown = columns + COLUMNS_BYTES + 3;

	memset(rest, ' ', REST_BYTES);
	shown[-1] = '|';
	for (size_t i = 0; i < count; i++) {
		uint8_t byte = (uint8_t)bytes[i];

		columns[column(i)] = digits[byte >> 4];
		columns[column(i) + 1] = digits[byte & 15];
		shown[i] = '.';
		if (byte >= 0x20 && byte <= 0x7e)
			shown[i] = bytes[i];
	}
	shown[count] = '|';
	return (size_t)(shown + count + 1 - rest);
}

static void take_bytes(struct source *source, struct text *line)
{
	uint64_t offset = take_offset(line);
	char bytes[LINE_BYTES], rest[REST_BYTES];
	struct text columns = *line;
	size_t count, length;

	if (offset != source->found)
		fail_line("offset %" PRIx64 " where %" PRIx64 " is due", offset, source->found);
	if (!take_words(&columns, "  "))
		fail_line("no two spaces behind the offset");
	count = read_columns(&columns, bytes);
	if (count == 0)
		fail_line("no bytes");
	length = show(bytes, count, rest);
	if ((size_t)(line->end - line->next) != length || memcmp(line->next, rest, length) != 0)
		fail_line("%zu bytes do not look so", count);
	source_data(source, bytes, count);
}

void split_hex(void)
{
	char address[ADDRESS_BYTES];
	struct text line;

	while (take_line(&line)) {
		if (line_is_torn())
			fail_line("it has no end");
		if (take_message(&line))
			continue;
		take_source(&line, address);
		if (take_words(&line, "* "))
			take_event(&line, address);
		else if (take_words(&line, " "))
			take_bytes(connected_source(address), &line);
		else
			fail_line("neither data nor an event");
	}
}
