/*
 * The escaped form: a line "SOURCE: TEXT" has no more than one line of the stream, and what must not be in the log
 * as it is stands there as \r or \xHH.
 *
 * A line that ends in a single backslash is not the stream's whole line: something else had to follow at once.
 */
#include <string.h>

#include "logsplit.h"
#include "utf8.h"

/* The value of two lower-case digits, or -1. */
static int hex_byte(const char *digits)
{
	static const char all[] = "0123456789abcdef";
	const char *high = memchr(all, digits[0], 16);
	const char *low = memchr(all, digits[1], 16);

	return high == NULL || low == NULL ? -1 : (int)((high - all) * 16 + (low - all));
}

/* The byte that is written as a backslash and what follows it. */
static char take_escape(struct text *text)
{
	int byte;

	if (take_words(text, "\\"))
		return '\\';
	if (take_words(text, "r"))
		return '\r';
	if (!take_words(text, "x") || text->end - text->next < 2)
		fail_line("a backslash that stands for nothing");
	byte = hex_byte(text->next);
	if (byte < 0)
		fail_line("\\x without its two lower-case digits");
	if (byte == '\r' || (byte < 0x80 && !utf8_unsafe((uint32_t)byte)))
		fail_line("\\x%02x, which has another form", (unsigned)byte);
	text->next += 2;
	return (char)byte;
}

/* The bytes that were escaped one behind the other, the last four of them at most. */
struct escaped {
	char bytes[UTF8_BYTES_MAX];
	size_t count;
};

/* Are they a character that could stand there as it is? */
static void check_needed(struct escaped *escaped, char byte)
{
	const char *end = escaped->bytes + UTF8_BYTES_MAX;
	size_t bytes;

	memmove(escaped->bytes, escaped->bytes + 1, UTF8_BYTES_MAX - 1);
	escaped->bytes[UTF8_BYTES_MAX - 1] = byte;
	if (escaped->count < UTF8_BYTES_MAX)
		escaped->count++;
	for (size_t count = 2; count <= escaped->count; count++) {
		uint32_t character = utf8_decode(end - count, end, &bytes);

		if (character != UTF8_INVALID && bytes == count && !utf8_unsafe(character))
			fail_line("U+%04X is escaped for nothing", character);
	}
}

/* Returns whether the stream's line ends here. */
static bool take_text(struct source *source, struct text *text)
{
	struct escaped escaped = { .count = 0 };

	while (text->next < text->end) {
		size_t safe = utf8_safe_run(text->next, text->end, '\\');
		char byte;

		source_data(source, text->next, safe);
		text->next += safe;
		if (safe > 0)
			escaped.count = 0;
		if (text->next == text->end)
			break;
		if (!take_words(text, "\\"))
			fail_line("byte 0x%02x of an unsafe character, as it is", (uint8_t)*text->next);
		if (text->next == text->end)
			return false;
		byte = take_escape(text);
		source_data(source, &byte, 1);
		if (input.whole_characters)
			check_needed(&escaped, byte);
	}
	return true;
}

/* A line of data; returns the source whose line goes on, or NULL; unended is the one before. */
static const struct source *take_data(struct text *line, const char *address, const struct source *unended)
{
	bool torn = line_is_torn();
	struct source *source;
	bool whole;

	if (torn && !input.unfinished)
		fail_line("it has no end");
	if (!take_words(line, ": "))
		fail_line("neither data nor an event");
	source = connected_source(address);
	if (source == unended)
		fail_line("the line before is cut for nothing");
	whole = take_text(source, line);
	if (whole && !torn)
		source_data(source, "\n", 1);
	return whole ? NULL : source;
}

void split_escaped(void)
{
	const struct source *unended = NULL; /* whose line goes on, if the last line was one */
	char address[ADDRESS_BYTES];
	struct text line;

	while (take_line(&line)) {
		if (!line_is_torn() && take_message(&line)) {
			unended = NULL;
			continue;
		}
		take_source(&line, address);
		if (!line_is_torn() && take_words(&line, "* ")) {
			take_event(&line, address);
			unended = NULL;
			continue;
		}
		unended = take_data(&line, address, unended);
	}
}
