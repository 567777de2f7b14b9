/*
 * client logsplit: undoes a form of the log and compares each connection's stream with what was sent on it.
 *
 *     -o  the form: tagged, escaped, hex or json
 *     -c  escaped: a character is escaped only if it is unsafe or a line ends in the middle of it
 *     -u  the server was killed or still runs: the log need not tell the connections' ends, nor its own
 *
 * All but the tagged form may have several connections one after the other from the same address; they are
 * known by their order, in the manifests as in the log.
 */
#include "logsplit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "options.h"

static const struct form {
	const char *name;
	void (*split)(void);
	bool only_lines; /* of payload */
	bool ends;       /* does it tell the connections' ends? */
} forms[] = {
	{ "tagged", split_tagged, true, false },
	{ "escaped", split_escaped, false, true },
	{ "hex", split_hex, false, true },
	{ "json", split_json, false, true },
};

enum { FORMS = sizeof(forms) / sizeof(forms[0]) };

struct log input;

/* ---- the log ---- */

static void map_log(const char *path)
{
	int log_fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;

	if (log_fd < 0 || fstat(log_fd, &status) != 0)
		fail_errno("%s", path);
	if (status.st_size == 0)
		fail("%s is empty", path);
	input.start = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, log_fd, 0);
	if (input.start == MAP_FAILED)
		fail_errno("%s", path);
	close(log_fd);
	input.next = input.start;
	input.end = input.start + status.st_size;
}

void fail_line(const char *format, ...)
{
	char what[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	/* It is one line, whatever the log has. */
	for (char *next = what; *next != '\0'; next++) {
		if (*next < ' ' || *next > '~')
			*next = '?';
	}
	fail("log, line %ju: %s", (uintmax_t)input.line, what);
}

bool take_line(struct text *line)
{
	const char *end;

	if (input.next == input.end)
		return false;
	input.line++;
	end = memchr(input.next, '\n', (size_t)(input.end - input.next));
	line->next = input.next;
	line->end = end != NULL ? end : input.end;
	input.next = end != NULL ? end + 1 : input.end;
	return true;
}

bool line_is_torn(void)
{
	return input.next == input.end && input.end[-1] != '\n';
}

/* ---- what lines are made of ---- */

bool take_words(struct text *text, const char *words)
{
	size_t length = strlen(words);

	if ((size_t)(text->end - text->next) < length || memcmp(text->next, words, length) != 0)
		return false;
	text->next += length;
	return true;
}

bool take_number(struct text *text, uint64_t *number)
{
	const char *start = text->next;

	*number = 0;
	for (; text->next < text->end && *text->next >= '0' && *text->next <= '9'; text->next++) {
		if (__builtin_mul_overflow(*number, 10, number) ||
		    __builtin_add_overflow(*number, (uint64_t)(*text->next - '0'), number))
			return false;
	}
	return text->next > start && (*start != '0' || text->next == start + 1);
}

bool take_name(struct text *text)
{
	const char *start = text->next;

	while (text->next < text->end && ((*text->next >= 'a' && *text->next <= 'z') || *text->next == '_'))
		text->next++;
	return text->next > start;
}

bool is_address(const char *text)
{
	const char *colon = strrchr(text, ':');
	bool bracketed = text[0] == '[' && colon != NULL && colon > text + 1 && colon[-1] == ']';
	unsigned char binary[sizeof(struct in6_addr)];
	char host[ADDRESS_BYTES], again[ADDRESS_BYTES];
	struct text port;
	uint64_t port_number;

	if (colon == NULL)
		return false;
	port = (struct text){ .next = colon + 1, .end = text + strlen(text) };
	if (!take_number(&port, &port_number) || port.next < port.end || port_number > UINT16_MAX)
		return false;
	snprintf(host, sizeof(host), "%.*s", (int)(colon - text) - 2 * bracketed, text + bracketed);
	return inet_pton(bracketed ? AF_INET6 : AF_INET, host, binary) == 1 &&
	       inet_ntop(bracketed ? AF_INET6 : AF_INET, binary, again, sizeof(again)) != NULL &&
	       strcmp(host, again) == 0;
}

/* ---- the command ---- */

static const struct form *find_form(const char *name)
{
	for (int i = 0; i < FORMS; i++) {
		if (strcmp(forms[i].name, name) == 0)
			return &forms[i];
	}
	fail("'%s' is not a form of the log", name);
}

int logsplit_main(int argc, char *argv[])
{
	const char *form_name = forms[0].name;
	const struct command_option table[] = {
		OPTION('o', &form_name, 0),
		OPTION('c', &input.whole_characters, 0),
		OPTION('u', &input.unfinished, 0),
		{ .kind = OPTION_END },
	};
	char **words = parse_options(argc, argv, table, -2);
	const struct form *form = find_form(form_name);

	for (char **manifest = words + 1; *manifest != NULL; manifest++)
		read_manifest(*manifest);
	sort_sources(form->only_lines);
	map_log(words[0]);
	form->split();
	check_all_found(form->ends && !input.unfinished);
	say("%zu connections, %td bytes of log", source_count(), input.end - input.start);
	return 0;
}
