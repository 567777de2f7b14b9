/* What the forms of the log share; run by the logger. See form.h. */
#include "logger/form.h"

#include <string.h>

const struct form *form_of(enum output_form output)
{
	static const struct form *const forms[] = {
		[OUTPUT_TAGGED] = &form_tagged,   [OUTPUT_PLAIN] = &form_plain,
		[OUTPUT_ESCAPED] = &form_escaped, [OUTPUT_HEX] = &form_hex,
		[OUTPUT_JSON] = &form_json,       [OUTPUT_TERMINAL] = &form_terminal,
	};

	return forms[output];
}

/* ---- a record's text ---- */

static size_t held_bytes(const struct record *record)
{
	size_t count = 0;

	while (count < sizeof(record->held) && record->held[count] != 0)
		count++;
	return count;
}

/* What is held back and what is new, one after the other; rarely is anything held back. */
static void join(struct text *text, const struct record *record, const uint8_t *payload)
{
	size_t held = held_bytes(record);
	size_t fresh = record->type == RECORD_DATA ? (size_t)record->length - record->skip : 0;

	text->bytes = payload + record->skip;
	if (held > 0) {
		memcpy(text->joined, record->held, held);
		memcpy(text->joined + held, payload + record->skip, fresh);
		text->bytes = text->joined;
	}
	text->offset = record->offset + record->skip - held;
	if (record->type == RECORD_LOST)
		text->offset += form_lost_note(payload).had;
	text->count = held + fresh;
}

void form_text(struct text *text, const struct record *record, const uint8_t *payload)
{
	join(text, record, payload);
	if (record->type == RECORD_DATA)
		text->count -= utf8_cut(text->bytes, text->count);
}

void form_hold(const struct record *record, const uint8_t *payload, uint8_t held[3])
{
	struct text text;
	size_t cut;

	memset(held, 0, 3);
	if (record->type != RECORD_DATA)
		return;
	join(&text, record, payload);
	cut = utf8_cut(text.bytes, text.count);
	memcpy(held, text.bytes + text.count - cut, cut);
}

void form_advance_text(struct text_state *state, const struct record *record, const uint8_t *payload)
{
	struct text text;

	form_text(&text, record, payload);
	if (text.count == 0)
		return;
	state->slot = record->slot;
	state->generation = record->generation;
	state->mid_line = text.bytes[text.count - 1] != '\n';
}

uint8_t form_whole_lines(const struct text_state *state, const struct record *record)
{
	(void)state, (void)record;
	return 0;
}

bool form_is_source(const struct text_state *state, const struct record *record)
{
	return state->slot == record->slot && state->generation == record->generation;
}

/* ---- words ---- */

uint8_t *form_put_number(uint8_t *at, uint64_t number)
{
	uint8_t digits[20];
	size_t first = sizeof(digits);

	do
		digits[--first] = (uint8_t)('0' + number % 10);
	while ((number /= 10) > 0);
	memcpy(at, digits + first, sizeof(digits) - first);
	return at + sizeof(digits) - first;
}

uint8_t *form_put_hex(uint8_t *at, uint64_t number, int least)
{
	static const char names[] = "0123456789abcdef";
	int digits = least;

	while (digits < 16 && number >> (4 * digits) != 0)
		digits++;
	for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4)
		*at++ = (uint8_t)names[number >> shift & 15];
	return at;
}

uint8_t *form_put_address(uint8_t *at, const struct address *address)
{
	return at + address_text(address, (char *)at);
}

uint8_t *form_put_other(uint8_t *at, const uint8_t *bytes, size_t count, size_t *used)
{
	size_t length = utf8_character(bytes, count);

	if (bytes[0] == '\t' || (length > 0 && !utf8_is_unsafe(utf8_code(bytes, length)))) {
		memcpy(at, bytes, length);
		*used = length;
		return at + length;
	}
	*used = 1;
	return form_put_hex(form_put(at, "\\x"), bytes[0], 2);
}

/* ---- events ---- */

struct record_open form_open_note(const struct record *record, const uint8_t *payload)
{
	struct record_open note = { .server.port = 0 };

	if (record->length == sizeof(note))
		memcpy(&note, payload, sizeof(note));
	return note;
}

struct record_lost form_lost_note(const uint8_t *payload)
{
	struct record_lost note;

	memcpy(&note, payload, sizeof(note));
	return note;
}

struct record_close form_close_note(const uint8_t *payload)
{
	struct record_close note;

	memcpy(&note, payload, sizeof(note));
	return note;
}

uint64_t form_lost_bytes(const struct record_lost *note)
{
	return note->bytes - note->had;
}

uint64_t form_unlogged_bytes(const struct record_close *note)
{
	return note->unlogged + note->lost;
}

const char *form_reason(uint64_t reason)
{
	static const char *const reasons[CLOSE_REASONS] = {
		[CLOSE_CLIENT_END] = "client_end",
		[CLOSE_CLIENT_RESET] = "client_reset",
		[CLOSE_BUFFER_FULL] = "buffer_full",
		[CLOSE_SHUTDOWN] = "shutdown",
		[CLOSE_ERROR] = "error",
		[CLOSE_IDLE] = "idle",
		[CLOSE_STALL] = "stall",
		[CLOSE_PROXY] = "proxy",
	};

	return reasons[reason < CLOSE_REASONS ? reason : CLOSE_ERROR];
}

static uint8_t *put_close(uint8_t *at, const struct record_close *note)
{
	at = form_put(form_put(at, "closed: "), form_reason(note->reason));
	at = form_put_number(form_put(at, ", received "), note->received);
	at = form_put_number(form_put(at, ", echoed "), note->echoed);
	at = form_put_number(form_put(at, ", dropped "), note->dropped);
	if (form_unlogged_bytes(note) > 0)
		at = form_put(form_put_number(form_put(at, ", "), form_unlogged_bytes(note)),
			      " bytes not logged");
	return form_put(at, "\n");
}

_Static_assert(2 * ADDRESS_TEXT_BYTES + 200 <= FORM_EVENT_BYTES,
	       "there is room for what happens to a connection");

uint8_t *form_put_event(uint8_t *at, const struct record *record, const uint8_t *payload)
{
	struct record_open open;
	struct record_lost lost;
	struct record_close close;

	if (record->type == RECORD_DATA && record->dropped == 0)
		return at;
	if (record->type == RECORD_MESSAGE) {
		memcpy(at, payload, record->length);
		return at + record->length;
	}
	at = form_put(form_put_address(at, &record->peer), "* ");
	switch (record->type) {
	case RECORD_OPEN:
		open = form_open_note(record, payload);
		at = form_put_address(form_put(at, "connected to "), &open.server);
		return form_put(at, "\n");
	case RECORD_LOST:
		lost = form_lost_note(payload);
		return form_put(form_put_number(at, form_lost_bytes(&lost)), " bytes not logged\n");
	case RECORD_CLOSE:
		close = form_close_note(payload);
		return put_close(at, &close);
	default:
		at = form_put_number(form_put(at, "dropped "), record->dropped);
		return form_put(at, " bytes\n");
	}
}
