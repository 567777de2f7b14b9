/* From records to decisions; run by the logger. See decide.h. */
#include "logger/decide.h"

#include <string.h>

#include "common/commit.h"
#include "common/record.h"
#include "logger/verdict.h"

/* How far the record goes in its connection's stream. */
static uint64_t end_of(const struct record *record, const uint8_t *payload)
{
	if (record->type == RECORD_DATA)
		return record->offset + record->length;
	return record->offset + (record->type == RECORD_LOST ? form_lost_note(payload).bytes : 0);
}

/* Is anything of it news about its connection? */
static bool is_news_of(const struct source *source, const struct record *record, const uint8_t *payload)
{
	if (record->type == RECORD_OPEN || record->generation != source->generation)
		return (int32_t)(record->generation - source->generation) > 0; /* counts round and round */
	if (record->type == RECORD_CLOSE || source->closed)
		return !source->closed;
	return end_of(record, payload) > source->next;
}

/* Writes into the record and its payload what of the past its form needs. */
static void add_past(const struct source *source, struct record *record, uint8_t *payload)
{
	uint64_t had = record->offset < source->next ? source->next - record->offset : 0;
	struct record_lost lost;
	struct record_close end;

	memcpy(record->held, source->held, sizeof(record->held));
	switch (record->type) {
	case RECORD_DATA:
		record->skip = (uint16_t)had;
		break;
	case RECORD_LOST:
		lost = form_lost_note(payload);
		lost.had = had;
		lost.before = source->lost;
		memcpy(payload, &lost, sizeof(lost));
		break;
	case RECORD_CLOSE:
		end = form_close_note(payload);
		end.lost = source->lost;
		memcpy(payload, &end, sizeof(end));
		break;
	default:
		break;
	}
}

/* A connection's state after a record of it; carrying it out twice does no harm. */
static void advance_source(struct source *source, const struct form *form, const struct record *record,
			   const uint8_t *payload)
{
	if (record->type == RECORD_LOST) {
		struct record_lost lost = form_lost_note(payload);

		source->lost = lost.before + form_lost_bytes(&lost);
	} else if (record->type == RECORD_OPEN) {
		source->lost = 0;
	}
	source->next = end_of(record, payload);
	source->generation = record->generation;
	source->closed = record->type == RECORD_CLOSE;
	if (form->holds)
		form_hold(record, payload, source->held);
}

static void decide(struct desk *desk, const struct form *form, uint8_t *at, struct record *record)
{
	const struct source *source = &desk->sources[record->slot];
	uint8_t *payload = at + sizeof(*record);

	record->skip = 0;
	memset(record->held, 0, sizeof(record->held));
	record->sequence = (uint16_t)(desk->text.sequence - committed(&desk->buffer_sequence));
	if (!record_is_of_server(record) && !is_news_of(source, record, payload)) {
		record->verdict = VERDICT_REPEATED;
	} else {
		record->verdict = form->verdict(&desk->text, record);
		if (!record_is_of_server(record) && record->generation == source->generation)
			add_past(source, record, payload);
	}
	record->verdict |= VERDICT_DECIDED;
	verdict_write(at, record);
	fault_point("decide");
}

/* The state after a record that was decided; carrying it out twice does no harm. */
static void advance(struct desk *desk, const struct form *form, const struct record *record,
		    const uint8_t *payload)
{
	if (record->verdict & VERDICT_REPEATED)
		return;
	if (!record_is_of_server(record))
		advance_source(&desk->sources[record->slot], form, record, payload);
	desk->text.started |= record->type == RECORD_START;
	desk->text.stopped |= record->type == RECORD_STOP;
	form->advance(desk, &desk->text, record, payload);
}

bool decide_all(struct desk *desk, const struct decider *decider)
{
	uint32_t filled = desk_filled(desk);

	for (;;) {
		uint32_t decided = desk_decided(desk);
		uint8_t *at = desk->buffer + decided;
		struct record record;

		if (decided == filled)
			return true;
		switch (record_find(&record, at, filled - decided, decider->key)) {
		case RECORD_WHOLE:
			if (record.slot >= decider->slots)
				return false;
			if (!(record.verdict & VERDICT_DECIDED))
				decide(desk, decider->form, at, &record);
			advance(desk, decider->form, &record, at + sizeof(record));
			fault_point("advance");
			desk_mark(desk, decided + (uint32_t)record_bytes(&record), filled);
			break;
		case RECORD_PARTIAL:
			return true;
		case RECORD_NONE:
			return false;
		}
	}
}
