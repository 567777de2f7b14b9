/* Which bytes are records; run by the logger. See sieve.h. */
#include "logger/sieve.h"

#include <string.h>

#include "common/mark.h"
#include "common/message.h"
#include "logger/form.h"

/* Instants and durations beyond which no honest worker comes. */
#define TIME_MAX_USECS     UINT64_C(253402300799999999) /* the last of the year 9999 */
#define DURATION_MAX_USECS (UINT64_MAX / 1000)          /* the log has nanoseconds */

/* ---- is it a record? ---- */

static bool is_of_connection(const struct sieve *sieve, const struct record *record)
{
	return record->slot < sieve->slots && record->generation != 0;
}

static bool is_of_process(const struct sieve *sieve, const struct record *record)
{
	return record->generation == 0 &&
	       (record->slot >= RECORD_OF_LOGGER ||
		(record->slot >= RECORD_OF_WORKERS && record->slot - RECORD_OF_WORKERS < sieve->workers));
}

static bool is_lost_note(const struct record *record, const uint8_t *payload)
{
	struct record_lost note;

	if (record->length != sizeof(note))
		return false;
	note = form_lost_note(payload);
	/* What is the reader's is no place for a mark either: no check is of it. */
	return note.bytes > 0 && note.bytes <= RECORD_POSITION_MAX - record->offset &&
	       note.had <= RECORD_POSITION_MAX && note.before <= RECORD_POSITION_MAX;
}

static bool is_close_note(const struct record *record, const uint8_t *payload)
{
	struct record_close note;

	if (record->length != sizeof(note))
		return false;
	note = form_close_note(payload);
	return note.received <= RECORD_POSITION_MAX && note.unlogged <= note.received &&
	       note.lost <= RECORD_POSITION_MAX && note.duration_usecs <= DURATION_MAX_USECS &&
	       note.reason < CLOSE_REASONS;
}

/* Could an honest process have written it? */
static bool is_sound(const struct sieve *sieve, const struct record *record, const uint8_t *payload)
{
	switch (record->type) {
	case RECORD_OPEN:
		return is_of_connection(sieve, record) &&
		       (record->length == 0 || record->length == sizeof(struct record_open));
	case RECORD_DATA:
		return is_of_connection(sieve, record) && record->length > 0;
	case RECORD_LOST:
		return is_of_connection(sieve, record) && is_lost_note(record, payload);
	case RECORD_CLOSE:
		return is_of_connection(sieve, record) && is_close_note(record, payload);
	case RECORD_START:
		return record->slot == RECORD_OF_LOGGER && record->length == sizeof(uint32_t);
	case RECORD_STOP:
		return record->slot == RECORD_OF_LOGGER && record->length == 0;
	case RECORD_MESSAGE:
		return (is_of_connection(sieve, record) || is_of_process(sieve, record)) &&
		       message_is_sound(record->slot, &record->peer, (const char *)payload, record->length);
	default:
		return false;
	}
}

static bool is_sealed(struct sieve *sieve, const struct record *record)
{
	const uint8_t *identity = (const uint8_t *)record + offsetof(struct record, seal);
	struct sieve_identity *known = &sieve->known[record->slot % SIEVE_KNOWN_MAX];

	if (memcmp(known->bytes, identity, sizeof(known->bytes)) == 0)
		return true;
	if (record->seal != record_seal(sieve->key, record->slot, record->generation,
					sieve->peers_are_claimed ? NULL : &record->peer))
		return false;
	memcpy(known->bytes, identity, sizeof(known->bytes));
	return true;
}

/* Is its padding, but for the check, all zeros? Then nobody's seal lies there or goes on behind it. */
static bool has_end(const struct record *record, const uint8_t *bytes)
{
	static const uint8_t zeros[UINT8_MAX];
	size_t check_end = sizeof(*record) + record->length + sizeof(uint64_t);

	return record->padding >= RECORD_TAIL_BYTES &&
	       memcmp(bytes + check_end, zeros, record_bytes(record) - check_end) == 0;
}

/* Is it a record that lies there, whatever lies in it? */
static bool is_genuine(struct sieve *sieve, const uint8_t *bytes, size_t count, struct record *record)
{
	if (count < sizeof(*record))
		return false;
	memcpy(record, bytes, sizeof(*record));
	return record->mark == RECORD_MARK && record_bytes(record) <= RECORD_BLOCK_BYTES &&
	       record_bytes(record) <= count && has_end(record, bytes) &&
	       record->offset <= RECORD_POSITION_MAX - RECORD_BLOCK_BYTES &&
	       record->time_usecs <= TIME_MAX_USECS && is_sound(sieve, record, bytes + sizeof(*record)) &&
	       is_sealed(sieve, record);
}

/* ---- and is that all it is? ---- */

/*
 * Is the check of a sealed record right? Of a connection of which one was wrong none is believed any more, nor of those
 * that had its place before: somebody had its seal who should not, and to make many checks would take long.
 */
static bool is_checked(struct sieve *sieve, const uint8_t *bytes, const struct record *record, uint64_t check)
{
	uint32_t *liar = is_of_connection(sieve, record) ? &sieve->liars[record->slot] : NULL;

	if (liar != NULL && *liar != 0 && (int32_t)(record->generation - *liar) <= 0)
		return false;
	if (check == record_check(bytes, record))
		return true;
	if (liar != NULL)
		*liar = record->generation;
	return false;
}

/* Does no other record begin in a sealed one, or is what looks so known to be its own? */
static bool is_whole(struct sieve *sieve, const uint8_t *bytes, const struct record *record)
{
	size_t end = record_bytes(record);
	uint64_t check = record_check_of(bytes, record);

	return check == 0 ? mark_find(bytes, RECORD_MARK_BYTES, end) == end
			  : is_checked(sieve, bytes, record, check);
}

size_t sieve_find(struct sieve *sieve, const uint8_t *bytes, size_t count, struct record *record)
{
	size_t at = 0;

	while (at < count &&
	       !(is_genuine(sieve, bytes + at, count - at, record) && is_whole(sieve, bytes + at, record)))
		at = mark_find(bytes, at + 1, count);
	return at;
}

void sieve_forgive(struct sieve *sieve)
{
	memset(sieve->liars, 0, sieve->slots * sizeof(*sieve->liars));
}
