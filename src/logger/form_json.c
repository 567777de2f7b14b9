/*
 * The form json; run by the logger. See form.h.
 *
 * One object a line (RFC 8259) with the keys in this order, no longer than LINE_MAX_BYTES, named as the Elastic
 * Common Schema and OpenTelemetry name such things. Bytes that are text are "data", others "data_base64".
 */
#include <string.h>
#include <time.h>

#include "common/diag.h"
#include "logger/form.h"

enum {
	LINE_MAX_BYTES = 16 << 10, /* where Docker's log drivers cut */
	/* The bytes of a stream in one line: each can take six. */
	LINE_DATA_BYTES = 2560,
	ENVELOPE_BYTES = 512, /* the most that the rest of a line takes */
};

_Static_assert(6 * LINE_DATA_BYTES + ENVELOPE_BYTES <= LINE_MAX_BYTES,
	       "whatever the bytes are, a line is short");
/* A record's lines, data and an event, make no more than a page has place for, and the desk's can be counted. */
_Static_assert(3 * LINE_MAX_BYTES <= PAGE_RECORD_BYTES, "a record fits a page");
_Static_assert(DESK_BUFFER_BYTES / sizeof(struct record) * 3 <= UINT16_MAX, "a sequence fits its record");

/* ---- how many lines ---- */

/* How many of `left` bytes the next line takes: no character is cut that could be kept whole. */
static size_t line_bytes(const uint8_t *bytes, size_t left)
{
	size_t count = LINE_DATA_BYTES;

	if (left <= LINE_DATA_BYTES)
		return left;
	for (int i = 1; i < UTF8_CHARACTER_MAX_BYTES && (bytes[count] & 0xc0) == 0x80; i++)
		count--;
	return (bytes[count] & 0xc0) == 0x80 ? LINE_DATA_BYTES : count;
}

static uint32_t lines_of(const struct record *record, const uint8_t *payload)
{
	struct text text;
	uint32_t lines = record->type != RECORD_DATA || record->dropped > 0;

	if (record_is_of_server(record))
		return lines;
	form_text(&text, record, payload);
	for (size_t done = 0; done < text.count; lines++)
		done += line_bytes(text.bytes + done, text.count - done);
	return lines;
}

static void advance(const struct desk *desk, struct text_state *state, const struct record *record,
		    const uint8_t *payload)
{
	state->sequence = committed(&desk->buffer_sequence) + record->sequence + lines_of(record, payload);
}

/* ---- values ---- */

static uint8_t *put_digits(uint8_t *at, unsigned number, int digits)
{
	for (int i = digits - 1; i >= 0; i--, number /= 10)
		at[i] = (uint8_t)('0' + number % 10);
	return at + digits;
}

/* RFC 3339, in UTC. */
static uint8_t *put_time(uint8_t *at, uint64_t usecs)
{
	static time_t known_secs = -1; /* most lines are of the same second as the one before */
	static struct tm utc;
	time_t secs = (time_t)(usecs / 1000000);

	if (secs != known_secs && gmtime_r(&secs, &utc) != NULL)
		known_secs = secs;
	at = form_put(put_digits(at, (unsigned)utc.tm_year + 1900, 4), "-");
	at = form_put(put_digits(at, (unsigned)utc.tm_mon + 1, 2), "-");
	at = form_put(put_digits(at, (unsigned)utc.tm_mday, 2), "T");
	at = form_put(put_digits(at, (unsigned)utc.tm_hour, 2), ":");
	at = form_put(put_digits(at, (unsigned)utc.tm_min, 2), ":");
	at = form_put(put_digits(at, (unsigned)utc.tm_sec, 2), ".");
	return form_put(put_digits(at, (unsigned)(usecs % 1000000), 6), "Z");
}

/* The members address and port. */
static uint8_t *put_endpoint(uint8_t *at, const struct address *address)
{
	char text[ADDRESS_TEXT_BYTES];
	char *colon;

	address_text(address, text);
	colon = strrchr(text, ':');
	at = form_put(at, "\"address\":\"");
	if (text[0] == '[') {
		colon[-1] = '\0';
		at = form_put(at, text + 1);
	} else {
		*colon = '\0';
		at = form_put(at, text);
	}
	return form_put(form_put(at, "\",\"port\":"), colon + 1);
}

static uint8_t *put_base64(uint8_t *at, const uint8_t *bytes, size_t count)
{
	static const char names[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t done = 0;

	for (; done < count; done += 3) {
		size_t left = count - done;
		uint32_t group = (uint32_t)bytes[done] << 16 |
				 (left > 1 ? (uint32_t)bytes[done + 1] << 8 : 0) |
				 (left > 2 ? bytes[done + 2] : 0);

		*at++ = (uint8_t)names[group >> 18];
		*at++ = (uint8_t)names[group >> 12 & 63];
		*at++ = (uint8_t)(left > 1 ? names[group >> 6 & 63] : '=');
		*at++ = (uint8_t)(left > 2 ? names[group & 63] : '=');
	}
	return at;
}

/* A character that is not itself in a string; *used: how many bytes of the text it is. */
static uint8_t *put_character(uint8_t *at, const uint8_t *bytes, size_t count, size_t *used)
{
	/* clang-format off */
	static const uint8_t letters[UINT8_MAX + 1] = {
		['"'] = '"', ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't',
	};
	/* clang-format on */
	uint32_t code;

	if (letters[bytes[0]] != 0) {
		*at++ = '\\';
		*at++ = letters[bytes[0]];
		*used = 1;
		return at;
	}
	*used = utf8_character(bytes, count);
	code = utf8_code(bytes, *used);
	if (!utf8_is_unsafe(code)) {
		memcpy(at, bytes, *used);
		return at + *used;
	}
	return form_put_hex(form_put(at, "\\u"), code, 4);
}

/* What is between the quotes of a string, of text that is valid. */
static uint8_t *put_string(uint8_t *at, const uint8_t *bytes, size_t count)
{
	size_t done = 0, used;

	for (;;) {
		used = utf8_plain(bytes + done, count - done, '"', '\\');
		memcpy(at, bytes + done, used);
		at += used;
		done += used;
		if (done == count)
			return at;
		at = put_character(at, bytes + done, count - done, &used);
		done += used;
	}
}

/* ---- lines ---- */

/* Up to the event's action; more of the event may follow. */
static uint8_t *put_head(uint8_t *at, const struct record *record, uint64_t sequence, const char *action)
{
	at = put_time(form_put(at, "{\"time\":\""), record->time_usecs);
	at = form_put(form_put(at, "\",\"event\":{\"action\":\""), action);
	return form_put_number(form_put(at, "\",\"sequence\":"), sequence);
}

/* From the event's end to the client's port; more of the client may follow. */
static uint8_t *put_connection(uint8_t *at, const struct desk *desk, const struct record *record)
{
	at = form_put_hex(form_put(at, "},\"connection\":{\"id\":\""), committed(&desk->run), 1);
	at = form_put_number(form_put(at, "-"), record->slot);
	at = form_put_number(form_put(at, "-"), record->generation);
	return put_endpoint(form_put(at, "\"},\"client\":{"), &record->peer);
}

static uint8_t *put_range(uint8_t *at, uint64_t offset, uint64_t length)
{
	at = form_put_number(form_put(at, "},\"offset\":"), offset);
	return form_put_number(form_put(at, ",\"length\":"), length);
}

static uint8_t *put_data(uint8_t *at, const uint8_t *bytes, size_t count)
{
	if (utf8_is_valid(bytes, count))
		at = put_string(form_put(at, ",\"data\":\""), bytes, count);
	else
		at = put_base64(form_put(at, ",\"data_base64\":\""), bytes, count);
	return form_put(at, "\"}\n");
}

static uint8_t *put_open(uint8_t *at, const struct desk *desk, const struct record *record, uint64_t sequence,
			 const uint8_t *payload)
{
	struct record_open note = form_open_note(record, payload);

	at = put_connection(put_head(at, record, sequence, "open"), desk, record);
	at = put_endpoint(form_put(at, "},\"server\":{"), &note.server);
	at = form_put(at, "},\"network\":{\"transport\":\"tcp\",\"type\":\"ipv");
	at = form_put(at, address_is_ipv4(&record->peer) ? "4\"" : "6\"");
	if (note.proxy.port != 0)
		at = form_put(put_endpoint(form_put(at, ",\"peer\":{"), &note.proxy), "}");
	return form_put(at, "}}\n");
}

static uint8_t *put_drop(uint8_t *at, const struct desk *desk, const struct record *record, uint64_t sequence)
{
	at = form_put(put_head(at, record, sequence, "drop"), ",\"reason\":\"buffer_full\"");
	at = put_range(put_connection(at, desk, record), record->offset + record->length - record->dropped,
		       record->dropped);
	return form_put(at, "}\n");
}

static uint8_t *put_lost(uint8_t *at, const struct desk *desk, const struct record *record, uint64_t sequence,
			 const uint8_t *payload)
{
	struct record_lost note = form_lost_note(payload);

	at = put_connection(put_head(at, record, sequence, "lost"), desk, record);
	return form_put(put_range(at, record->offset + note.had, form_lost_bytes(&note)), "}\n");
}

static uint8_t *put_close(uint8_t *at, const struct desk *desk, const struct record *record,
			  uint64_t sequence, const uint8_t *payload)
{
	struct record_close note = form_close_note(payload);

	at = form_put(put_head(at, record, sequence, "close"), ",\"reason\":\"");
	at = form_put(form_put(at, form_reason(note.reason)), "\",\"duration\":");
	at = put_connection(form_put_number(at, note.duration_usecs * 1000), desk, record);
	at = form_put_number(form_put(at, ",\"bytes\":"), note.received);
	at = form_put_number(form_put(at, "},\"server\":{\"bytes\":"), note.echoed);
	at = form_put_number(form_put(at, "},\"dropped_bytes\":"), note.dropped);
	if (form_unlogged_bytes(&note) > 0)
		at = form_put_number(form_put(at, ",\"unlogged\":"), form_unlogged_bytes(&note));
	return form_put(at, "}\n");
}

/* Of the line the text alone; a byte that is no character, as where a long one was cut, is shown as '?'. */
static uint8_t *put_message(uint8_t *at, const struct record *record, uint64_t sequence,
			    const uint8_t *payload)
{
	size_t done = strlen(DIAG_PREFIX), end = record->length - strlen("\n"), used;

	at = form_put(put_head(at, record, sequence, "message"), "},\"message\":\"");
	for (; done < end; done += used) {
		used = utf8_character(payload + done, end - done);
		at = used > 0 ? put_string(at, payload + done, used) : form_put(at, "?");
		used += used == 0;
	}
	return form_put(at, "\"}\n");
}

static uint8_t *put_server(uint8_t *at, const struct record *record, uint64_t sequence,
			   const uint8_t *payload)
{
	uint32_t pid;

	if (record->type == RECORD_MESSAGE)
		return put_message(at, record, sequence, payload);
	if (record->type == RECORD_STOP)
		return form_put(put_head(at, record, sequence, "stop"), "}}\n");
	memcpy(&pid, payload, sizeof(pid));
	at = put_head(at, record, sequence, "start");
	at = form_put(at, "},\"service\":{\"name\":\"echod\",\"version\":\"" ECHOD_VERSION
			  "\"},\"process\":{\"pid\":");
	return form_put(form_put_number(at, pid), "}}\n");
}

static void render(struct page *page, const struct desk *desk, const struct record *record,
		   const uint8_t *payload)
{
	uint8_t *at = page_room(page);
	uint64_t sequence = committed(&desk->buffer_sequence) + record->sequence;
	struct text text;
	size_t count;

	if (record_is_of_server(record)) {
		page_add(page, put_server(at, record, sequence, payload));
		return;
	}
	form_text(&text, record, payload);
	for (size_t done = 0; done < text.count; done += count) {
		count = line_bytes(text.bytes + done, text.count - done);
		at = put_connection(put_head(at, record, sequence++, "data"), desk, record);
		at = put_data(put_range(at, text.offset + done, count), text.bytes + done, count);
	}
	if (record->type == RECORD_OPEN)
		at = put_open(at, desk, record, sequence, payload);
	else if (record->type == RECORD_LOST)
		at = put_lost(at, desk, record, sequence, payload);
	else if (record->type == RECORD_CLOSE)
		at = put_close(at, desk, record, sequence, payload);
	else if (record->dropped > 0)
		at = put_drop(at, desk, record, sequence);
	page_add(page, at);
}

const struct form form_json = {
	.holds = true, .tells_server = true, .verdict = form_whole_lines, .advance = advance, .render = render
};
