/* Telling text from other bytes; run by the logger. See utf8.h. */
#include "logger/utf8.h"

#include <endian.h>
#include <string.h>

enum { WORD_BYTES = sizeof(uint64_t) };

/* A word of such bytes. */
#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* The first byte is the lowest. */
static uint64_t word_at(const uint8_t *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	return le64toh(word);
}

static bool is_plain(uint8_t byte, uint8_t other, uint8_t another)
{
	return byte >= 0x20 && byte < 0x7f && byte != other && byte != another;
}

/* The same for a word of bytes: the highest bit of each that is not plain. No sum is more than its byte holds. */
static uint64_t not_plain(uint64_t word, uint8_t other, uint8_t another)
{
	uint64_t low = word & EACH(0x7f);
	uint64_t printable = (low + EACH(0x60)) & ~(low + EACH(1));
	uint64_t neither = ((low ^ EACH(other)) + EACH(0x7f)) & ((low ^ EACH(another)) + EACH(0x7f));

	return (word | ~(printable & neither)) & EACH(0x80);
}

size_t utf8_plain(const uint8_t *bytes, size_t count, uint8_t other, uint8_t another)
{
	size_t plain = 0;

	for (; count - plain >= WORD_BYTES; plain += WORD_BYTES) {
		uint64_t found = not_plain(word_at(bytes + plain), other, another);

		if (found != 0)
			return plain + (size_t)__builtin_ctzll(found) / 8;
	}
	while (plain < count && is_plain(bytes[plain], other, another))
		plain++;
	return plain;
}

/* The bytes of a character that begins with this one; 0 if none does. */
static size_t length_of(uint8_t first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	return first < 0xe0 ? 2 : (first < 0xf0 ? 3 : 4);
}

/* Can the second byte follow the first? The limits keep out overlong forms, surrogates and what is too large. */
static bool can_follow(uint8_t first, uint8_t second)
{
	uint8_t least = first == 0xe0 ? 0xa0 : (first == 0xf0 ? 0x90 : 0x80);
	uint8_t most = first == 0xed ? 0x9f : (first == 0xf4 ? 0x8f : 0xbf);

	return second >= least && second <= most;
}

/* How many bytes, of `count`, can be the beginning of one character; *length: how many it has. */
static size_t begun(const uint8_t *bytes, size_t count, size_t *length)
{
	size_t there = 1;

	*length = length_of(bytes[0]);
	if (*length < 2 || count < 2)
		return *length == 0 ? 0 : 1;
	if (!can_follow(bytes[0], bytes[1]))
		return 0;
	for (there = 2; there < *length && there < count; there++) {
		if ((bytes[there] & 0xc0) != 0x80)
			return 0;
	}
	return there;
}

size_t utf8_character(const uint8_t *bytes, size_t count)
{
	size_t length;

	return begun(bytes, count, &length) == length ? length : 0;
}

uint32_t utf8_code(const uint8_t *bytes, size_t count)
{
	static const uint8_t masks[UTF8_CHARACTER_MAX_BYTES + 1] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t code = bytes[0] & masks[count];

	for (size_t i = 1; i < count; i++)
		code = code << 6 | (bytes[i] & 0x3f);
	return code;
}

bool utf8_is_unsafe(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x61c || code == 0x200e ||
	       code == 0x200f || (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

/* How many bytes at the beginning are ASCII. */
static size_t ascii(const uint8_t *bytes, size_t count)
{
	size_t at = 0;

	while (count - at >= WORD_BYTES && (word_at(bytes + at) & EACH(0x80)) == 0)
		at += WORD_BYTES;
	while (at < count && bytes[at] < 0x80)
		at++;
	return at;
}

bool utf8_is_valid(const uint8_t *bytes, size_t count)
{
	size_t at = 0;

	while (at < count) {
		size_t length;

		at += ascii(bytes + at, count - at);
		if (at == count)
			return true;
		length = utf8_character(bytes + at, count - at);
		if (length == 0)
			return false;
		at += length;
	}
	return true;
}

size_t utf8_cut(const uint8_t *bytes, size_t count)
{
	for (size_t back = 1; back < UTF8_CHARACTER_MAX_BYTES && back <= count; back++) {
		size_t length;

		if (begun(bytes + count - back, back, &length) == back && length > back)
			return back;
	}
	return 0;
}
