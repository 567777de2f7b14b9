/* UTF-8, without anything of the server's. See utf8.h. */
#include "utf8.h"

size_t utf8_encode(uint32_t character, char to[UTF8_BYTES_MAX])
{
	size_t bytes = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
	static const uint8_t marks[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

	for (size_t i = bytes - 1; i > 0; i--) {
		to[i] = (char)(0x80 | (character & 0x3f));
		character >>= 6;
	}
	to[0] = (char)(marks[bytes] | character);
	return bytes;
}

/* How many bytes follow a first byte, or -1 if none starts so. */
static int following(uint8_t first)
{
	if (first < 0x80)
		return 0;
	if (first < 0xc2 || first > 0xf4)
		return -1;
	return first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
}

uint32_t utf8_decode(const char *from, const char *end, size_t *bytes)
{
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	int more = following((uint8_t)*from);
	uint32_t character;

	*bytes = 1;
	if (more < 0 || end - from <= more)
		return UTF8_INVALID;
	character = (uint8_t)*from & (more == 0 ? 0x7fU : 0x3fU >> more);
	for (int i = 1; i <= more; i++) {
		if (((uint8_t)from[i] & 0xc0) != 0x80)
			return UTF8_INVALID;
		character = character << 6 | ((uint8_t)from[i] & 0x3f);
	}
	if (character < least[more] || character >= UTF8_END || utf8_is_surrogate(character))
		return UTF8_INVALID;
	*bytes = (size_t)more + 1;
	return character;
}

bool utf8_valid(const char *from, const char *end)
{
	size_t bytes;

	for (; from < end; from += bytes) {
		if (utf8_decode(from, end, &bytes) == UTF8_INVALID)
			return false;
	}
	return true;
}

bool utf8_unsafe(uint32_t character)
{
	if (character < 0x20)
		return character != '\n' && character != '\t';
	return (character >= 0x7f && character < 0xa0) || character == 0x61c ||
	       (character >= 0x200e && character <= 0x200f) || (character >= 0x2028 && character <= 0x202e) ||
	       (character >= 0x2066 && character <= 0x2069);
}

size_t utf8_safe_run(const char *from, const char *end, char stop)
{
	const char *next = from;
	size_t bytes = 1;

	for (; next < end && *next != stop; next += bytes) {
		uint32_t character;

		bytes = 1;
		if (*next >= ' ' && *next <= '~')
			continue;
		character = utf8_decode(next, end, &bytes);
		if (character == UTF8_INVALID || utf8_unsafe(character))
			break;
	}
	return (size_t)(next - from);
}
