/* Records: their layout on the pipe; workers write them, the logger reads them. See record.h. */
#include "common/record.h"

#include <string.h>

size_t record_fit(size_t left, size_t wanted, size_t *padding)
{
	size_t room = left - sizeof(struct record);
	size_t length = wanted < room ? wanted : room;

	/* The next record needs a header and at least one byte. */
	*padding = room - length <= sizeof(struct record) ? room - length : 0;
	return length;
}

size_t record_bytes(const struct record *record)
{
	return sizeof(*record) + record->length + record->padding;
}

static bool is_sound(const struct record *record)
{
	if (record->type == RECORD_OPEN)
		return record->length == 0;
	return record->type == RECORD_DATA && record->length > 0 &&
	       record->length <= RECORD_PAYLOAD_MAX_BYTES;
}

enum record_find record_find(struct record *record, const uint8_t *at, size_t available, uint64_t key)
{
	if (available < sizeof(*record))
		return available == 0 ? RECORD_NONE : RECORD_PARTIAL;
	memcpy(record, at, sizeof(*record));
	if (record->key != key || !is_sound(record))
		return RECORD_NONE;
	return record_bytes(record) <= available ? RECORD_WHOLE : RECORD_PARTIAL;
}
