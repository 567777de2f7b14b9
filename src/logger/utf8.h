/*
 * What of a client's bytes is text that may be shown as it is; run by the logger.
 *
 * UTF-8 is that of RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF. Unsafe is what changes how
 * other text is shown: control characters (C0, DEL, C1), those that change its direction, and those that end
 * a line or a paragraph to some programs.
 */
#ifndef ECHOD_LOGGER_UTF8_H
#define ECHOD_LOGGER_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UTF8_CHARACTER_MAX_BYTES = 4 };

/* How many bytes at the beginning are printable ASCII (0x20 to 0x7e) and neither of two others, of ASCII, too. */
size_t utf8_plain(const uint8_t *bytes, size_t count, uint8_t other, uint8_t another);

/* The bytes of the character at the beginning, of which `count` are there; 0 if they are none. */
size_t utf8_character(const uint8_t *bytes, size_t count);

/* The code point of a character of so many bytes. */
uint32_t utf8_code(const uint8_t *bytes, size_t count);

/* Is it unsafe to show it? */
bool utf8_is_unsafe(uint32_t code);

/* Are all bytes characters? */
bool utf8_is_valid(const uint8_t *bytes, size_t count);

/* How many bytes at the end, 3 at most, are the beginning of a character and may yet become one. */
size_t utf8_cut(const uint8_t *bytes, size_t count);

#endif
