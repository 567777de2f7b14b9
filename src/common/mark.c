/* Finding marks; a pure function that any process calls. See mark.h. */
#include "common/mark.h"

#include <stdbool.h>
#include <string.h>

#include "common/record.h"

/* Each is looked at as four words; of a mark's bytes four in a row are one of these, wherever it lies. */
typedef uint32_t lanes __attribute__((vector_size(16)));

enum { STRIDE_BYTES = 8 * sizeof(lanes) };

static lanes lanes_with_mark(const uint8_t *at)
{
	lanes loaded;

	memcpy(&loaded, at, sizeof(loaded));
	return loaded == (uint32_t)RECORD_MARK;
}

static bool is_any(lanes found)
{
	uint64_t halves[2];

	memcpy(halves, &found, sizeof(halves));
	return (halves[0] | halves[1]) != 0;
}

/* Could a mark begin or go on in these STRIDE_BYTES? */
static bool has_lane(const uint8_t *at)
{
	return is_any(((lanes_with_mark(at) | lanes_with_mark(at + 16)) |
		       (lanes_with_mark(at + 32) | lanes_with_mark(at + 48))) |
		      ((lanes_with_mark(at + 64) | lanes_with_mark(at + 80)) |
		       (lanes_with_mark(at + 96) | lanes_with_mark(at + 112))));
}

static bool is_word_of_mark(const uint8_t *at)
{
	uint32_t word;

	memcpy(&word, at, sizeof(word));
	return word == (uint32_t)RECORD_MARK;
}

/* The first word in the grid of words from `at` on that a mark may have left there; `count` or a bit less if none. */
static size_t find_word(const uint8_t *bytes, size_t at, size_t count)
{
	while (at + STRIDE_BYTES <= count && !has_lane(bytes + at))
		at += STRIDE_BYTES;
	while (at + sizeof(lanes) <= count && !is_any(lanes_with_mark(bytes + at)))
		at += sizeof(lanes);
	while (at + sizeof(uint32_t) <= count && !is_word_of_mark(bytes + at))
		at += sizeof(uint32_t);
	return at + sizeof(uint32_t) <= count ? at : count;
}

size_t mark_find(const uint8_t *bytes, size_t from, size_t count)
{
	size_t at = from;

	while ((at = find_word(bytes, at, count)) < count) {
		size_t first = at;

		while (first > from && bytes[first - 1] == RECORD_MARK_BYTE)
			first--;
		while (at < count && bytes[at] == RECORD_MARK_BYTE)
			at++;
		if (at - first >= RECORD_MARK_BYTES)
			return at - RECORD_MARK_BYTES;
	}
	return count;
}
