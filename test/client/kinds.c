/*
 * The kinds of payload: a line of each, made from the seed, the stream's number and the line's.
 *
 * They are made anew wherever a byte is sent or compared, under load, so a line costs little more than copying it.
 */
#include "kinds.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "utf8.h"

enum { LETTERS = 4096, SLICE_MAX = 180, UTF8_BLOCK_MAX = 200 };

static char letters[LETTERS + SLICE_MAX];

const char *const kind_names[] = { "lines", "text", "utf8", "forged", "random", NULL };

static void fill_letters(void)
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:.";
	uint64_t state = 1;

	for (size_t i = 0; i < sizeof(letters); i++)
		letters[i] = alphabet[random_below(&state, 64)];
}

/* Short and long lines in turn, so that many fit one record and one fits no record's end. */
static size_t make_line(struct payload *payload, uint64_t state)
{
	uint64_t random = random_next(&state);
	size_t slice = (random >> 16) % (random & 1 ? SLICE_MAX : 20);
	int head = snprintf(payload->line, sizeof(payload->line), "c%u l%" PRIu64 " ", payload->stream,
			    payload->line_number);

	memcpy(payload->line + head, letters + (random >> 32) % LETTERS, slice);
	payload->line[head + (int)slice] = ';';
	payload->line[head + (int)slice + 1] = '\n';
	return (size_t)head + slice + 2;
}

static size_t make_text(struct payload *payload, uint64_t state)
{
	static const char *const words[] = {
		"the",   "of",     "and",   "socket",  "a",     "to",     "is",      "worker",
		"Byte",  "that",   "it",    "for",     "Where", "log,",   "pipe",    "ring",
		"echo.", "who",    "sends", "nothing", "7",     "left",   "over;",   "again",
		"read",  "(slow)", "one",   "42",      "then",  "writes", "\"all\"", "end.",
	};
	uint64_t random = random_next(&state);
	size_t length = 0;

	for (size_t count = random % 16; count > 0; count--) {
		const char *word = words[random_next(&state) % (sizeof(words) / sizeof(words[0]))];
		size_t bytes = strlen(word);

		memcpy(payload->line + length, word, bytes);
		length += bytes;
		payload->line[length++] = count > 1 ? ' ' : '.';
	}
	payload->line[length++] = '\n';
	return length;
}

/* Small ones as often as large ones, for it is among the small ones that there are special ones. */
static void start_utf8(struct payload *payload)
{
	uint64_t state = payload->seed ^ ((uint64_t)payload->stream << 40);

	payload->character = (uint32_t)random_below(&state, 1U << random_below(&state, 21));
	payload->cut = 0;
	if (utf8_is_surrogate(payload->character))
		payload->character = UTF8_SURROGATES_END;
}

/* So many bytes, whether or not the last character's end is among them. */
static size_t make_utf8(struct payload *payload, uint64_t state)
{
	size_t wanted = 1 + random_below(&state, UTF8_BLOCK_MAX);
	size_t length = 0;

	while (length < wanted) {
		char bytes[UTF8_BYTES_MAX];
		size_t count = utf8_encode(payload->character, bytes);

		while (payload->cut < count && length < wanted)
			payload->line[length++] = bytes[payload->cut++];
		if (payload->cut < count)
			break;
		payload->cut = 0;
		payload->character++;
		if (payload->character == UTF8_SURROGATES)
			payload->character = UTF8_SURROGATES_END;
		if (payload->character == UTF8_END)
			payload->character = 0;
	}
	return length;
}

struct piece {
	const char *bytes;
	size_t length;
};

#define PIECE(text)                      \
	{                                \
		(text), sizeof(text) - 1 \
	}

static const struct piece pieces[] = {
	PIECE("New connection from 127.0.0.1:1"),
	PIECE("127.0.0.1:5000: "),
	PIECE("\n127.0.0.1:5000* closed: client_end, received 0, echoed 0, dropped 0\n"),
	PIECE("\n127.0.0.1:5000* connected to 127.0.0.1:7\n127.0.0.1:5000: hello"),
	PIECE("[::1]:5000* dropped 5 bytes"),
	PIECE("\r[::1]:5000* 5 bytes not logged"),
	PIECE("127.0.0.1:5000 00000000  68 65 6c 6c 6f                                    |hello|"),
	PIECE("{\"time\":\"2026-11-25T04:40:02.123456Z\",\"event\":{\"action\":\"stop\",\"sequence\":2}}"),
	PIECE("\",\"data\":\"\"}\n{\"time\":\"2026-11-25T04:40:02.123456Z\",\"event\":{\"action\":\"close\""),
	PIECE("\"}}"),
	PIECE("\\"),
	PIECE("\\\\"),
	PIECE("\\\\\\\n\\"),
	PIECE("\\x41\\n\\r\\x0a\\u0041\\\""),
	PIECE("\n\n\n"),
	PIECE("10%\r20%\r\n"),
	PIECE("\t\v\f\b\a"),
	PIECE("\0a\0\0"),
	PIECE("\033[2J\033[1;31m\033]0;title\007"),
	PIECE("\177"),
	/* what the workers write to the logger: the beginning of a record; one of data with its payload; an end */
	PIECE("\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe"
	      "\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe"
	      "\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe"
	      "\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe"),
	PIECE("\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\2\0\4\0\0\0"
	      "\0\0\0\0\0\0\0\0\0\0\xff\xff\177\0\0\1\x88\x13"
	      "\0\0\0\0\1\0\0\0a seal..\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0hey\n"),
	PIECE("\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\4\0\0\0\0\0"
	      "\0\0\0\0\0\0\0\0\0\0\xff\xff\177\0\0\1\x88\x13"
	      "\0\0\0\0\1\0\0\0a seal..\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
	PIECE("echod: shutdown: processes hang, the log is not complete"),
	/* C1: as characters, as bytes */
	PIECE("\xc2\x80\xc2\x85\xc2\x9b"
	      "2J"),
	PIECE("\x9b"
	      "2J\x85"),
	/* characters that lack their ends, and ends that lack their beginnings */
	PIECE("\xc3"),
	PIECE("\xe2\x82"),
	PIECE("\xf0\x9f\x98"),
	PIECE("\x80\xbf"),
	PIECE("\xe2\x82\xf0\x9f\x98\xc3("),
	/* overlong, surrogates, beyond the last character, never in UTF-8 */
	PIECE("\xc0\xaf\xc1\xbf\xe0\x80\xaf\xe0\x9f\xbf\xf0\x80\x80\xaf\xf0\x8f\xbf\xbf"),
	PIECE("\xc0\x80\xc0\x8a"),
	PIECE("\xed\xa0\x80\xed\xbf\xbf\xed\xa0\xbd\xed\xb8\x80"),
	PIECE("\xf4\x90\x80\x80\xf8\x88\x80\x80\x80\xfe\xff"),
	/* what turns the direction of writing, and back, and what only looks as if */
	PIECE("\xe2\x80\xaa\xe2\x80\xab\xe2\x80\xad\xe2\x80\xae"
	      "dcba\xe2\x80\xac\xe2\x80\xac\xe2\x80\xac\xe2\x80\xac"),
	PIECE("\xe2\x81\xa6\xe2\x81\xa7\xe2\x81\xa8\xe2\x81\xa9\xe2\x81\xa9\xe2\x81\xa9"),
	PIECE("\xd8\x9c\xe2\x80\x8e\xe2\x80\x8f"),
	PIECE("\xe2\x80\x8d\xe2\x80\x90\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa\xd8\x9b"),
	/* the last of two, three and four bytes, and what is beside the surrogates */
	PIECE("\xdf\xbf\xed\x9f\xbf\xee\x80\x80\xef\xbb\xbf\xef\xbf\xbf\xf4\x8f\xbf\xbf"),
	PIECE("na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80"),
};

/* One or more, some with a number, so that two places of a stream seldom look the same for long. */
static size_t make_forged(struct payload *payload, uint64_t state)
{
	size_t length = 0;

	do {
		uint64_t random = random_next(&state);
		const struct piece *piece = &pieces[(random >> 8) % (sizeof(pieces) / sizeof(pieces[0]))];

		memcpy(payload->line + length, piece->bytes, piece->length);
		length += piece->length;
		if (random & 1)
			length +=
				(size_t)snprintf(payload->line + length, 16, "%u", (unsigned)(random >> 32));
		if (random & 2)
			payload->line[length++] = '\n';
		if (random & 4)
			break;
	} while (length < 120);
	return length;
}

static size_t make_random(struct payload *payload, uint64_t state)
{
	for (size_t i = 0; i < PAYLOAD_LINE_BYTES; i += sizeof(uint64_t)) {
		uint64_t random = random_next(&state);

		memcpy(payload->line + i, &random, sizeof(random));
	}
	return PAYLOAD_LINE_BYTES;
}

void kind_start(struct payload *payload)
{
	if (!letters[0])
		fill_letters();
	if (payload->kind == PAYLOAD_UTF8)
		start_utf8(payload);
}

size_t kind_line(struct payload *payload)
{
	static size_t (*const makers[])(struct payload * payload, uint64_t state) = {
		[PAYLOAD_LINES] = make_line,    [PAYLOAD_TEXT] = make_text,     [PAYLOAD_UTF8] = make_utf8,
		[PAYLOAD_FORGED] = make_forged, [PAYLOAD_RANDOM] = make_random,
	};

	return makers[payload->kind](payload, payload->seed ^ ((uint64_t)payload->stream << 40) ^
						      payload->line_number);
}
