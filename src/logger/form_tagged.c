/*
 * The forms tagged and plain; run by the logger. See form.h.
 *
 * Bytes as they came, and a line for each connection. With tagged the source's address stands where the source
 * changes, on a line of its own if the one before has not ended. A message is such a line, too.
 */
#include <string.h>

#include "logger/form.h"
#include "logger/form_tagged.h"
#include "logger/verdict.h"

uint8_t tagged_verdict(const struct text_state *state, const struct record *record)
{
	uint8_t newline = state->mid_line ? VERDICT_NEWLINE : 0;

	switch (record->type) {
	case RECORD_OPEN:
	case RECORD_MESSAGE:
		return newline;
	case RECORD_LOST:
	case RECORD_CLOSE:
		return newline | VERDICT_TAG;
	default:
		return form_is_source(state, record) ? 0 : newline | VERDICT_TAG;
	}
}

static uint8_t plain_verdict(const struct text_state *state, const struct record *record)
{
	return record->type == RECORD_OPEN || record->type == RECORD_MESSAGE ? tagged_verdict(state, record)
									     : 0;
}

static void advance(const struct desk *desk, struct text_state *state, const struct record *record,
		    const uint8_t *payload)
{
	(void)desk;
	if (record->type == RECORD_CLOSE && tagged_unlogged(record, payload) == 0)
		return;
	state->slot = record->slot;
	state->generation = record->type == RECORD_DATA ? record->generation : 0;
	state->mid_line = record->type == RECORD_DATA && payload[record->length - 1] != '\n';
}

uint64_t tagged_unlogged(const struct record *record, const uint8_t *payload)
{
	struct record_lost lost;

	if (record->type == RECORD_CLOSE)
		return form_close_note(payload).unlogged;
	if (record->type != RECORD_LOST)
		return 0;
	lost = form_lost_note(payload);
	return form_lost_bytes(&lost);
}

uint8_t *tagged_put_lead(uint8_t *at, const struct record *record)
{
	if (record->verdict & VERDICT_NEWLINE)
		at = form_put(at, "\n");
	if (record->type == RECORD_OPEN)
		return form_put(form_put_address(form_put(at, "New connection from "), &record->peer), "\n");
	return record->verdict & VERDICT_TAG ? form_put(form_put_address(at, &record->peer), ": ") : at;
}

uint8_t *tagged_put_unlogged(uint8_t *at, uint64_t bytes)
{
	return form_put(form_put_number(form_put(at, "["), bytes), " bytes not logged]\n");
}

static void render(struct page *page, const struct desk *desk, const struct record *record,
		   const uint8_t *payload)
{
	uint64_t unlogged = tagged_unlogged(record, payload);

	(void)desk;
	if (record->type == RECORD_CLOSE || record->type == RECORD_LOST) {
		if (unlogged > 0)
			page_add(page,
				 tagged_put_unlogged(tagged_put_lead(page_room(page), record), unlogged));
		return;
	}
	page_add(page, tagged_put_lead(page_room(page), record));
	if (record->type != RECORD_OPEN)
		page_refer(page, payload + record->skip, (size_t)record->length - record->skip);
}

const struct form form_tagged = { .verdict = tagged_verdict, .advance = advance, .render = render };
const struct form form_plain = { .verdict = plain_verdict, .advance = advance, .render = render };
