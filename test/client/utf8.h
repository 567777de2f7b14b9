/*
 * UTF-8 as RFC 3629 has it, and which of its characters the log must not have as they are.
 */
#ifndef UTF8_H
#define UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	UTF8_BYTES_MAX = 4, /* of a character */
	UTF8_SURROGATES = 0xd800,
	UTF8_SURROGATES_END = 0xe000,
	UTF8_END = 0x110000, /* no character is this or more */
	UTF8_INVALID = UINT32_C(0xffffff),
};

static inline bool utf8_is_surrogate(uint32_t character)
{
	return character >= UTF8_SURROGATES && character < UTF8_SURROGATES_END;
}

/* Writes a character, returns how many bytes it has. */
size_t utf8_encode(uint32_t character, char to[UTF8_BYTES_MAX]);

/* The character that starts here and how many bytes it has; UTF8_INVALID, with one byte, if none does. */
uint32_t utf8_decode(const char *from, const char *end, size_t *bytes);

/* Are all of these bytes parts of characters? */
bool utf8_valid(const char *from, const char *end);

/* Must the log not have it as it is? A newline and a tab may have their meaning. */
bool utf8_unsafe(uint32_t character);

/* How many bytes there are before the first that is unsafe, or invalid, or this one, which is ASCII. */
size_t utf8_safe_run(const char *from, const char *end, char stop);

#endif
