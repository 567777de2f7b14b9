/*
 * The small commands of the test client: pingpong, payload, hold, reset, oob, nonblock.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "options.h"
#include "payload.h"

enum {
	PING_MSECS = 2000
}; /* a client that waits longer for a line has not been served, unless told otherwise */

/* A connection that sends a line at a time and waits for it to come back. */
struct ping {
	int socket_fd;
	unsigned stream;
	uint64_t bytes; /* sent in all */
	size_t length;  /* of the line under way */
	struct payload payload;
	char line[PAYLOAD_LINE_BYTES];
};

static void ping_open(struct ping *ping, const struct target *target, enum payload_kind kind, uint64_t seed,
		      unsigned stream)
{
	ping->socket_fd = target_connect(target, false, 0);
	ping->stream = stream;
	payload_start(&ping->payload, kind, seed, stream);
}

static void ping_send(struct ping *ping)
{
	ping->length = payload_take_line(&ping->payload, ping->line);
	send_all(ping->socket_fd, ping->line, ping->length);
	ping->bytes += ping->length;
}

static void ping_receive(const struct ping *ping)
{
	char back[PAYLOAD_LINE_BYTES];

	receive_all(ping->socket_fd, back, ping->length);
	if (memcmp(back, ping->line, ping->length) != 0)
		fail("connection %u: the line before byte %" PRIu64 " came back altered", ping->stream,
		     ping->bytes);
}

static void ping_close(struct ping *ping, FILE *manifest)
{
	char address[ADDRESS_BYTES];

	local_text(ping->socket_fd, address);
	finish(ping->socket_fd);
	manifest_add(manifest, address, ping->stream, ping->bytes);
}

/* So many of them, opened one after another. */
static struct ping *open_pings(const char *address, unsigned count, enum payload_kind kind, uint64_t seed)
{
	struct ping *pings = allocate(count, sizeof(*pings));
	struct target target;

	target_parse(&target, address);
	raise_descriptor_limit();
	for (unsigned i = 0; i < count; i++)
		ping_open(&pings[i], &target, kind, seed, i);
	return pings;
}

/* One line on each, all at once; returns how long that took. */
static int64_t ping_all(struct ping *pings, unsigned count)
{
	int64_t start_usecs = now_usecs();

	for (unsigned i = 0; i < count; i++)
		ping_send(&pings[i]);
	for (unsigned i = 0; i < count; i++)
		ping_receive(&pings[i]);
	return now_usecs() - start_usecs;
}

/*
 * client pingpong: connections that each send a line at a time, all at once, and wait for it to come back;
 * a line that takes longer than PING_MSECS, or what -t says, is a failure.
 */
int pingpong_main(int argc, char *argv[])
{
	unsigned rounds = 1000, count = 1, most_msecs = PING_MSECS;
	uint64_t seed = 1;
	const char *manifest_path = NULL, *kind_name = NULL;
	const struct command_option table[] = {
		OPTION('n', &rounds, 10000000),
		OPTION('k', &count, 10000),
		OPTION('s', &seed, UINT64_MAX),
		OPTION('m', &manifest_path, 0),
		OPTION('t', &most_msecs, 1000000),
		OPTION('y', &kind_name, 0),
		{ .kind = OPTION_END },
	};
	char **words = parse_options(argc, argv, table, 1);
	enum payload_kind kind = payload_kind(kind_name);
	FILE *manifest = manifest_create(manifest_path, kind, seed);
	struct ping *pings = open_pings(words[0], count, kind, seed);
	int64_t worst_usecs = 0;

	for (unsigned round = 0; round < rounds; round++) {
		int64_t usecs = ping_all(pings, count);

		if (usecs > worst_usecs)
			worst_usecs = usecs;
		if (worst_usecs > (int64_t)most_msecs * 1000)
			fail("round %u took %" PRId64 " us", round, worst_usecs);
	}
	for (unsigned i = 0; i < count; i++)
		ping_close(&pings[i], manifest);
	manifest_close(manifest);
	free(pings);
	say("%u rounds of %u, the slowest took %" PRId64 " us", rounds, count, worst_usecs);
	return 0;
}

/* client payload: writes the beginning of a stream, that is, what a sending command would send on it. */
int payload_main(int argc, char *argv[])
{
	unsigned stream = 0;
	uint64_t seed = 1, left = 65536;
	const char *kind_name = NULL;
	const struct command_option table[] = {
		OPTION('b', &left, UINT64_MAX), OPTION('i', &stream, UINT32_MAX),
		OPTION('s', &seed, UINT64_MAX), OPTION('y', &kind_name, 0),
		{ .kind = OPTION_END },
	};
	struct payload payload;
	char bytes[PAYLOAD_LINE_BYTES];

	parse_options(argc, argv, table, 0);
	payload_start(&payload, payload_kind(kind_name), seed, stream);
	while (left > 0) {
		size_t part = left < sizeof(bytes) ? (size_t)left : sizeof(bytes);

		payload_take(&payload, bytes, part);
		left -= part;
		if (fwrite(bytes, 1, part, stdout) != part)
			fail_errno("stdout");
	}
	if (fflush(stdout) != 0)
		fail_errno("stdout");
	return 0;
}

/*
 * client hold: connections that exchange one line each, say "holding" and stay open until stdin ends or
 * somebody kills them. With -r they then end with a reset instead of an end-of-file, with -e one after another,
 * each after the server's end-of-file.
 */
int hold_main(int argc, char *argv[])
{
	unsigned count = 1;
	bool reset = false, each = false;
	const struct command_option table[] = {
		OPTION('r', &reset, 0),
		OPTION('e', &each, 0),
		OPTION('n', &count, 10000),
		{ .kind = OPTION_END },
	};
	char **words = parse_options(argc, argv, table, 1);
	struct ping *pings = open_pings(words[0], count, PAYLOAD_LINES, 1);

	for (unsigned i = 0; i < count; i++) {
		if (reset)
			reset_on_close(pings[i].socket_fd);
		ping_all(&pings[i], 1);
	}
	say("holding %u", count);
	await_go_on();
	for (unsigned i = 0; each && i < count; i++)
		finish(pings[i].socket_fd);
	free(pings);
	return 0;
}

/* Brings a connection into the state in which it is to be reset. */
static void reach_state(struct ping *ping, const char *state)
{
	if (strcmp(state, "connected") == 0)
		return;
	ping_send(ping);
	if (strcmp(state, "sent") == 0)
		return;
	if (strcmp(state, "unread") == 0) {
		await(ping->socket_fd, POLLIN);
		return;
	}
	if (strcmp(state, "half-closed") == 0) {
		shutdown(ping->socket_fd, SHUT_WR);
		return;
	}
	ping_receive(ping);
	if (strcmp(state, "echoed") == 0)
		return;
	if (strcmp(state, "finished") != 0)
		fail("'%s' is not a state", state);
	shutdown(ping->socket_fd, SHUT_WR);
	await(ping->socket_fd, POLLIN);
}

/*
 * client reset: connections, one after another, each brought into STATE and then reset. The states:
 * connected, sent (an echo is under way), unread (it has arrived), half-closed, echoed, finished (both
 * sides have half-closed).
 */
int reset_main(int argc, char *argv[])
{
	unsigned count = 1;
	const struct command_option table[] = { OPTION('n', &count, 100000), { .kind = OPTION_END } };
	char **words = parse_options(argc, argv, table, 2);
	struct target target;

	target_parse(&target, words[0]);
	for (unsigned i = 0; i < count; i++) {
		struct ping ping = { 0 };

		ping_open(&ping, &target, PAYLOAD_LINES, 1, i);
		reset_on_close(ping.socket_fd);
		reach_state(&ping, words[1]);
		close(ping.socket_fd);
	}
	return 0;
}

/* Waits for the bytes that are under way and compares them with the payload. */
static void match_echo(int socket_fd, struct payload *back, size_t *under_way)
{
	char bytes[3 * PAYLOAD_LINE_BYTES];

	receive_all(socket_fd, bytes, *under_way);
	if (payload_match(back, bytes, *under_way) < *under_way)
		fail("an urgent byte or one near it came back altered or in another place");
	*under_way = 0;
}

/*
 * client oob: one connection that sends lines of which the last byte is urgent, by turns waiting for
 * each to come back and sending several at once. Every byte must come back in its place.
 */
int oob_main(int argc, char *argv[])
{
	unsigned rounds = 100;
	uint64_t seed = 1;
	const struct command_option table[] = {
		OPTION('n', &rounds, 1000000),
		OPTION('s', &seed, UINT64_MAX),
		{ .kind = OPTION_END },
	};
	char **words = parse_options(argc, argv, table, 1);
	struct target target;
	struct ping ping = { 0 };
	struct payload back;
	size_t under_way = 0;

	target_parse(&target, words[0]);
	ping_open(&ping, &target, PAYLOAD_LINES, seed, 0);
	payload_start(&back, PAYLOAD_LINES, seed, 0);
	for (unsigned round = 0; round < rounds; round++) {
		ping.length = payload_take_line(&ping.payload, ping.line);
		under_way += ping.length;
		if (send(ping.socket_fd, ping.line, ping.length, MSG_OOB | MSG_NOSIGNAL) !=
		    (ssize_t)ping.length)
			fail_errno("send MSG_OOB");
		if (round % 3 != 0 || round == rounds - 1)
			match_echo(ping.socket_fd, &back, &under_way);
	}
	ping_close(&ping, NULL);
	return 0;
}

/*
 * client nonblock: runs a command with a non-blocking stdout. nc writes to its stdout without asking how
 * much fits, and stops sending when that blocks.
 */
int nonblock_main(int argc, char *argv[])
{
	int flags = fcntl(STDOUT_FILENO, F_GETFL);

	if (argc < 2)
		fail("nonblock needs COMMAND");
	if (flags < 0 || fcntl(STDOUT_FILENO, F_SETFL, flags | O_NONBLOCK) != 0)
		fail_errno("O_NONBLOCK");
	execvp(argv[1], argv + 1);
	fail_errno("%s", argv[1]);
}
