/*
 * What undoes a form of the log, and what all the forms share: the log, and the streams that it has to tell.
 *
 * The checker of a form reads the log from its beginning to its end and tells sources.c what it says of each
 * connection; that compares. Whatever is not as it must be ends the program with one line.
 */
#ifndef LOGSPLIT_H
#define LOGSPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client.h"
#include "payload.h"

enum { TIME_BYTES = 27 }; /* 2026-11-25T04:40:02.123456Z */

/* The log, and where its checker stands in it. */
struct log {
	const char *start, *next, *end;
	uint64_t line;         /* the number of the line that was taken last, from 1 */
	bool unfinished;       /* the server was killed or still runs: the log need not have its end */
	bool whole_characters; /* escaped: no character within a line may be taken for parts */
};

extern struct log input;

/* A form: what undoes it. */
void split_tagged(void);
void split_escaped(void);
void split_hex(void);
void split_json(void);

/* Fails, naming the line that was taken last. */
void fail_line(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* A part of a line that is still to be read. */
struct text {
	const char *next, *end;
};

/* The log's next line, without its newline. False at the log's end. */
bool take_line(struct text *line);

/* Did the line that was taken last have no newline? */
bool line_is_torn(void);

/* Goes on behind these words, if they are what comes next. */
bool take_words(struct text *text, const char *words);

/* Goes on behind a decimal number as one writes it, if there is one. */
bool take_number(struct text *text, uint64_t *number);

/* Goes on behind a name: small letters and '_', if there is one. */
bool take_name(struct text *text);

/* Is it an ADDRESS:PORT, an IPv6 address in brackets? */
bool is_address(const char *text);

/* A client's connection: what was sent on it, and what the log has of it. */
struct source {
	char address[ADDRESS_BYTES];
	size_t order;   /* in the manifests */
	uint64_t least; /* bytes that the log must have */
	uint64_t bytes; /* that were sent */
	uint64_t found; /* that the log has told of */
	bool optional;  /* the log need not mention it */
	bool announced, closed;
	struct payload payload; /* stands at found */
	bool newline_pending; /* tagged: its last piece ended with a newline: sent, or put in by the logger? */
	uint64_t unlogged;    /* bytes that are left out of the log */
	uint64_t dropped;     /* that are not echoed, so far */
	char *id;             /* json: the connection's */
	char time[TIME_BYTES + 1]; /* json: of its last line */
	uint64_t dropped_end;      /* json: in the stream, of the last bytes that were dropped */
};

/* What the log says of a connection when that ends. */
struct totals {
	uint64_t received, echoed, dropped, unlogged;
};

/* Reads what was sent from a command's manifest. */
void read_manifest(const char *path);

/*
 * Puts the sources in order, when all manifests are read; with only_lines it fails on payload of another kind, and
 * on an ADDRESS:PORT that is there twice.
 */
void sort_sources(bool only_lines);

/* How many sources there are, and each of them, in that order. */
size_t source_count(void);
struct source *source_at(size_t index);

/* Fails if one has not been told whole or, with must_close, its end has not. */
void check_all_found(bool must_close);

/* The first of this ADDRESS:PORT, or NULL. */
struct source *first_source(const char *address);

/* The last of this ADDRESS:PORT that was announced, or NULL. */
struct source *last_source(const char *address);

/* Its next bytes, whether they are what was sent or not; returns how many agree. */
size_t source_match(struct source *source, const char *from, size_t bytes);

/* What a line says of a connection, in all forms but the tagged. It fails if that cannot be. */
struct source *source_open(const char *address);
void source_data(struct source *source, const char *from, size_t bytes);
void source_unlogged(struct source *source, uint64_t bytes);
void source_dropped(struct source *source, uint64_t bytes);
void source_close(struct source *source, const struct totals *totals);

/* Goes to the end of a line that is a message of the server's (2>&1), if it is one. */
bool take_message(struct text *line);

/* Takes the SOURCE at a line's beginning, up to the space or the '*' behind it. */
void take_source(struct text *line, char address[ADDRESS_BYTES]);

/* The source of this address, which must be connected now. */
struct source *connected_source(const char *address);

/* The rest of an event's line, behind "* ". */
void take_event(struct text *line, const char *address);

#endif
