/* When a line is ended and a source named; run by the logger. See text.h. */
#include "logger/text.h"

#include <stdbool.h>
#include <string.h>

#include "logger/verdict.h"

static bool is_source(const struct text_state *state, const struct record *record)
{
	return state->slot == record->slot && state->generation == record->generation;
}

uint8_t text_verdict(const struct text_state *state, enum output_form form, const struct record *record)
{
	uint8_t newline = state->mid_line ? VERDICT_NEWLINE : 0;

	if (record->type == RECORD_OPEN)
		return newline;
	if (form == OUTPUT_PLAIN || is_source(state, record))
		return 0;
	return newline | VERDICT_TAG;
}

void text_advance(struct text_state *state, const struct record *record, const uint8_t *payload)
{
	if (record->type == RECORD_OPEN) {
		state->generation = 0;
		state->mid_line = 0;
		return;
	}
	state->slot = record->slot;
	state->generation = record->generation;
	state->mid_line = payload[record->length - 1] != '\n';
}

size_t text_lead(const struct record *record, char lead[TEXT_LEAD_BYTES])
{
	char *end = lead;

	*end = '\0';
	if (record->verdict & VERDICT_NEWLINE)
		end = stpcpy(end, "\n");
	if (record->type == RECORD_OPEN) {
		end = stpcpy(end, "New connection from ");
		end += address_text(&record->peer, end);
		end = stpcpy(end, "\n");
	} else if (record->verdict & VERDICT_TAG) {
		end += address_text(&record->peer, end);
		end = stpcpy(end, ": ");
	}
	return (size_t)(end - lead);
}
