/* The options of the test client's commands: a table for each command, read by one parser. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum option_kind {
	OPTION_END, /* behind the last one */
	OPTION_FLAG,
	OPTION_UNSIGNED,
	OPTION_UINT64,
	OPTION_DOUBLE,
	OPTION_TEXT,
	OPTION_TEXTS,
};

/* An option that may be given several times. */
struct texts {
	const char *each[2];
	unsigned count;
};

/* A letter, and where its value goes. */
struct command_option {
	char letter;
	enum option_kind kind;
	void *value;
	uint64_t most; /* of a number */
};

/* A row of a command's table; the type of what it sets says of which kind it is. */
/* clang-format off */
#define OPTION(letter, value, most)                                                                          \
	{ (letter),                                                                                          \
	  _Generic((value),                                                                                  \
		bool *: OPTION_FLAG,                                                                         \
		unsigned *: OPTION_UNSIGNED,                                                                 \
		uint64_t *: OPTION_UINT64,                                                                   \
		double *: OPTION_DOUBLE,                                                                     \
		const char **: OPTION_TEXT,                                                                  \
		struct texts *: OPTION_TEXTS),                                                               \
	  (value), (most) }
/* clang-format on */

/*
 * Reads a command's options; argv[0] is its name. Returns the words that follow them, which must be so many, or with
 * a negative number at least as many, or writes what was wrong and exits 2.
 */
char **parse_options(int argc, char *argv[], const struct command_option *options, int word_count);

/* Reads a number from 0 to most, or fails naming it. */
uint64_t number(const char *text, uint64_t most);

#endif
