/* From bytes to decisions; run by the logger. See decide.h. */
#include "logger/decide.h"

#include <string.h>

#include "common/clock.h"
#include "common/commit.h"
#include "common/diag.h"
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
	} else if (record->generation != source->generation) {
		source->lost = 0;
	}
	source->next = end_of(record, payload);
	source->generation = record->generation;
	source->closed = record->type == RECORD_CLOSE;
	if (form->holds)
		form_hold(record, payload, source->held);
}

/* Writes the decision into the record's header. */
static void decide(struct desk *desk, const struct form *form, uint8_t *payload, struct record *record)
{
	static const struct source nothing_yet;
	const struct source *source = record_is_of_server(record) ? NULL : &desk->sources[record->slot];

	record->seal = 0;
	record->sequence = (uint16_t)(desk->text.sequence - committed(&desk->buffer_sequence));
	if (source != NULL && !is_news_of(source, record, payload)) {
		record->verdict = VERDICT_REPEATED;
		return;
	}
	record->verdict = form->verdict(&desk->text, record);
	if (source != NULL)
		add_past(record->generation == source->generation ? source : &nothing_yet, record, payload);
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

/* ---- the buffer ---- */

/* Was the record at this place decided, and perhaps not all of that carried out? */
static bool has_decision(const struct desk *desk, uint32_t at)
{
	return committed(&desk->decision_at) == at + 1;
}

/* Clears bytes that are no records, so that nobody takes them for some later. */
static void pass_over(struct desk *desk, struct decider *decider, size_t count)
{
	uint32_t decided = desk_decided(desk);

	memset(desk->buffer + decided, 0, count);
	desk_mark(desk, decided + (uint32_t)count, desk_filled(desk));
	decider->passed_over += count;
}

/* Decides the record at the end of what was decided, of which this is the header. */
static void work_on(struct desk *desk, const struct form *form, struct record *record)
{
	uint32_t decided = desk_decided(desk);
	uint8_t *at = desk->buffer + decided;
	uint8_t *payload = at + sizeof(*record);

	if (!has_decision(desk, decided)) {
		decide(desk, form, payload, record);
		commit(&desk->decision, record->seal);
		commit_at("decide", &desk->decision_at, decided + 1);
	}
	record->seal = committed(&desk->decision);
	advance(desk, form, record, payload);
	fault_point("advance");
	memcpy(at + offsetof(struct record, seal), &record->seal, sizeof(record->seal));
	fault_point("decided");
	desk_mark(desk, decided + (uint32_t)record_bytes(record), desk_filled(desk));
}

static void report(struct decider *decider)
{
	if (decider->passed_over == 0 || !clock_reached(decider->tell_at))
		return;
	diag_seldom(&decider->tell_at, "logger: %ju bytes from the pipe are no records, passed over",
		    (uintmax_t)decider->passed_over);
	decider->passed_over = 0;
}

void decide_tell(struct decider *decider)
{
	decider->tell_at = 0;
	report(decider);
}

void decide_all(struct desk *desk, struct decider *decider)
{
	uint32_t filled = desk_filled(desk);
	uint32_t decided;

	while ((decided = desk_decided(desk)) < filled) {
		struct record record;
		size_t before = 0;

		if (has_decision(desk, decided))
			memcpy(&record, desk->buffer + decided, sizeof(record));
		else
			before = sieve_find(&decider->sieve, desk->buffer + decided, filled - decided,
					    &record);
		if (before > 0) {
			pass_over(desk, decider, before);
			continue;
		}
		if (record_check_of(desk->buffer + decided, &record) != 0)
			commit(&desk->dirty, filled);
		work_on(desk, decider->form, &record);
	}
	report(decider);
}

uint32_t decided_find(const struct desk *desk, uint32_t at, struct record *record)
{
	uint32_t decided = desk_decided(desk);
	const uint8_t *found = memchr(desk->buffer + at, RECORD_MARK_BYTE, decided - at);

	if (found == NULL)
		return decided;
	memcpy(record, found, sizeof(*record));
	return (uint32_t)(found - desk->buffer);
}

void decide_find_uncounted(struct desk *desk, struct sieve *sieve)
{
	uint32_t filled = desk_filled(desk);
	size_t at = filled;
	struct record record;

	for (;;) {
		at += sieve_find(sieve, desk->buffer + at, DESK_BUFFER_BYTES - at, &record);
		if (at == DESK_BUFFER_BYTES)
			break;
		at += record_bytes(&record);
		filled = (uint32_t)at;
	}
	sieve_forgive(sieve); /* or they would be liars before they have lied */
	desk_mark(desk, desk_decided(desk), filled);
}
