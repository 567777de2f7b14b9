/* Reads base64. See base64.h. */
#include "base64.h"

#include <stdint.h>
#include <string.h>

enum { GROUP_CHARACTERS = 4, GROUP_BYTES = 3, BITS = 6 };

/* A group's bits, of which the last ones may be of no byte; false if it is no group. */
static bool read_group(const char *group, size_t characters, uint32_t *bits)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	*bits = 0;
	for (size_t i = 0; i < GROUP_CHARACTERS; i++) {
		const char *found =
			i < characters ? memchr(alphabet, group[i], sizeof(alphabet) - 1) : alphabet;

		if (found == NULL)
			return false;
		*bits = *bits << BITS | (uint32_t)(found - alphabet);
	}
	return true;
}

bool base64_decode(const char *from, size_t characters, char *to, size_t *bytes)
{
	*bytes = 0;
	if (characters % GROUP_CHARACTERS != 0)
		return false;
	for (size_t at = 0; at < characters; at += GROUP_CHARACTERS) {
		bool last = at + GROUP_CHARACTERS == characters;
		size_t padding = !last || from[at + 3] != '=' ? 0 : from[at + 2] != '=' ? 1 : 2;
		uint32_t bits;

		if (!read_group(from + at, GROUP_CHARACTERS - padding, &bits))
			return false;
		for (size_t i = 0; i < GROUP_BYTES - padding; i++)
			to[(*bytes)++] = (char)(bits >> (16 - 8 * i));
		if ((bits & ((1U << 8 * padding) - 1)) != 0)
			return false;
	}
	return true;
}
