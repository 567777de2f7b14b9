/*
 * The tagged form: where the source changes a line begins with it, and all else is the bytes as they are.
 *
 * The log must hold exactly what the manifest tells, each connection announced once and before its
 * data, a prefix where the source changes or a line "New connection" went before, and nowhere else,
 * and a newline that nobody sent only where the output stood in the middle of a line.
 */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "logsplit.h"

static const char announcement[] = "New connection from ";

_Noreturn static void fail_here(const char *what)
{
	int shown = input.end - input.next > 60 ? 60 : (int)(input.end - input.next);

	fail("log, byte %td: %s, at '%.*s'", input.next - input.start, what, shown, input.next);
}

/* The source whose ADDRESS:PORT, followed by mark, stands here; goes on behind the mark. */
static struct source *take_address(const char *mark)
{
	size_t left = (size_t)(input.end - input.next);
	/* With sanitizers memmem() takes the longer, the more it may look at. */
	size_t most = ADDRESS_BYTES + strlen(mark);
	const char *end = memmem(input.next, left < most ? left : most, mark, strlen(mark));
	char address[ADDRESS_BYTES];
	struct source *found;

	if (end == NULL || end - input.next >= ADDRESS_BYTES)
		fail_here("no ADDRESS:PORT");
	memcpy(address, input.next, (size_t)(end - input.next));
	address[end - input.next] = '\0';
	found = first_source(address);
	if (found == NULL)
		fail_here("an ADDRESS:PORT that no client had");
	input.next = end + strlen(mark);
	return found;
}

static bool at_announcement(void)
{
	size_t length = sizeof(announcement) - 1;

	return (size_t)(input.end - input.next) >= length && !memcmp(input.next, announcement, length);
}

static void take_announcement(void)
{
	struct source *source;

	input.next += sizeof(announcement) - 1;
	source = take_address("\n");
	if (source->announced)
		fail("log: %s is announced twice", source->address);
	source->announced = true;
}

/*
 * Was the newline at the end of the source's last piece sent, or put in because the output stood in
 * the middle of a line? A line of the payload is never empty: if the next piece starts with a newline,
 * then that one is the payload's.
 */
static void settle_newline(struct source *source, bool next_is_newline)
{
	if (source->newline_pending && !next_is_newline)
		source_match(source, "\n", 1);
	source->newline_pending = false;
}

/* Where the data that starts here ends: at the next line that does not go on with the payload. */
static const char *piece_end(void)
{
	const char *end = input.next;

	do {
		end = memchr(end, '\n', (size_t)(input.end - end));
		end = end ? end + 1 : input.end;
	} while (end < input.end && *end == 'c');
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
		source_match(source, "\n", 1);
	else if (piece_bytes == 1 || input.next[-2] == '\n')
		fail("log, byte %td: a newline that %s did not send", input.next - input.start - 1,
		     source->address);
}

/* The data of one source from here to where another takes over. */
static void take_piece(struct source *source)
{
	const char *end = piece_end();
	size_t bytes = (size_t)(end - input.next);
	bool newline = end[-1] == '\n';
	size_t matched;

	if (!source->announced)
		fail_here("data before its connection was announced");
	settle_newline(source, *input.next == '\n');
	matched = source_match(source, input.next, bytes - newline);
	if (matched < bytes - newline) {
		input.next += matched;
		fail("log, byte %td: not what %s sent as byte %" PRIu64, input.next - input.start,
		     source->address, source->found);
	}
	input.next = end;
	if (newline)
		take_newline(source, bytes);
}

void split_tagged(void)
{
	const struct source *current = NULL; /* whose data needs no prefix */

	while (input.next < input.end) {
		struct source *source;

		if (at_announcement()) {
			take_announcement();
			current = NULL;
			continue;
		}
		if (isdigit((unsigned char)*input.next) == 0 && *input.next != '[')
			fail_here("a line without its prefix");
		source = take_address(": ");
		if (source == current)
			fail_here("a prefix although the source has not changed");
		if (input.next == input.end)
			fail_here("a prefix without data");
		take_piece(source);
		current = source;
	}
	for (size_t i = 0; i < source_count(); i++)
		settle_newline(source_at(i), false);
}
