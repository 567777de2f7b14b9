/*
 * client logsplit: undoes the tagged form of a log and compares each connection's stream with what was
 * sent on it.
 *
 * The log must hold exactly what the manifest tells, each connection announced once and before its
 * data, a prefix where the source changes or a line "New connection" went before, and nowhere else,
 * and a newline that nobody sent only where the output stood in the middle of a line.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"
#include "payload.h"

static const char announcement[] = "New connection from ";

struct source {
	char address[ADDRESS_BYTES];
	uint64_t least; /* bytes that the log must have */
	uint64_t bytes; /* that were sent */
	uint64_t found; /* that the log has */
	bool announced;
	bool newline_pending;   /* its last piece ended with a newline: sent, or put in by the logger? */
	struct payload payload; /* stands at found */
};

static struct source *sources; /* in order of address */
static size_t source_count, source_room;

/* The log and where we stand in it. */
static const char *log_start, *log_next, *log_end;

_Noreturn static void fail_here(const char *what)
{
	int shown = log_end - log_next > 60 ? 60 : (int)(log_end - log_next);

	fail("log, byte %td: %s, at '%.*s'", log_next - log_start, what, shown, log_next);
}

static int compare_sources(const void *a, const void *b)
{
	return strcmp(((const struct source *)a)->address, ((const struct source *)b)->address);
}

static void read_manifest(const char *path)
{
	FILE *manifest = fopen(path, "re");
	uint64_t seed;
	struct source source = { 0 };
	unsigned stream;

	if (manifest == NULL)
		fail_errno("%s", path);
	if (fscanf(manifest, "seed %" SCNu64, &seed) != 1)
		fail("%s: no seed", path);
	while (fscanf(manifest, "%63s %u %" SCNu64 " %" SCNu64, source.address, &stream, &source.least,
		      &source.bytes) == 4) {
		if (source_count == source_room) {
			source_room = source_room ? 2 * source_room : 64;
			sources = realloc(sources, source_room * sizeof(*sources));
			if (sources == NULL)
				fail_errno("memory");
		}
		payload_start(&source.payload, seed, stream);
		sources[source_count++] = source;
	}
	if (feof(manifest) == 0)
		fail("%s: a line is not a manifest's", path);
	fclose(manifest);
}

static void sort_sources(void)
{
	qsort(sources, source_count, sizeof(*sources), compare_sources);
	for (size_t i = 1; i < source_count; i++) {
		if (strcmp(sources[i - 1].address, sources[i].address) == 0)
			fail("%s is in the manifests twice", sources[i].address);
	}
}

static void map_log(const char *path)
{
	int log_fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;

	if (log_fd < 0 || fstat(log_fd, &status) != 0)
		fail_errno("%s", path);
	if (status.st_size == 0)
		fail("%s is empty", path);
	log_start = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, log_fd, 0);
	if (log_start == MAP_FAILED)
		fail_errno("%s", path);
	close(log_fd);
	log_next = log_start;
	log_end = log_start + status.st_size;
}

/* The source whose ADDRESS:PORT, followed by mark, stands at log_next; goes on behind the mark. */
static struct source *take_address(const char *mark)
{
	const char *end = memmem(log_next, (size_t)(log_end - log_next), mark, strlen(mark));
	struct source wanted;
	struct source *found;

	if (end == NULL || end - log_next >= ADDRESS_BYTES)
		fail_here("no ADDRESS:PORT");
	memset(&wanted, 0, sizeof(wanted));
	memcpy(wanted.address, log_next, (size_t)(end - log_next));
	found = bsearch(&wanted, sources, source_count, sizeof(*sources), compare_sources);
	if (found == NULL)
		fail_here("an ADDRESS:PORT that no client had");
	log_next = end + strlen(mark);
	return found;
}

static bool at_announcement(void)
{
	size_t length = sizeof(announcement) - 1;

	return (size_t)(log_end - log_next) >= length && !memcmp(log_next, announcement, length);
}

static void take_announcement(void)
{
	struct source *source;

	log_next += sizeof(announcement) - 1;
	source = take_address("\n");
	if (source->announced)
		fail("log: %s is announced twice", source->address);
	source->announced = true;
}

/* The log's next bytes as the source's own; returns how many agree with what was sent. */
static size_t match(struct source *source, const char *from, size_t bytes)
{
	uint64_t left = source->bytes - source->found;
	size_t matched = payload_match(&source->payload, from, bytes < left ? bytes : (size_t)left);

	source->found += matched;
	return matched;
}

/*
 * Was the newline at the end of the source's last piece sent, or put in because the output stood in
 * the middle of a line? A line of the payload is never empty: if the next piece starts with a newline,
 * then that one is the payload's.
 */
static void settle_newline(struct source *source, bool next_is_newline)
{
	if (source->newline_pending && !next_is_newline)
		match(source, "\n", 1);
	source->newline_pending = false;
}

/* Where the data that starts here ends: at the next line that does not go on with the payload. */
static const char *piece_end(void)
{
	const char *end = log_next;

	do {
		end = memchr(end, '\n', (size_t)(log_end - end));
		end = end ? end + 1 : log_end;
	} while (end < log_end && *end == 'c');
	return end;
}

/*
 * A piece has ended with a newline. One that the payload has not at that place was put in; one that it
 * has may be either, unless it is the whole piece, and only the source's next piece tells.
 */
static void take_newline(struct source *source, size_t piece_bytes)
{
	bool due = source->found < source->bytes && payload_peek(&source->payload) == '\n';

	if (due && piece_bytes > 1)
		source->newline_pending = true;
	else if (due)
		match(source, "\n", 1);
	else if (piece_bytes == 1 || log_next[-2] == '\n')
		fail("log, byte %td: a newline that %s did not send", log_next - log_start - 1,
		     source->address);
}

/* The data of one source from here to where another takes over. */
static void take_piece(struct source *source)
{
	const char *end = piece_end();
	size_t bytes = (size_t)(end - log_next);
	bool newline = end[-1] == '\n';
	size_t matched;

	if (!source->announced)
		fail_here("data before its connection was announced");
	settle_newline(source, *log_next == '\n');
	matched = match(source, log_next, bytes - newline);
	if (matched < bytes - newline) {
		log_next += matched;
		fail("log, byte %td: not what %s sent as byte %" PRIu64, log_next - log_start,
		     source->address, source->found);
	}
	log_next = end;
	if (newline)
		take_newline(source, bytes);
}

static void split(void)
{
	const struct source *current = NULL; /* whose data needs no prefix */

	while (log_next < log_end) {
		struct source *source;

		if (at_announcement()) {
			take_announcement();
			current = NULL;
			continue;
		}
		if (isdigit((unsigned char)*log_next) == 0 && *log_next != '[')
			fail_here("a line without its prefix");
		source = take_address(": ");
		if (source == current)
			fail_here("a prefix although the source has not changed");
		if (log_next == log_end)
			fail_here("a prefix without data");
		take_piece(source);
		current = source;
	}
}

static void check_all_found(void)
{
	for (size_t i = 0; i < source_count; i++) {
		struct source *source = &sources[i];

		settle_newline(source, false);
		if (!source->announced)
			fail("log: %s is not announced", source->address);
		if (source->found < source->least)
			fail("log: %s sent %" PRIu64 " bytes, and %" PRIu64 " are there", source->address,
			     source->bytes, source->found);
	}
}

int logsplit_main(int argc, char *argv[])
{
	if (argc < 3)
		fail("logsplit needs LOG and MANIFEST");
	for (int i = 2; i < argc; i++)
		read_manifest(argv[i]);
	sort_sources();
	map_log(argv[1]);
	split();
	check_all_found();
	say("%zu connections, %td bytes of log", source_count, log_end - log_start);
	return 0;
}
