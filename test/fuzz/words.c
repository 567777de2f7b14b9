/* What a user may write: addresses, numbers, and whole command lines. */
#include <getopt.h>

#include "common/address.h"
#include "common/diag.h"
#include "common/number.h"
#include "fuzz.h"
#include "options.h"

enum { WORDS_MAX = 32 };

static bool swallow(const void *context, const char *line, size_t length)
{
	(void)context;
	MUST(length > 0 && length <= DIAG_LINE_BYTES && line[length - 1] == '\n');
	MUST(memchr(line, '\n', length) == line + length - 1);
	return true;
}

static void check_address(const char *word)
{
	struct address address, again;
	char text[ADDRESS_TEXT_BYTES];

	if (address_from_text(&address, word) != 0)
		return;
	MUST(address_text(&address, text) == strlen(text));
	MUST(address_from_text(&again, text) == 0 && address_equals(&address, &again));
}

static void check_number(const char *word)
{
	char text[32];
	uint64_t value;

	if (!number_from_text(word, UINT64_MAX, &value))
		return;
	snprintf(text, sizeof(text), "%ju", (uintmax_t)value);
	MUST(strcmp(text, word + strspn(word, "0")) == 0 || value == 0);
}

/* Not those that print much and mean the end. */
static bool is_question(const char *word)
{
	return word[0] == '-' && (strpbrk(word, "hV") != NULL);
}

static void check_command(int count, char **words)
{
	struct options options;

	optind = 0; /* getopt(3) begins anew */
	if (options_parse(count, words, &options) != OPTIONS_RUN)
		return;
	MUST(options.listen_count >= 1 && options.listen_count <= OPTIONS_LISTEN_MAX);
	MUST(options.workers <= OPTIONS_WORKERS_MAX && options.buffer_bytes > 0);
	MUST(options.drain_timeout_msecs >= 0 && options.idle_timeout_msecs >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	char *text = malloc(count + 1);
	char *words[WORDS_MAX + 2] = { "echod" };
	int word_count = 1;

	if (text == NULL)
		return 0;
	memcpy(text, bytes, count);
	text[count] = '\0';
	diag_through(swallow, NULL);
	/* Each line is a word. */
	for (char *word = strtok(text, "\n"); word != NULL && word_count <= WORDS_MAX;
	     word = strtok(NULL, "\n")) {
		check_address(word);
		check_number(word);
		if (!is_question(word))
			words[word_count++] = word;
	}
	check_command(word_count, words);
	free(text);
	return 0;
}
