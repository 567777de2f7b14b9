/* From argv to a command's options. See options.h. */
#include "options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client.h"

enum { LETTERS_MAX = 32 };

uint64_t number(const char *text, uint64_t most)
{
	char *end;
	uintmax_t value;

	errno = 0;
	value = strtoumax(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || *text == '-' || value > most)
		fail("'%s' is not a number up to %" PRIu64, text, most);
	return value;
}

static double fraction(const char *text, double most)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end != '\0' || !(value >= 0 && value <= most))
		fail("'%s' is not a number up to %g", text, most);
	return value;
}

static void take(const struct command_option *option, const char *text)
{
	struct texts *texts = option->value;

	switch (option->kind) {
	case OPTION_FLAG:
		*(bool *)option->value = true;
		break;
	case OPTION_UNSIGNED:
		*(unsigned *)option->value = (unsigned)number(text, option->most);
		break;
	case OPTION_UINT64:
		*(uint64_t *)option->value = number(text, option->most);
		break;
	case OPTION_DOUBLE:
		*(double *)option->value = fraction(text, (double)option->most);
		break;
	case OPTION_TEXT:
		*(const char **)option->value = text;
		break;
	case OPTION_TEXTS:
		if (texts->count == sizeof(texts->each) / sizeof(texts->each[0]))
			fail("-%c %s is one too many", option->letter, text);
		texts->each[texts->count++] = text;
		break;
	case OPTION_END:
		exit(2); /* getopt() has said which letter it does not know */
	}
}

char **parse_options(int argc, char *argv[], const struct command_option *options, int word_count)
{
	char letters[2 * LETTERS_MAX + 1] = "";
	int length = 0;
	int letter;

	for (const struct command_option *option = options; option->kind != OPTION_END; option++)
		length += snprintf(letters + length, sizeof(letters) - (size_t)length, "%c%s", option->letter,
				   option->kind == OPTION_FLAG ? "" : ":");
	while ((letter = getopt(argc, argv, letters)) >= 0) {
		const struct command_option *option = options;

		while (option->kind != OPTION_END && option->letter != letter)
			option++;
		take(option, optarg);
	}
	if (word_count < 0 ? argc - optind < -word_count : argc - optind != word_count) {
		fprintf(stderr, "client: %s needs %d arguments behind its options\n", argv[0],
			abs(word_count));
		exit(2);
	}
	return argv + optind;
}
