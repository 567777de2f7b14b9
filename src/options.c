/*
 * The command line: argv in, one struct options out; main() calls this once, before anything else runs.
 *
 * Nothing is guessed: a value is taken as a whole or refused as a whole, in one line that names it.
 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/diag.h"

/* No sum over as many clients as there can be descriptors comes near overflow with this. */
#define SIZE_BYTES_MAX ((uint64_t)1 << 40)

enum { DEFAULT_PORT = 1234 };

static const char version_text[] = "echod " ECHOD_VERSION "\n";

static const char help_text[] =
	"Usage: echod [-hnqvV] [-b SIZE] [-B SIZE] [-c N] [-d TIME] [-f POLICY]\n"
	"             [-l [ADDRESS:]PORT]... [-o FORM] [-w N]\n"
	"A TCP echo server that writes everything it receives to standard output.\n"
	"\n"
	"  -l, --listen=[ADDRESS:]PORT  where to listen, may be repeated: 7, 127.0.0.1:7,\n"
	"                               [::1]:7; port 0 takes a free one (1234)\n"
	"  -w, --workers=N              worker processes (processors online)\n"
	"  -b, --buffer=SIZE            echo buffer of one client (2M)\n"
	"  -B, --buffer-total=SIZE      echo buffers of all clients together (256M)\n"
	"  -f, --when-full=POLICY       what is done with bytes that do not fit a buffer:\n"
	"                               drop them, pause reading or close (drop)\n"
	"  -c, --max-clients=N          clients served at once (as RLIMIT_NOFILE allows)\n"
	"  -d, --drain-timeout=TIME     how long a shutdown waits for clients (10s)\n"
	"  -n, --no-echo                log only, send nothing back\n"
	"  -o, --output=FORM            tagged (ADDRESS:PORT where the source changes) or\n"
	"                               plain (tagged)\n"
	"  -q, --quiet                  no start-up line\n"
	"  -v, --verbose                a line for each connection closed\n"
	"  -h, --help                   this text\n"
	"  -V, --version                the version\n"
	"\n"
	"SIZE may end in K, M or G (1024), TIME in ms, s or m. See echod(8).\n";

/* "+" leaves the words in their order, ":" keeps getopt_long() quiet and tells what was wrong. */
static const char short_options[] = "+:b:B:c:d:f:hl:no:qvVw:";

static const struct option long_options[] = {
	{ "buffer", required_argument, NULL, 'b' },
	{ "buffer-total", required_argument, NULL, 'B' },
	{ "drain-timeout", required_argument, NULL, 'd' },
	{ "help", no_argument, NULL, 'h' },
	{ "listen", required_argument, NULL, 'l' },
	{ "max-clients", required_argument, NULL, 'c' },
	{ "no-echo", no_argument, NULL, 'n' },
	{ "output", required_argument, NULL, 'o' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "version", no_argument, NULL, 'V' },
	{ "when-full", required_argument, NULL, 'f' },
	{ "workers", required_argument, NULL, 'w' },
	{ NULL, 0, NULL, 0 },
};

static const char *long_name(int letter)
{
	for (const struct option *option = long_options; option->name != NULL; option++) {
		if (option->val == letter)
			return option->name;
	}
	return NULL;
}

/* Reports the value of an option, given by its letter, as wrong; always false. */
static bool refuse(int letter, const char *value, const char *expected)
{
	diag("--%s: '%s' is not %s", long_name(letter), value, expected);
	return false;
}

/* Reads digits into *value and returns what follows them; NULL if there are none or the value overflows. */
static const char *read_digits(const char *text, uint64_t *value)
{
	uint64_t sum = 0;

	if (*text < '0' || *text > '9')
		return NULL;
	for (; *text >= '0' && *text <= '9'; text++) {
		if (__builtin_mul_overflow(sum, 10, &sum) || __builtin_add_overflow(sum, *text - '0', &sum))
			return NULL;
	}
	*value = sum;
	return text;
}

struct unit {
	const char *suffix;
	uint64_t factor;
};

/* Reads a number that ends in one of the units (the last has no suffix); false if it is not one from 0 to max. */
static bool read_quantity(const char *text, const struct unit *units, uint64_t max, uint64_t *value)
{
	const char *suffix = read_digits(text, value);

	if (suffix == NULL)
		return false;
	for (; units->suffix != NULL; units++) {
		if (strcmp(suffix, units->suffix) == 0)
			return !__builtin_mul_overflow(*value, units->factor, value) && *value <= max;
	}
	return false;
}

static bool parse_size(int letter, const char *value, uint64_t *bytes)
{
	static const struct unit units[] = {
		{ "", 1 }, { "K", 1 << 10 }, { "M", 1 << 20 }, { "G", 1 << 30 }, { NULL, 0 }
	};

	if (!read_quantity(value, units, SIZE_BYTES_MAX, bytes) || *bytes == 0)
		return refuse(letter, value, "a size from 1 to 1024G (a number, then K, M, G or nothing)");
	return true;
}

static bool parse_time(int letter, const char *value, int *msecs)
{
	static const struct unit units[] = {
		{ "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { NULL, 0 }
	};
	uint64_t total;

	if (!read_quantity(value, units, INT_MAX, &total))
		return refuse(letter, value,
			      "a time from 0 to 2147483647ms (a number, then ms, s, m or nothing)");
	*msecs = (int)total;
	return true;
}

static bool parse_count(int letter, const char *value, unsigned max, unsigned *count)
{
	static const struct unit units[] = { { "", 1 }, { NULL, 0 } };
	uint64_t total;

	if (!read_quantity(value, units, max, &total) || total == 0) {
		char expected[sizeof "a number from 1 to 4294967295"];

		snprintf(expected, sizeof expected, "a number from 1 to %u", max);
		return refuse(letter, value, expected);
	}
	*count = (unsigned)total;
	return true;
}

static bool parse_when_full(int letter, const char *value, enum when_full *when_full)
{
	if (strcmp(value, "drop") == 0)
		*when_full = WHEN_FULL_DROP;
	else if (strcmp(value, "pause") == 0)
		*when_full = WHEN_FULL_PAUSE;
	else if (strcmp(value, "close") == 0)
		*when_full = WHEN_FULL_CLOSE;
	else
		return refuse(letter, value, "drop, pause or close");
	return true;
}

static bool parse_output(int letter, const char *value, enum output_form *output)
{
	if (strcmp(value, "tagged") == 0)
		*output = OUTPUT_TAGGED;
	else if (strcmp(value, "plain") == 0)
		*output = OUTPUT_PLAIN;
	else
		return refuse(letter, value, "tagged or plain");
	return true;
}

static bool parse_listen(int letter, const char *value, struct options *options)
{
	struct listen_at at = { .any = false };

	if (address_from_text(&at.address, value) < 0) {
		if (address_port_from_text(&at.address.port, value) < 0)
			return refuse(letter, value,
				      "PORT, IPV4:PORT or [IPV6]:PORT with a PORT from 0 to 65535");
		at.any = true;
	}
	if (options->listen_count == OPTIONS_LISTEN_MAX) {
		diag("--listen: '%s' is one too many, %d are allowed", value, OPTIONS_LISTEN_MAX);
		return false;
	}
	options->listen[options->listen_count++] = at;
	return true;
}

/* Processors this process may run on. */
static unsigned processors(void)
{
	cpu_set_t allowed;
	long count;

	if (sched_getaffinity(0, sizeof allowed, &allowed) == 0)
		count = CPU_COUNT(&allowed);
	else
		count = sysconf(_SC_NPROCESSORS_ONLN); /* more than cpu_set_t holds */
	if (count < 1)
		return 1;
	return count < OPTIONS_WORKERS_MAX ? (unsigned)count : OPTIONS_WORKERS_MAX;
}

static void set_defaults(struct options *options)
{
	*options = (struct options){
		.workers = processors(),
		.buffer_bytes = 2 << 20,
		.buffer_total_bytes = 256 << 20,
		.when_full = WHEN_FULL_DROP,
		.drain_timeout_msecs = 10 * 1000,
		.echo = true,
		.output = OUTPUT_TAGGED,
	};
}

static bool write_all(const char *text, size_t length)
{
	while (length > 0) {
		struct pollfd target = { .fd = STDOUT_FILENO, .events = POLLOUT };
		ssize_t written = write(STDOUT_FILENO, text, length);

		if (written >= 0) {
			text += written;
			length -= (size_t)written;
		} else if (errno == EAGAIN) {
			if (poll(&target, 1, -1) < 0 && errno != EINTR)
				return false;
		} else if (errno != EINTR) {
			return false;
		}
	}
	return true;
}

/* Answers --help or --version. */
static enum options_result answer(const char *text)
{
	if (write_all(text, strlen(text)))
		return OPTIONS_EXIT;
	diag_errno("standard output");
	return OPTIONS_FAILED;
}

/* How many long options start like the one in this word? */
static unsigned candidates(const char *word)
{
	const char *name = word + strlen("--");
	size_t length = strcspn(name, "=");
	unsigned count = 0;

	for (const struct option *option = long_options; option->name != NULL; option++)
		count += strncmp(name, option->name, length) == 0;
	return count;
}

/* Reports a word that getopt_long() did not understand: one long option or several letters. */
static void refuse_word(const char *word)
{
	if (optopt != 0 && long_name(optopt) != NULL)
		diag("%s: the option takes no value", word);
	else if (optopt != 0)
		diag("unknown option '%c' in '%s'", optopt, word);
	else if (candidates(word) > 1)
		diag("ambiguous option '%s'", word);
	else
		diag("unknown option '%s'", word);
}

/* Takes over one option as getopt_long() found it. */
static bool apply(int letter, const char *value, struct options *options)
{
	switch (letter) {
	case 'b':
		return parse_size(letter, value, &options->buffer_bytes);
	case 'B':
		return parse_size(letter, value, &options->buffer_total_bytes);
	case 'c':
		return parse_count(letter, value, INT_MAX, &options->max_clients);
	case 'd':
		return parse_time(letter, value, &options->drain_timeout_msecs);
	case 'f':
		return parse_when_full(letter, value, &options->when_full);
	case 'l':
		return parse_listen(letter, value, options);
	case 'n':
		options->echo = false;
		return true;
	case 'o':
		return parse_output(letter, value, &options->output);
	case 'q':
		options->quiet = true;
		return true;
	case 'v':
		options->verbose = true;
		return true;
	default:
		return parse_count(letter, value, OPTIONS_WORKERS_MAX, &options->workers);
	}
}

enum options_result options_parse(int argc, char *const argv[], struct options *options)
{
	int letter;
	const char *word = argv[optind]; /* the word that getopt_long() is about to look at */

	set_defaults(options);
	while ((letter = getopt_long(argc, argv, short_options, long_options, NULL)) != -1) {
		if (letter == 'h')
			return answer(help_text);
		if (letter == 'V')
			return answer(version_text);
		if (letter == ':') {
			diag("%s: the option needs a value", word);
			return OPTIONS_WRONG;
		}
		if (letter == '?') {
			refuse_word(word);
			return OPTIONS_WRONG;
		}
		if (!apply(letter, optarg, options))
			return OPTIONS_WRONG;
		word = argv[optind];
	}
	if (optind < argc) {
		diag("unexpected argument '%s'", argv[optind]);
		return OPTIONS_WRONG;
	}
	if (options->listen_count == 0) {
		options->listen[0] = (struct listen_at){ .any = true, .address.port = DEFAULT_PORT };
		options->listen_count = 1;
	}
	return OPTIONS_RUN;
}
