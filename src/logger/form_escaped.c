/*
 * The form escaped; run by the logger. See form.h.
 *
 * Lines of text, each with its source, that no client can forge and that tell every byte:
 *
 *   ADDRESS:PORT: TEXT      what the connection's stream says; a single backslash at the end means that the stream
 *                           has not ended the line here, and goes on with it in its next one
 *   ADDRESS:PORT* EVENT     what happened to the connection
 *   echod: MESSAGE          what the server has to say, if that goes where the log goes
 */
#include <string.h>

#include "logger/form.h"
#include "logger/verdict.h"

static uint8_t verdict(const struct text_state *state, const struct record *record)
{
	if (state->mid_line && record->type != RECORD_MESSAGE && form_is_source(state, record))
		return 0;
	return VERDICT_TAG | (state->mid_line ? VERDICT_NEWLINE : 0);
}

static void advance(const struct desk *desk, struct text_state *state, const struct record *record,
		    const uint8_t *payload)
{
	(void)desk;
	if (record->type == RECORD_DATA && record->dropped == 0)
		form_advance_text(state, record, payload);
	else
		state->mid_line = 0;
}

/* A character that is not itself in the log; *used: how many bytes of the stream it was. */
static uint8_t *put_character(uint8_t *at, const uint8_t *bytes, size_t count, size_t *used)
{
	*used = 1;
	if (bytes[0] == '\\')
		return form_put(at, "\\\\");
	if (bytes[0] == '\r')
		return form_put(at, "\\r");
	return form_put_other(at, bytes, count, used);
}

/* The text in lines; *open tells if the last one is begun and not ended, before and afterwards. */
static uint8_t *put_lines(uint8_t *at, const struct record *record, const struct text *text, bool *open)
{
	char prefix[ADDRESS_TEXT_BYTES + 2];
	size_t prefix_bytes = address_text(&record->peer, prefix);
	size_t done = 0, used;

	prefix[prefix_bytes++] = ':';
	prefix[prefix_bytes++] = ' ';
	while (done < text->count) {
		if (!*open) {
			memcpy(at, prefix, prefix_bytes);
			at += prefix_bytes;
		}
		used = utf8_plain(text->bytes + done, text->count - done, '\\', '\\');
		memcpy(at, text->bytes + done, used);
		at += used;
		done += used;
		*open = true;
		if (done == text->count)
			break;
		if (text->bytes[done] == '\n') {
			*at++ = '\n';
			*open = false;
			used = 1;
		} else {
			at = put_character(at, text->bytes + done, text->count - done, &used);
		}
		done += used;
	}
	return at;
}

static void render(struct page *page, const struct desk *desk, const struct record *record,
		   const uint8_t *payload)
{
	uint8_t event[FORM_EVENT_BYTES];
	size_t event_bytes = (size_t)(form_put_event(event, record, payload) - event);
	uint8_t *at = page_room(page);
	bool open = record->verdict != VERDICT_TAG;
	struct text text;

	(void)desk;
	form_text(&text, record, payload);
	if (open && record->verdict & VERDICT_TAG && text.count > 0) {
		at = form_put(at, "\\\n");
		open = false;
	}
	at = put_lines(at, record, &text, &open);
	if (open && event_bytes > 0)
		at = form_put(at, "\\\n");
	memcpy(at, event, event_bytes);
	page_add(page, at + event_bytes);
}

const struct form form_escaped = { .holds = true, .verdict = verdict, .advance = advance, .render = render };
