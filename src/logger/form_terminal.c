/*
 * What tagged is on a terminal; run by the logger. See form.h.
 *
 * What a client sends cannot do anything to the terminal, or make other text look different: every byte that
 * could is shown as \xHH.
 */
#include <string.h>

#include "logger/form.h"
#include "logger/form_tagged.h"

static void advance(const struct desk *desk, struct text_state *state, const struct record *record,
		    const uint8_t *payload)
{
	(void)desk;
	if (record->type == RECORD_DATA) {
		form_advance_text(state, record, payload);
	} else if ((record->type != RECORD_CLOSE && record->type != RECORD_LOST) || record->held[0] != 0 ||
		   tagged_unlogged(record, payload) > 0) {
		state->generation = 0;
		state->mid_line = 0;
	}
}

static uint8_t *put_safe(uint8_t *at, const struct text *text)
{
	size_t done = 0;

	while (done < text->count) {
		size_t used = utf8_plain(text->bytes + done, text->count - done, 0, 0);

		if (used > 0) {
			memcpy(at, text->bytes + done, used);
			at += used;
		} else if (text->bytes[done] == '\n') {
			*at++ = '\n';
			used = 1;
		} else {
			at = form_put_other(at, text->bytes + done, text->count - done, &used);
		}
		done += used;
	}
	return at;
}

/* Where a stream ends or something of it is left out there may be the beginning of a character. */
static uint8_t *put_end(uint8_t *at, const struct record *record, const struct text *text, uint64_t unlogged)
{
	if (text->count > 0)
		at = form_put(put_safe(tagged_put_lead(at, record), text), "\n");
	if (unlogged == 0)
		return at;
	if (text->count > 0)
		at = form_put(form_put_address(at, &record->peer), ": ");
	else
		at = tagged_put_lead(at, record);
	return tagged_put_unlogged(at, unlogged);
}

static void render(struct page *page, const struct desk *desk, const struct record *record,
		   const uint8_t *payload)
{
	uint8_t *at = page_room(page);
	struct text text;

	(void)desk;
	if (record->type == RECORD_MESSAGE) {
		page_add(page, tagged_put_lead(at, record));
		page_refer(page, payload, record->length);
		return;
	}
	form_text(&text, record, payload);
	if (record->type == RECORD_CLOSE || record->type == RECORD_LOST)
		at = put_end(at, record, &text, tagged_unlogged(record, payload));
	else if (record->type == RECORD_OPEN || text.count > 0)
		at = put_safe(tagged_put_lead(at, record), &text);
	page_add(page, at);
}

const struct form form_terminal = {
	.holds = true, .verdict = tagged_verdict, .advance = advance, .render = render
};
