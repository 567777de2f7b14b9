/* From records to decisions; run by the logger. See decide.h. */
#include "logger/decide.h"

#include "common/commit.h"
#include "common/record.h"
#include "logger/text.h"
#include "logger/verdict.h"

/* Which of the record's bytes were had before, in `skip`, and whether there is anything left. */
static bool is_news(const struct source *source, struct record *record)
{
	record->skip = 0;
	if (record->type == RECORD_OPEN || record->generation != source->generation)
		return (int32_t)(record->generation - source->generation) > 0; /* counts round and round */
	if (record->offset + record->length <= source->next)
		return false;
	if (record->offset < source->next)
		record->skip = (uint16_t)(source->next - record->offset);
	return true;
}

/* The state after the record; carrying it out twice does no harm. */
static void advance_to(struct desk *desk, const struct record *record, const uint8_t *payload)
{
	struct source *source = &desk->sources[record->slot];

	source->next = record->offset + record->length;
	source->generation = record->generation;
	text_advance(&desk->text, record, payload);
}

static void decide(struct desk *desk, enum output_form form, uint8_t *at, struct record *record)
{
	if (!(record->verdict & VERDICT_DECIDED)) {
		if (is_news(&desk->sources[record->slot], record))
			record->verdict = text_verdict(&desk->text, form, record);
		else
			record->verdict = VERDICT_REPEATED;
		record->verdict |= VERDICT_DECIDED;
		verdict_write(at, record->skip, record->verdict);
		fault_point("decide");
	}
	if (!(record->verdict & VERDICT_REPEATED))
		advance_to(desk, record, at + sizeof(*record));
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
			decide(desk, decider->form, at, &record);
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
