/*
 * The forms of the log: from decided records to what is written.
 *
 * A form is three functions, and what they do depends on their arguments alone, so that a killed logger's
 * successor comes to the same bytes. All that a form knows of the past is in the text_state, and in what was
 * written into the record when it was decided.
 */
#ifndef ECHOD_LOGGER_FORM_H
#define ECHOD_LOGGER_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/record.h"
#include "logger/desk.h"
#include "logger/page.h"
#include "logger/utf8.h"
#include "options.h"

struct form {
	/* The beginning of a character at a payload's end is held back until the rest has come. */
	bool holds;
	/* The server's own start and end are shown. */
	bool tells_server;
	/* What must be written besides the text: a verdict (verdict.h). */
	uint8_t (*verdict)(const struct text_state *state, const struct record *record);
	/* Where the output stands after the decided record. Doing it twice does no harm. */
	void (*advance)(const struct desk *desk, struct text_state *state, const struct record *record,
			const uint8_t *payload);
	/* What the decided record looks like, at most PAGE_RECORD_BYTES of it made on the page. */
	void (*render)(struct page *page, const struct desk *desk, const struct record *record,
		       const uint8_t *payload);
};

extern const struct form form_tagged, form_plain, form_terminal, form_escaped, form_hex, form_json;

/* The form that --output names. */
const struct form *form_of(enum output_form output);

/* ---- what the forms share ---- */

/* A record's text: what was held back before it and its payload, but for what was had and what is held back now. */
struct text {
	uint64_t offset; /* in the stream */
	size_t count;
	const uint8_t *bytes; /* in the payload, or joined */
	uint8_t joined[UTF8_CHARACTER_MAX_BYTES - 1 + RECORD_PAYLOAD_MAX_BYTES];
};

/* Fills it in; with a record without bytes of the stream it is what was held back. */
void form_text(struct text *text, const struct record *record, const uint8_t *payload);

/* What the record leaves held back: bytes of a character, and zeros. */
void form_hold(const struct record *record, const uint8_t *payload, uint8_t held[3]);

/* Where the output stands after the text of a data record, as it does before if there is none. */
void form_advance_text(struct text_state *state, const struct record *record, const uint8_t *payload);

/* Did the record's connection write last? */
bool form_is_source(const struct text_state *state, const struct record *record);

/* Each writes at `at` and returns where it has come to. */
static inline uint8_t *form_put(uint8_t *at, const char *text)
{
	size_t count = strlen(text); /* of a literal the compiler knows it */

	memcpy(at, text, count);
	return at + count;
}
uint8_t *form_put_number(uint8_t *at, uint64_t number);
/* In lower-case hexadecimal, with zeros before it if it has fewer digits than `least`. */
uint8_t *form_put_hex(uint8_t *at, uint64_t number, int least);
uint8_t *form_put_address(uint8_t *at, const struct address *address);
/*
 * Of `count` bytes, which begin with no plain one (utf8.h): a tab or a character that may be shown as it is, or
 * else one byte as \xHH. *used: how many bytes that was.
 */
uint8_t *form_put_other(uint8_t *at, const uint8_t *bytes, size_t count, size_t *used);

/* The payload of a record that has one of this kind; RECORD_OPEN may be without, which only a hostile worker does here. */
struct record_open form_open_note(const struct record *record, const uint8_t *payload);
struct record_lost form_lost_note(const uint8_t *payload);
struct record_close form_close_note(const uint8_t *payload);

/* How many bytes such a record says are not in the log: of them that were not told of before, and in all. */
uint64_t form_lost_bytes(const struct record_lost *note);
uint64_t form_unlogged_bytes(const struct record_close *note);

/* The verdict of a form whose lines are each whole. */
uint8_t form_whole_lines(const struct text_state *state, const struct record *record);

/* The reason as a word. */
const char *form_reason(uint64_t reason);

enum { FORM_EVENT_BYTES = RECORD_MESSAGE_MAX_BYTES };

/*
 * The line that says what has happened to a connection besides its bytes, or a message; at most FORM_EVENT_BYTES, and
 * none with most records.
 */
uint8_t *form_put_event(uint8_t *at, const struct record *record, const uint8_t *payload);

#endif
