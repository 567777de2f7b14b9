/*
 * The form hex; run by the logger. See form.h.
 *
 *   ADDRESS:PORT OFFSET  48 65 6c 6c 6f 0a                                 |Hello.|
 *
 * Each line has its source and its place in that connection's stream, and no line goes on in another.
 */
#include <string.h>

#include "logger/form.h"

enum {
	LINE_BYTES = RECORD_LINE_BYTES,
	OFFSET_DIGITS = 8,        /* or more if it needs them */
	COLUMNS = 3 * LINE_BYTES, /* two digits each and a space between, and one more in the middle */
};

static void advance(const struct desk *desk, struct text_state *state, const struct record *record,
		    const uint8_t *payload)
{
	(void)desk, (void)state, (void)record, (void)payload;
}

/* Two digits for each of the 256 bytes. */
/* clang-format off */
#define DIGITS_AFTER(d) \
	d "0" d "1" d "2" d "3" d "4" d "5" d "6" d "7" d "8" d "9" d "a" d "b" d "c" d "d" d "e" d "f"
static const char pairs[] =
	DIGITS_AFTER("0") DIGITS_AFTER("1") DIGITS_AFTER("2") DIGITS_AFTER("3")
	DIGITS_AFTER("4") DIGITS_AFTER("5") DIGITS_AFTER("6") DIGITS_AFTER("7")
	DIGITS_AFTER("8") DIGITS_AFTER("9") DIGITS_AFTER("a") DIGITS_AFTER("b")
	DIGITS_AFTER("c") DIGITS_AFTER("d") DIGITS_AFTER("e") DIGITS_AFTER("f");
/* clang-format on */

/* As many bytes as there are, and blanks for the rest; then what of them is printable. */
static uint8_t *put_columns(uint8_t *at, const uint8_t *bytes, size_t count)
{
	uint8_t shown[LINE_BYTES] = { 0 };

	if (count == LINE_BYTES) /* of a size that is known, which most lines have, it is much faster */
		memcpy(shown, bytes, LINE_BYTES);
	else
		memcpy(shown, bytes, count);
	memset(at, ' ', COLUMNS);
	for (size_t i = 0; i < count; i++)
		memcpy(at + 3 * i + (i >= LINE_BYTES / 2), pairs + (size_t)2 * bytes[i], 2);
	at = form_put(at + COLUMNS, "  |");
	/* Always a whole line, which the compiler does at once; what is too much is written over. */
	for (size_t i = 0; i < LINE_BYTES; i++)
		shown[i] = shown[i] >= 0x20 && shown[i] < 0x7f ? shown[i] : '.';
	memcpy(at, shown, LINE_BYTES);
	return form_put(at + count, "|\n");
}

static void render(struct page *page, const struct desk *desk, const struct record *record,
		   const uint8_t *payload)
{
	uint8_t *at = page_room(page);
	size_t left = record->type == RECORD_DATA ? (size_t)record->length - record->skip : 0;
	const uint8_t *bytes = payload + record->skip;
	uint64_t offset = record->offset + record->skip;
	uint8_t source[ADDRESS_TEXT_BYTES];
	size_t source_bytes = (size_t)(form_put_address(source, &record->peer) - source);

	(void)desk;
	while (left > 0) {
		size_t count = left < LINE_BYTES ? left : LINE_BYTES;

		memcpy(at, source, source_bytes);
		at = form_put(form_put_hex(form_put(at + source_bytes, " "), offset, OFFSET_DIGITS), "  ");
		at = put_columns(at, bytes, count);
		bytes += count;
		offset += count;
		left -= count;
	}
	page_add(page, form_put_event(at, record, payload));
}

const struct form form_hex = { .verdict = form_whole_lines, .advance = advance, .render = render };
