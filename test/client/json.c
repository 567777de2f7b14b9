/*
 * Reads JSON. See json.h.
 *
 * A function that returns false has said in `wrong` what was wrong where the reader stands.
 */
#include "json.h"

#include <stdio.h>
#include <string.h>

#include "utf8.h"

enum { DEPTH_MAX = 8 };

struct reader {
	struct json *json;
	const char *next, *end;
	const char *wrong;
	char path[sizeof(((struct json_value *)NULL)->path)];
	unsigned depth;
};

static bool is_wrong(struct reader *reader, const char *what)
{
	reader->wrong = what;
	return false;
}

static void skip_space(struct reader *reader)
{
	while (reader->next < reader->end && strchr(" \t\r\n", *reader->next) != NULL &&
	       *reader->next != '\0') {
		reader->json->spaced = true;
		reader->next++;
	}
}

static bool at(const struct reader *reader, char character)
{
	return reader->next < reader->end && *reader->next == character;
}

static bool take(struct reader *reader, char character)
{
	if (!at(reader, character))
		return false;
	reader->next++;
	return true;
}

/* ---- strings ---- */

static void put(struct json *json, uint32_t character)
{
	json->strings_bytes += utf8_encode(character, json->strings + json->strings_bytes);
}

/* Four digits; *lower tells whether the letters among them are small. */
static bool take_four_digits(struct reader *reader, uint32_t *value, bool *lower)
{
	*value = 0;
	for (int i = 0; i < 4; i++, reader->next++) {
		int digit = reader->next < reader->end ? *reader->next : 0;

		if (digit >= '0' && digit <= '9')
			*value = *value << 4 | (uint32_t)(digit - '0');
		else if (digit >= 'a' && digit <= 'f')
			*value = *value << 4 | (uint32_t)(digit - 'a' + 10);
		else if (digit >= 'A' && digit <= 'F')
			*value = *value << 4 | (uint32_t)(digit - 'A' + 10);
		else
			return is_wrong(reader, "\\u without four digits");
		*lower &= digit < 'A' || digit > 'F';
	}
	return true;
}

/* Behind \u: the character, of two if the first is half of one. */
static bool take_numbered(struct reader *reader, uint32_t *character, bool *lower)
{
	uint32_t low;

	if (!take_four_digits(reader, character, lower))
		return false;
	if (!utf8_is_surrogate(*character))
		return true;
	if (*character >= 0xdc00 || !take(reader, '\\') || !take(reader, 'u') ||
	    !take_four_digits(reader, &low, lower) || low < 0xdc00 || low >= UTF8_SURROGATES_END)
		return is_wrong(reader, "half a character");
	*character = 0x10000 + ((*character - 0xd800) << 10) + (low - 0xdc00);
	return true;
}

static bool take_escape(struct reader *reader)
{
	static const char letters[] = "\"\\bfnrt/";
	static const char meanings[] = "\"\\\b\f\n\r\t/";
	const char *letter;
	uint32_t character;
	bool lower = true;

	if (reader->next == reader->end)
		return is_wrong(reader, "a string without its end");
	letter = memchr(letters, *reader->next, sizeof(letters) - 1);
	if (letter != NULL && *letter != '/') {
		put(reader->json, (uint8_t)meanings[letter - letters]);
		reader->next++;
		return true;
	}
	if (letter != NULL)
		return is_wrong(reader, "\\/, which the log does not write");
	if (!take(reader, 'u'))
		return is_wrong(reader, "a backslash that stands for nothing");
	if (!take_numbered(reader, &character, &lower))
		return false;
	if (!lower || !utf8_unsafe(character) ||
	    (character < 0x80 && strchr("\b\f\r", (int)character) != NULL && character != 0))
		return is_wrong(reader, "\\u where the log writes it in another way");
	put(reader->json, character);
	return true;
}

/* One that needs no escape. */
static bool take_character(struct reader *reader)
{
	size_t bytes;
	uint32_t character = utf8_decode(reader->next, reader->end, &bytes);

	if (character == UTF8_INVALID)
		return is_wrong(reader, "a string that is not UTF-8");
	if (character < 0x20 || utf8_unsafe(character))
		return is_wrong(reader, "an unsafe character in a string as it is");
	put(reader->json, character);
	reader->next += bytes;
	return true;
}

static bool take_string(struct reader *reader, const char **bytes, size_t *length)
{
	struct json *json = reader->json;

	if (!take(reader, '"'))
		return is_wrong(reader, "no string");
	*bytes = json->strings + json->strings_bytes;
	while (!take(reader, '"')) {
		if (reader->next == reader->end)
			return is_wrong(reader, "a string without its end");
		if (take(reader, '\\') ? !take_escape(reader) : !take_character(reader))
			return false;
	}
	*length = (size_t)(json->strings + json->strings_bytes - *bytes);
	json->strings[json->strings_bytes++] = '\0';
	return true;
}

/* ---- other values ---- */

static bool take_digits(struct reader *reader)
{
	const char *start = reader->next;

	while (reader->next < reader->end && *reader->next >= '0' && *reader->next <= '9')
		reader->next++;
	return reader->next > start;
}

static bool take_number(struct reader *reader, struct json_value *value)
{
	bool whole = !take(reader, '-');
	const char *start = reader->next;

	if (!take_digits(reader) || (*start == '0' && reader->next > start + 1))
		return is_wrong(reader, "not a number");
	for (const char *digit = start; digit < reader->next; digit++)
		whole = whole && !__builtin_mul_overflow(value->number, 10, &value->number) &&
			!__builtin_add_overflow(value->number, (uint64_t)(*digit - '0'), &value->number);
	if (take(reader, '.')) {
		whole = false;
		if (!take_digits(reader))
			return is_wrong(reader, "not a number");
	}
	if (take(reader, 'e') || take(reader, 'E')) {
		whole = false;
		if (!take(reader, '+'))
			take(reader, '-');
		if (!take_digits(reader))
			return is_wrong(reader, "not a number");
	}
	value->type = whole ? JSON_NUMBER : JSON_OTHER;
	return true;
}

static bool take_literal(struct reader *reader)
{
	static const char *const literals[] = { "true", "false", "null" };

	for (int i = 0; i < 3; i++) {
		size_t length = strlen(literals[i]);

		if ((size_t)(reader->end - reader->next) >= length &&
		    memcmp(reader->next, literals[i], length) == 0) {
			reader->next += length;
			return true;
		}
	}
	return is_wrong(reader, "no value");
}

/* A value that is neither an object nor an array. */
static bool take_single(struct reader *reader)
{
	struct json *json = reader->json;
	struct json_value *value = &json->values[json->count];
	size_t order_length = strlen(json->order);

	if (json->count == JSON_VALUES_MAX || order_length + strlen(reader->path) + 2 > sizeof(json->order))
		return is_wrong(reader, "more than a line of the log has");
	*value = (struct json_value){ .type = JSON_OTHER };
	memcpy(value->path, reader->path, sizeof(value->path));
	snprintf(json->order + order_length, sizeof(json->order) - order_length, "%s%s",
		 json->count > 0 ? " " : "", reader->path);
	json->count++;
	if (at(reader, '"')) {
		value->type = JSON_STRING;
		return take_string(reader, &value->bytes, &value->length);
	}
	if (reader->next < reader->end &&
	    (*reader->next == '-' || (*reader->next >= '0' && *reader->next <= '9')))
		return take_number(reader, value);
	return take_literal(reader);
}

/* ---- what contains values ---- */

static bool take_value(struct reader *reader);

static bool take_member(struct reader *reader)
{
	size_t path_length = strlen(reader->path);
	const char *name;
	size_t length;
	bool taken;

	skip_space(reader);
	if (!take_string(reader, &name, &length))
		return false;
	if (strlen(name) != length || path_length + length + 2 > sizeof(reader->path))
		return is_wrong(reader, "a name that the log does not have");
	snprintf(reader->path + path_length, sizeof(reader->path) - path_length, "%s%s",
		 path_length > 0 ? "." : "", name);
	skip_space(reader);
	if (!take(reader, ':'))
		return is_wrong(reader, "a name without ':'");
	taken = take_value(reader);
	reader->path[path_length] = '\0';
	return taken;
}

/* The elements of what is open, to its end, each taken by take_one. */
static bool take_all(struct reader *reader, char last, bool (*take_one)(struct reader *reader))
{
	bool taken = true;

	if (++reader->depth > DEPTH_MAX)
		return is_wrong(reader, "deeper than the log goes");
	skip_space(reader);
	if (!at(reader, last)) {
		do
			taken = take_one(reader);
		while (taken && take(reader, ','));
	}
	reader->depth--;
	if (taken && !take(reader, last))
		return is_wrong(reader, "neither a next value nor the end");
	return taken;
}

static bool take_value(struct reader *reader)
{
	bool taken;

	skip_space(reader);
	if (take(reader, '{'))
		taken = take_all(reader, '}', take_member);
	else if (take(reader, '['))
		taken = take_all(reader, ']', take_value);
	else
		taken = take_single(reader);
	skip_space(reader);
	return taken;
}

const char *json_read(struct json *json, const char *text, const char *end, const char **where)
{
	struct reader reader = { .json = json, .next = text, .end = end };

	json->count = 0;
	json->order[0] = '\0';
	json->spaced = false;
	json->strings_bytes = 0;
	skip_space(&reader);
	if (end - text > JSON_TEXT_MAX)
		is_wrong(&reader, "longer than a line of the log");
	else if (!at(&reader, '{'))
		is_wrong(&reader, "not an object");
	else if (take_value(&reader) && reader.next < end)
		is_wrong(&reader, "more than one value");
	*where = reader.next;
	return reader.wrong;
}

const struct json_value *json_value(const struct json *json, const char *path)
{
	for (size_t i = 0; i < json->count; i++) {
		if (strcmp(json->values[i].path, path) == 0)
			return &json->values[i];
	}
	return NULL;
}
