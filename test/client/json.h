/*
 * JSON, as RFC 8259 has it: one object's values, by their paths.
 *
 * The parser takes any order, white space and way of writing, and says what it has met of these.
 */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	JSON_TEXT_MAX = 16384, /* the longest object */
	JSON_VALUES_MAX = 32,
	JSON_PATH_MAX = 512, /* of all names together, too */
};

struct json_value {
	char path[64]; /* event.action */
	enum json_type { JSON_STRING, JSON_NUMBER, JSON_OTHER } type;
	const char *bytes; /* of a string, undone, followed by a NUL */
	size_t length;     /* of these */
	uint64_t number;   /* JSON_NUMBER: whole, not negative; other numbers are JSON_OTHER */
};

struct json {
	struct json_value values[JSON_VALUES_MAX]; /* that are no objects, in their order */
	size_t count;
	char order[JSON_PATH_MAX];       /* their paths, a space between two */
	bool spaced;                     /* there was white space outside of strings */
	char strings[2 * JSON_TEXT_MAX]; /* where bytes points to */
	size_t strings_bytes;
};

/*
 * Reads one object, which must be all there is from text to end. Returns NULL, or what is wrong; *where is then the
 * place. A string in which a character that utf8_unsafe() tells of stands as it is, or one that need not be escaped
 * is, or in another way than the log does it, is wrong, too.
 */
const char *json_read(struct json *json, const char *text, const char *end, const char **where);

/* The value of this path, or NULL. */
const struct json_value *json_value(const struct json *json, const char *path);

#endif
