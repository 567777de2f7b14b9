/*
 * The command line: argv in, one struct options out; main() calls this once, before anything else runs.
 *
 * Each option is one row of the table: what it is called, what --help says of it, and the function that takes
 * its value. Nothing is guessed: a value is taken as a whole or refused as a whole, in one line that names it.
 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/diag.h"

/* No sum over as many clients as there can be descriptors comes near overflow with this. */
#define SIZE_BYTES_MAX ((uint64_t)1 << 40)

enum {
	DEFAULT_PORT = 1234,
	HELP_COLUMN = 31, /* where the text on an option starts in a line of --help */
	HELP_LINES_MAX = 2,
	WORDS_MAX = 5,    /* words that one option can choose from */
	OPERAND = 1,      /* what getopt_long() has for a letter of a word that is no option ... */
	OPERAND_IS = 'l', /* ... and the option whose value it is */
	LOG_BYTES = 256,  /* from here on options have no letter */
	STATUS_SOCKET,
	NO_SANDBOX,
};

/* One option; what its `take` has no use for is left out. */
struct row {
	int letter;
	const char *name;
	const char *value_name; /* in --help; NULL if the option takes no value */
	const char *help[HELP_LINES_MAX];
	/* Takes the value over; OPTIONS_RUN to go on. */
	enum options_result (*take)(const struct row *row, const char *value, struct options *options);
	size_t field;                 /* offset in struct options of what it sets */
	const char *words[WORDS_MAX]; /* each stands for its index, the value of an enum */
	unsigned max;                 /* of a number */
	bool flag;                    /* what a flag sets its field to */
	bool or_none;                 /* of a size 0 is taken, too */
};

static bool has_letter(const struct row *row)
{
	return row->letter < LOG_BYTES;
}

static void *field_of(const struct row *row, struct options *options)
{
	return (char *)options + row->field;
}

/* Reports the value of an option as wrong. */
static enum options_result refuse(const struct row *row, const char *value, const char *expected)
{
	diag("--%s: '%s' is not %s", row->name, value, expected);
	return OPTIONS_WRONG;
}

struct unit {
	const char *suffix;
	uint64_t factor;
};

/* Reads a number that ends in one of the units (the last has no suffix); false if it is not one from 0 to max. */
static bool read_quantity(const char *text, const struct unit *units, uint64_t max, uint64_t *value)
{
	char *suffix;

	if (*text < '0' || *text > '9') /* strtoull() takes blanks and signs */
		return false;
	errno = 0;
	*value = strtoull(text, &suffix, 10);
	if (errno != 0)
		return false;
	for (; units->suffix != NULL; units++) {
		if (strcmp(suffix, units->suffix) == 0)
			return !__builtin_mul_overflow(*value, units->factor, value) && *value <= max;
	}
	return false;
}

static enum options_result take_size(const struct row *row, const char *value, struct options *options)
{
	static const struct unit units[] = {
		{ "", 1 },        { "K", 1 << 10 }, { "k", 1 << 10 }, { "M", 1 << 20 },
		{ "m", 1 << 20 }, { "G", 1 << 30 }, { "g", 1 << 30 }, { NULL, 0 },
	};
	uint64_t *bytes = field_of(row, options);
	char expected[sizeof("a size from 1 to 1024G (a number, then K, M, G or nothing)")];

	if (read_quantity(value, units, SIZE_BYTES_MAX, bytes) && (*bytes > 0 || row->or_none))
		return OPTIONS_RUN;
	snprintf(expected, sizeof(expected), "a size from %d to 1024G (a number, then K, M, G or nothing)",
		 row->or_none ? 0 : 1);
	return refuse(row, value, expected);
}

static enum options_result take_time(const struct row *row, const char *value, struct options *options)
{
	static const struct unit units[] = {
		{ "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { NULL, 0 }
	};
	int *msecs = field_of(row, options);
	uint64_t total;

	if (!read_quantity(value, units, INT_MAX, &total))
		return refuse(row, value,
			      "a time from 0 to 2147483647ms (a number, then ms, s, m or nothing)");
	*msecs = (int)total;
	return OPTIONS_RUN;
}

static enum options_result take_count(const struct row *row, const char *value, struct options *options)
{
	static const struct unit units[] = { { "", 1 }, { NULL, 0 } };
	unsigned *count = field_of(row, options);
	uint64_t total;

	if (!read_quantity(value, units, row->max, &total) || total == 0) {
		char expected[sizeof("a number from 1 to 4294967295")];

		snprintf(expected, sizeof(expected), "a number from 1 to %u", row->max);
		return refuse(row, value, expected);
	}
	*count = (unsigned)total;
	return OPTIONS_RUN;
}

/* Sets an enum, which is an unsigned int to gcc and clang if no value of it is negative. */
static enum options_result take_word(const struct row *row, const char *value, struct options *options)
{
	unsigned *chosen = field_of(row, options);
	char expected[80] = "";
	size_t length = 0;

	for (unsigned i = 0; i < WORDS_MAX && row->words[i] != NULL; i++) {
		bool last = i + 1 == WORDS_MAX || row->words[i + 1] == NULL;

		if (strcmp(value, row->words[i]) == 0) {
			*chosen = i;
			return OPTIONS_RUN;
		}
		length += (size_t)snprintf(expected + length, sizeof(expected) - length, "%s%s",
					   i == 0 ? "" : (last ? " or " : ", "), row->words[i]);
	}
	return refuse(row, value, expected);
}

/* What stands for the port where no address is named: the whole value, or what is behind ":" or "*:". */
static const char *port_of(const char *value)
{
	if (value[0] == '*' && value[1] == ':')
		value++;
	return *value == ':' ? value + 1 : value;
}

static enum options_result take_listen(const struct row *row, const char *value, struct options *options)
{
	struct listen_at at = { .any = false };

	if (address_from_text(&at.address, value) != 0) {
		if (address_port_from_text(&at.address.port, port_of(value)) != 0)
			return refuse(row, value,
				      "PORT, IPV4:PORT or [IPV6]:PORT with a PORT from 0 to 65535");
		at.any = true;
	}
	if (options->listen_count == OPTIONS_LISTEN_MAX) {
		diag("--%s: '%s' is one too many, %d are allowed", row->name, value, OPTIONS_LISTEN_MAX);
		return OPTIONS_WRONG;
	}
	options->listen[options->listen_count++] = at;
	return OPTIONS_RUN;
}

/* An address of a socket has its path with a NUL behind it, for other programs' sake (unix(7)). */
static enum options_result take_path(const struct row *row, const char *value, struct options *options)
{
	const char **path = field_of(row, options);
	size_t most = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
	char expected[sizeof("a path of 1 to 18446744073709551615 bytes")];

	if (*value != '\0' && strlen(value) <= most) {
		*path = value;
		return OPTIONS_RUN;
	}
	snprintf(expected, sizeof(expected), "a path of 1 to %zu bytes", most);
	return refuse(row, value, expected);
}

/* USER or USER:GROUP; who that is the system tells, when it starts. */
static enum options_result take_user(const struct row *row, const char *value, struct options *options)
{
	const char *group = strchr(value, ':');

	if (*value == '\0' || group == value || (group != NULL && group[1] == '\0'))
		return refuse(row, value, "USER or USER:GROUP");
	options->user = value;
	return OPTIONS_RUN;
}

static enum options_result take_flag(const struct row *row, const char *value, struct options *options)
{
	(void)value;
	*(bool *)field_of(row, options) = row->flag;
	return OPTIONS_RUN;
}

/* Has all of an answer been written? */
static enum options_result answered(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return OPTIONS_EXIT;
	diag_errno("standard output");
	return OPTIONS_FAILED;
}

static enum options_result show_version(const struct row *row, const char *value, struct options *options)
{
	(void)row, (void)value, (void)options;
	puts("echod " ECHOD_VERSION);
	return answered();
}

static enum options_result show_help(const struct row *row, const char *value, struct options *options);

#define FIELD(name) .field = offsetof(struct options, name)

/* All options, in the order of --help. Only the usage line, in show_help(), names them a second time. */
static const struct row table[] = {
	/* clang-format off */
	{ 'l', "listen", "[ADDRESS:]PORT",
	  { "where to listen, may be repeated: 7, 127.0.0.1:7,", "[::1]:7; port 0 takes a free one (1234)" },
	  .take = take_listen },
	{ 'w', "workers", "N", { "worker processes (one for each processor)" },
	  .take = take_count, FIELD(workers), .max = OPTIONS_WORKERS_MAX },
	{ 'b', "buffer", "SIZE", { "echo buffer of one client (2M)" },
	  .take = take_size, FIELD(buffer_bytes) },
	{ 'B', "buffer-total", "SIZE", { "echo buffers of all clients together (256M)" },
	  .take = take_size, FIELD(buffer_total_bytes) },
	{ 'f', "when-full", "POLICY",
	  { "what is done with bytes that do not fit a buffer:", "drop them, pause reading or close (drop)" },
	  .take = take_word, FIELD(when_full),
	  .words = { [WHEN_FULL_DROP] = "drop", [WHEN_FULL_PAUSE] = "pause", [WHEN_FULL_CLOSE] = "close" } },
	{ 'c', "max-clients", "N", { "clients served at once (as limits allow)" },
	  .take = take_count, FIELD(max_clients), .max = INT_MAX },
	{ 'C', "max-per-address", "N", { "clients at once from an IPv4 address or IPv6 /64" },
	  .take = take_count, FIELD(max_per_address), .max = INT_MAX },
	{ 'd', "drain-timeout", "TIME", { "how long a shutdown waits for clients (10s)" },
	  .take = take_time, FIELD(drain_timeout_msecs) },
	{ 'i', "idle-timeout", "TIME", { "close after so long without a byte (never)" },
	  .take = take_time, FIELD(idle_timeout_msecs) },
	{ 's', "stall-timeout", "TIME", { "close if the echo buffer stands still (never)" },
	  .take = take_time, FIELD(stall_timeout_msecs) },
	{ 'n', "no-echo", NULL, { "log only, send nothing back" },
	  .take = take_flag, FIELD(echo), .flag = false },
	{ 'o', "output", "FORM",
	  { "tagged (ADDRESS:PORT where the source changes),", "plain, escaped, hex or json (tagged)" },
	  .take = take_word, FIELD(output),
	  .words = { [OUTPUT_TAGGED] = "tagged", [OUTPUT_PLAIN] = "plain", [OUTPUT_ESCAPED] = "escaped",
		     [OUTPUT_HEX] = "hex", [OUTPUT_JSON] = "json" } },
	{ 'L', "when-log-stalls", "WHAT",
	  { "while the log does not move: wait or drop (wait)" },
	  .take = take_word, FIELD(when_log_stalls),
	  .words = { [LOG_STALLS_WAIT] = "wait", [LOG_STALLS_DROP] = "drop" } },
	{ LOG_BYTES, "log-bytes", "SIZE", { "log only the first bytes of each connection (all)" },
	  .take = take_size, FIELD(log_bytes), .or_none = true },
	{ 'E', "skip-empty", NULL, { "connections that send nothing are not logged" },
	  .take = take_flag, FIELD(skip_empty), .flag = true },
	{ 'P', "proxy-protocol", NULL, { "a PROXY header comes first and names the client" },
	  .take = take_flag, FIELD(proxy_protocol), .flag = true },
	{ STATUS_SOCKET, "status-socket", "PATH", { "tell the status to all who connect to this", "Unix socket" },
	  .take = take_path, FIELD(status_path) },
	{ 'u', "user", "USER[:GROUP]", { "who to be instead of root, once it listens" }, .take = take_user },
	{ NO_SANDBOX, "no-sandbox", NULL, { "do not confine workers and logger (seccomp)" },
	  .take = take_flag, FIELD(sandbox), .flag = false },
	{ 'q', "quiet", NULL, { "no start-up line" }, .take = take_flag, FIELD(quiet), .flag = true },
	{ 'v', "verbose", NULL, { "a line for each connection closed" },
	  .take = take_flag, FIELD(verbose), .flag = true },
	{ 'h', "help", NULL, { "this text" }, .take = show_help },
	{ 'V', "version", NULL, { "the version" }, .take = show_version },
	/* clang-format on */
};

enum { ROWS = sizeof(table) / sizeof(table[0]) };

static enum options_result show_help(const struct row *row, const char *value, struct options *options)
{
	(void)value, (void)options;
	puts("Usage: echod [-EhnPqvV] [-b SIZE] [-B SIZE] [-c N] [-C N] [-d TIME] [-f POLICY]\n"
	     "             [-i TIME] [-l [ADDRESS:]PORT]... [-L WHAT] [-o FORM] [-s TIME]\n"
	     "             [-u USER[:GROUP]] [-w N] [--log-bytes=SIZE]\n"
	     "             [--no-sandbox] [--status-socket=PATH] [[ADDRESS:]PORT]...\n"
	     "A TCP echo server that writes everything it receives to standard output.\n"
	     "[ADDRESS:]PORT says where to listen, with -l or without it.\n");
	for (row = table; row < table + ROWS; row++) {
		int column = has_letter(row) ? printf("  -%c, ", row->letter) : printf("      ");

		column += printf("--%s%s%s", row->name, row->value_name != NULL ? "=" : "",
				 row->value_name != NULL ? row->value_name : "");

		for (int i = 0; i < HELP_LINES_MAX && row->help[i] != NULL; i++, column = 0)
			printf("%*s%s\n", HELP_COLUMN - column, "", row->help[i]);
	}
	puts("\nSIZE may end in K, M or G (1024), TIME in ms, s or m.\n"
	     "Example: echod --no-echo 127.0.0.1:8080 >>echo.log\n"
	     "See echod(1).");
	return answered();
}

/* Are standard output and standard error one file, or one terminal? */
static bool outputs_are_one(void)
{
	struct stat output, error;

	return fstat(STDOUT_FILENO, &output) == 0 && fstat(STDERR_FILENO, &error) == 0 &&
	       output.st_dev == error.st_dev && output.st_ino == error.st_ino &&
	       output.st_rdev == error.st_rdev;
}

static void set_defaults(struct options *options)
{
	*options = (struct options){
		.buffer_bytes = 2 << 20,
		.when_full = WHEN_FULL_DROP,
		.drain_timeout_msecs = 10 * 1000,
		.echo = true,
		.sandbox = true,
		.output = OUTPUT_TAGGED,
		.log_bytes = UINT64_MAX,
		.messages_in_log = outputs_are_one(),
	};
}

static const struct row *find_row(int letter)
{
	for (const struct row *row = table; row < table + ROWS; row++) {
		if (row->letter == letter)
			return row;
	}
	return NULL;
}

/* How many long options start like the one in this word? */
static unsigned candidates(const char *word)
{
	const char *name = word + strlen("--");
	size_t length = strcspn(name, "=");
	unsigned count = 0;

	for (const struct row *row = table; row < table + ROWS; row++)
		count += strncmp(name, row->name, length) == 0;
	return count;
}

/* What to add where this word has an unknown option: other servers have -p and --port. */
static const char *advice(const char *word)
{
	static const char port[] = "--port";
	size_t length = strlen(port);

	if (optopt == 'p' ||
	    (strncmp(word, port, length) == 0 && (word[length] == '\0' || word[length] == '=')))
		return "; a port is given by itself, as in 'echod 7', or with --listen";
	return "";
}

/* Reports a word, one long option or several letters, of which getopt_long() said '?' or ':'. */
static enum options_result refuse_word(int said, const char *word)
{
	if (said == ':')
		diag("%s: the option needs a value", word);
	else if (optopt != 0 && find_row(optopt) != NULL)
		diag("%s: the option takes no value", word);
	else if (optopt != 0)
		diag("unknown option '%c' in '%s'%s", optopt, word, advice(word));
	else if (candidates(word) > 1)
		diag("ambiguous option '%s'", word);
	else
		diag("unknown option '%s'%s", word, advice(word));
	return OPTIONS_WRONG;
}

/* Adds the table as getopt_long() wants it to empty lists that have room for it. */
static void list_options(char *letters, struct option *names)
{
	for (const struct row *row = table; row < table + ROWS; row++) {
		bool has_value = row->value_name != NULL;

		if (has_letter(row))
			*letters++ = (char)row->letter;
		if (has_letter(row) && has_value)
			*letters++ = ':';
		*names++ = (struct option){ row->name, has_value, NULL, row->letter };
	}
}

/* What is left out of the log must be told, which this form cannot. */
static enum options_result check_plain(const struct options *options)
{
	if (options->output != OUTPUT_PLAIN)
		return OPTIONS_RUN;
	if (options->log_bytes != UINT64_MAX)
		diag("--log-bytes: --output=plain could not say what is left out");
	else if (options->when_log_stalls == LOG_STALLS_DROP)
		diag("--when-log-stalls=drop: --output=plain could not say what is left out");
	else
		return OPTIONS_RUN;
	return OPTIONS_WRONG;
}

enum options_result options_parse(int argc, char *const argv[], struct options *options)
{
	/* "-" gives operands between options, too; ":" keeps getopt_long() quiet and tells what was wrong. */
	char letters[2 + 2 * ROWS + 1] = "-:";
	struct option names[ROWS + 1] = { { .name = NULL } };
	const char *word = argv[optind]; /* the word that getopt_long() is about to look at */
	enum options_result result = OPTIONS_RUN;
	int letter;

	list_options(letters + strlen(letters), names);
	set_defaults(options);
	while (result == OPTIONS_RUN && (letter = getopt_long(argc, argv, letters, names, NULL)) >= 0) {
		const struct row *row = find_row(letter == OPERAND ? OPERAND_IS : letter);

		result = row != NULL ? row->take(row, optarg, options) : refuse_word(letter, word);
		word = argv[optind];
	}
	for (; result == OPTIONS_RUN && optind < argc; optind++) /* what is behind "--" */
		result = take_listen(find_row(OPERAND_IS), argv[optind], options);
	if (result == OPTIONS_RUN)
		result = check_plain(options);
	if (options->output == OUTPUT_TAGGED && isatty(STDOUT_FILENO))
		options->output = OUTPUT_TERMINAL;
	options->listen_given = options->listen_count > 0;
	if (!options->listen_given) {
		options->listen[0] = (struct listen_at){ .any = true, .address.port = DEFAULT_PORT };
		options->listen_count = 1;
	}
	return result;
}
