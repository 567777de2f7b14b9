/*
 * What the clients send: endless, the same for the same kind, seed and stream number.
 *
 * The default kind is lines: "c3 l17 abc...;" and a newline. Such a line tells its stream and its place in it,
 * starts with a letter and so never looks like a prefix of the log, and has its only ';' at its end. That makes
 * undoing the log's tagged form unambiguous. The other kinds are for the forms that can be undone whatever was
 * sent; what is called their lines need not end in a newline.
 */
#ifndef PAYLOAD_H
#define PAYLOAD_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { PAYLOAD_LINE_BYTES = 256 }; /* no line is longer */

enum payload_kind {
	PAYLOAD_LINES,
	PAYLOAD_TEXT,   /* lines of words, some empty */
	PAYLOAD_UTF8,   /* every character of Unicode, one after another, from any one on */
	PAYLOAD_FORGED, /* what looks like a log's own lines, or is hard to write down or to look at */
	PAYLOAD_RANDOM, /* any bytes */
};

struct payload {
	enum payload_kind kind;
	unsigned stream;
	uint64_t seed;
	uint64_t line_number; /* of the line in hand */
	size_t length;        /* of the line in hand */
	size_t position;      /* of the next byte in it, less than length */
	uint32_t character;   /* PAYLOAD_UTF8: the next line's first one ... */
	uint32_t cut;         /* ... and how many of its bytes the line in hand has */
	char line[PAYLOAD_LINE_BYTES];
};

/* A simple generator of numbers (splitmix64): the next one. */
uint64_t random_next(uint64_t *state);

/* The same, from 0 to less than limit. */
uint64_t random_below(uint64_t *state, uint64_t limit);

/* The kind of this name, or failure; NULL is the default's. */
enum payload_kind payload_kind(const char *name);

/* Begins a stream of this kind, the so many-th of its seed. */
void payload_start(struct payload *payload, enum payload_kind kind, uint64_t seed, unsigned stream);

/* The next byte, not taken. */
char payload_peek(const struct payload *payload);

/* Takes the next bytes. */
void payload_take(struct payload *payload, char *to, size_t bytes);

/* Takes the next bytes and forgets them. */
void payload_skip(struct payload *payload, uint64_t bytes);

/* Takes the rest of the line in hand, at least one byte and at most PAYLOAD_LINE_BYTES. */
size_t payload_take_line(struct payload *payload, char *to);

/* Takes bytes while they are equal to those given; returns how many were. */
size_t payload_match(struct payload *payload, const char *from, size_t bytes);

/*
 * A file of lines "ADDRESS:PORT STREAM LEAST MOST" that tells how much of each stream the log is to have; the
 * first is "seed SEED KIND". The two numbers differ where a connection was reset. One that may have ended before the
 * server had accepted it has a '?' in front: the log need not mention it. Without a path there is none: NULL, to which
 * nothing is added.
 */
FILE *manifest_create(const char *path, enum payload_kind kind, uint64_t seed);
void manifest_add(FILE *manifest, const char *address, unsigned stream, uint64_t bytes);
void manifest_add_range(FILE *manifest, const char *address, unsigned stream, uint64_t least, uint64_t most);
void manifest_add_optional(FILE *manifest, const char *address, unsigned stream, uint64_t most);
void manifest_close(FILE *manifest);

#endif
