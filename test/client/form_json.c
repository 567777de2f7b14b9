/*
 * The json form: a line is one object, its keys in an order of their own for each action.
 *
 * Every line has the number after that of the line before it; a connection is known by its id.
 */
#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base64.h"
#include "json.h"
#include "logsplit.h"
#include "utf8.h"

#define HEAD     "time event.action event.sequence"
#define CLIENT   "connection.id client.address client.port"
#define OPEN     HEAD " " CLIENT " server.address server.port network.transport network.type"
#define CLOSE    HEAD " event.reason event.duration " CLIENT " client.bytes server.bytes dropped_bytes"
#define EXTENT   "offset length"
#define ANY_MORE '*'

static void take_start(void);
static void take_open(void);
static void take_proxied(void);
static void take_data(void);
static void take_drop(void);
static void take_lost(void);
static void take_close(void);
static void take_server_message(void);
static void take_stop(void);

static const struct action {
	const char *name;
	const char *order; /* of its keys */
	void (*take)(void);
} actions[] = {
	{ "start", HEAD " service.name service.version process.pid", take_start },
	{ "open", OPEN, take_open },
	{ "open", OPEN " network.peer.address network.peer.port", take_proxied },
	{ "data", HEAD " " CLIENT " " EXTENT " data", take_data },
	{ "data", HEAD " " CLIENT " " EXTENT " data_base64", take_data },
	{ "drop", HEAD " event.reason " CLIENT " " EXTENT, take_drop },
	{ "lost", HEAD " " CLIENT " " EXTENT, take_lost },
	{ "close", CLOSE, take_close },
	{ "close", CLOSE " unlogged", take_close },
	{ "message", HEAD " message", take_server_message },
	{ "stop", HEAD "*", take_stop },
};

enum {
	ACTIONS = sizeof(actions) / sizeof(actions[0]),
	HELD_BYTES = 3, /* of a character of which more may come */
};

static struct json json; /* the line */
static uint64_t sequence;
static bool running; /* a start, and no stop since */
static void *ids;    /* the connections so far, a tree by id */

/* ---- values ---- */

static const struct json_value *value_of(const char *path, enum json_type type)
{
	const struct json_value *value = json_value(&json, path);

	if (value == NULL)
		fail_line("there is no %s", path);
	if (value->type != type)
		fail_line("%s is not a %s", path, type == JSON_STRING ? "string" : "whole number");
	return value;
}

static uint64_t number_of(const char *path)
{
	return value_of(path, JSON_NUMBER)->number;
}

static const char *text_of(const char *path)
{
	const struct json_value *value = value_of(path, JSON_STRING);

	if (value->length == 0 || strlen(value->bytes) != value->length)
		fail_line("%s is empty or has a NUL in it", path);
	return value->bytes;
}

static void expect_text(const char *path, const char *expected)
{
	if (strcmp(text_of(path), expected) != 0)
		fail_line("%s is not %s", path, expected);
}

/* The ADDRESS:PORT of two keys. */
static void read_address(const char *host_path, const char *port_path, char address[ADDRESS_BYTES])
{
	const char *host = text_of(host_path);
	bool bracketed = strchr(host, ':') != NULL;
	int length = snprintf(address, ADDRESS_BYTES, "%s%s%s:%" PRIu64, bracketed ? "[" : "", host,
			      bracketed ? "]" : "", number_of(port_path));

	if (length >= ADDRESS_BYTES || !is_address(address))
		fail_line("%s and %s are no address and port", host_path, port_path);
}

static void check_name(const char *path)
{
	const struct json_value *value = value_of(path, JSON_STRING);
	struct text text = { .next = value->bytes, .end = value->bytes + value->length };

	if (!take_name(&text) || text.next < text.end)
		fail_line("%s is not a name", path);
}

/* In its one form such times are in the order of their texts. */
static const char *read_time(void)
{
	static const char form[] = "0000-00-00T00:00:00.000000Z";
	const char *text = text_of("time");
	struct tm time = { 0 }, again;

	for (size_t i = 0; i < sizeof(form); i++) {
		if (form[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
			fail_line("the time is not of the form 2026-11-25T04:40:02.123456Z");
	}
	if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d", &time.tm_year, &time.tm_mon, &time.tm_mday, &time.tm_hour,
		   &time.tm_min, &time.tm_sec) != 6)
		fail_line("the time cannot be read");
	time.tm_year -= 1900;
	time.tm_mon -= 1;
	again = time;
	timegm(&again);
	if (again.tm_min != time.tm_min || again.tm_hour != time.tm_hour || again.tm_mday != time.tm_mday ||
	    again.tm_sec != time.tm_sec || again.tm_mon != time.tm_mon)
		fail_line("there is no such time");
	return text;
}

/* ---- connections ---- */

static int compare_ids(const void *a, const void *b)
{
	return strcmp(((const struct source *)a)->id, ((const struct source *)b)->id);
}

static void advance_time(struct source *source)
{
	const char *time = text_of("time");

	if (strcmp(time, source->time) < 0)
		fail_line("the time is before that of its connection's last line, %s", source->time);
	memcpy(source->time, time, sizeof(source->time));
}

/* The connection of this line, which is open. */
static struct source *line_source(void)
{
	struct source wanted = { .id = strdup(text_of("connection.id")) };
	char address[ADDRESS_BYTES];
	struct source *const *found;

	if (wanted.id == NULL)
		fail_errno("memory");
	found = tfind(&wanted, &ids, compare_ids);
	if (found == NULL)
		fail_line("connection.id %s was not opened", wanted.id);
	free(wanted.id);
	read_address("client.address", "client.port", address);
	if (strcmp((*found)->address, address) != 0)
		fail_line("the client of connection.id %s was %s", (*found)->id, (*found)->address);
	if ((*found)->closed)
		fail_line("connection.id %s was closed before", (*found)->id);
	advance_time(*found);
	return *found;
}

static uint64_t take_extent(const struct source *source)
{
	uint64_t offset = number_of("offset");
	uint64_t length = number_of("length");

	if (offset != source->found)
		fail_line("offset %" PRIu64 " where %" PRIu64 " is due", offset, source->found);
	if (length == 0)
		fail_line("length 0");
	return length;
}

/* ---- actions ---- */

static void take_start(void)
{
	expect_text("service.name", "echod");
	text_of("service.version");
	number_of("process.pid");
	if (running)
		fail_line("a start behind another");
	running = true;
}

static void take_server_message(void)
{
	text_of("message");
}

static void take_stop(void)
{
	running = false;
}

static void take_open(void)
{
	char address[ADDRESS_BYTES], server[ADDRESS_BYTES];
	struct source *source;
	struct source *const *known;

	read_address("client.address", "client.port", address);
	read_address("server.address", "server.port", server);
	expect_text("network.transport", "tcp");
	expect_text("network.type", address[0] == '[' ? "ipv6" : "ipv4");
	source = source_open(address);
	source->id = strdup(text_of("connection.id"));
	known = source->id != NULL ? tsearch(source, &ids, compare_ids) : NULL;
	if (known == NULL)
		fail_errno("memory");
	if (*known != source)
		fail_line("connection.id %s is another's, too", source->id);
	advance_time(source);
}

static void take_proxied(void)
{
	char proxy[ADDRESS_BYTES];

	read_address("network.peer.address", "network.peer.port", proxy);
	take_open();
}

/* The line's bytes; returns how many. */
static size_t read_data(const char **bytes)
{
	static char decoded[JSON_TEXT_MAX];
	const struct json_value *value;
	size_t length;

	if (json_value(&json, "data") != NULL) {
		value = value_of("data", JSON_STRING);
		*bytes = value->bytes;
		return value->length;
	}
	value = value_of("data_base64", JSON_STRING);
	if (!base64_decode(value->bytes, value->length, decoded, &length))
		fail_line("data_base64 is not base64");
	if (utf8_valid(decoded, decoded + length))
		fail_line("data_base64, but the data is UTF-8");
	*bytes = decoded;
	return length;
}

static void take_data(void)
{
	struct source *source = line_source();
	uint64_t length = take_extent(source);
	const char *bytes;
	size_t count = read_data(&bytes);

	if (length != count)
		fail_line("length %" PRIu64 ", but %zu bytes", length, count);
	/* The beginning of a character, which was held back, may come later. */
	if (source->dropped_end > source->found + HELD_BYTES)
		fail_line("data behind a drop that tells of it");
	source_data(source, bytes, count);
}

/* It tells of data that was logged before, or is not logged at all. */
static void take_drop(void)
{
	struct source *source = line_source();
	uint64_t offset = number_of("offset");
	uint64_t length = number_of("length");

	check_name("event.reason");
	if (offset < source->dropped_end)
		fail_line("dropped a second time");
	if (offset > source->bytes || length > source->bytes - offset)
		fail_line("%s did not send more than %" PRIu64 " bytes", source->address, source->bytes);
	source->dropped_end = offset + length;
	source_dropped(source, length);
}

static void take_lost(void)
{
	struct source *source = line_source();

	source_unlogged(source, take_extent(source));
}

static void take_close(void)
{
	struct source *source = line_source();
	struct totals totals = {
		.received = number_of("client.bytes"),
		.echoed = number_of("server.bytes"),
		.dropped = number_of("dropped_bytes"),
	};

	check_name("event.reason");
	number_of("event.duration");
	if (json_value(&json, "unlogged") != NULL) {
		totals.unlogged = number_of("unlogged");
		if (totals.unlogged == 0)
			fail_line("unlogged is 0");
	}
	if (source->dropped_end > totals.received)
		fail_line("received %" PRIu64 ", but %" PRIu64 " is dropped", totals.received,
			  source->dropped_end - 1);
	source_close(source, &totals);
}

/* ---- lines ---- */

static bool is_order(const char *order)
{
	size_t length = strlen(order);

	if (order[length - 1] != ANY_MORE)
		return strcmp(json.order, order) == 0;
	return strncmp(json.order, order, length - 1) == 0 &&
	       (json.order[length - 1] == '\0' || json.order[length - 1] == ' ');
}

static const struct action *find_action(void)
{
	const char *name = text_of("event.action");
	bool known = false;

	for (int i = 0; i < ACTIONS; i++) {
		bool same = strcmp(actions[i].name, name) == 0;

		if (same && is_order(actions[i].order))
			return &actions[i];
		known |= same;
	}
	if (known)
		fail_line("the keys of %s are not these or not in this order: %s", name, json.order);
	fail_line("no action is called %s", name);
}

/* After a stop another run may begin, with a number of its own. */
static void take_sequence(const struct action *action)
{
	uint64_t number = number_of("event.sequence");

	if (!running && action->take != take_start)
		fail_line("neither behind a start nor one itself");
	if (running && number != sequence + 1)
		fail_line("sequence %" PRIu64 " behind %" PRIu64, number, sequence);
	sequence = number;
}

static void take_object(const struct text *line)
{
	const struct action *action;
	const char *where;
	const char *wrong = json_read(&json, line->next, line->end, &where);

	if (wrong != NULL)
		fail_line("byte %td: %s", where - line->next, wrong);
	action = find_action();
	if (json.spaced)
		fail_line("white space between values");
	take_sequence(action);
	read_time();
	action->take();
}

void split_json(void)
{
	struct text line;

	while (take_line(&line)) {
		if (line_is_torn())
			fail_line("it has no end");
		if (line.end - line.next + 1 > JSON_TEXT_MAX)
			fail_line("it is longer than %d bytes", JSON_TEXT_MAX);
		take_object(&line);
	}
	if (running && !input.unfinished)
		fail_line("no stop behind it");
}
