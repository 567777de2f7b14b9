/* Records: their layout on the pipe; workers write them, the logger reads them. See record.h. */
#include "common/record.h"

#include <string.h>

size_t record_fit(size_t left, size_t wanted)
{
	size_t room = left - sizeof(struct record);

	room -= room % RECORD_LINE_BYTES;
	return wanted < room ? wanted : room;
}

size_t record_padding(size_t left, size_t length)
{
	size_t behind = left - sizeof(struct record) - length;

	return behind < sizeof(struct record) + RECORD_NOTE_MAX_BYTES ? behind : 0;
}

size_t record_bytes(const struct record *record)
{
	return sizeof(*record) + record->length + record->padding;
}

static bool is_sound(const struct record *record)
{
	switch (record->type) {
	case RECORD_OPEN:
		return record->length == 0 || record->length == sizeof(struct record_open);
	case RECORD_DATA:
		return record->length > 0 && record->length <= RECORD_PAYLOAD_MAX_BYTES;
	case RECORD_LOST:
		return record->length == sizeof(struct record_lost);
	case RECORD_CLOSE:
		return record->length == sizeof(struct record_close);
	case RECORD_START:
		return record->length == sizeof(uint32_t);
	case RECORD_STOP:
		return record->length == 0;
	case RECORD_MESSAGE:
		return record->length > 0 && record->length <= RECORD_MESSAGE_MAX_BYTES;
	default:
		return false;
	}
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
