/*
 * client stream: many connections at once, each sending its payload in chunks of random sizes and
 * comparing every byte of the echo with it.
 *
 * A connection ends once its bytes are all back: with -H every other one half-closes as soon as all is
 * sent and ends with the server's end-of-file. With -e there is no end but the one that the server
 * makes: what came back before its end-of-file must be the beginning of what was sent.
 */
#include <inttypes.h>

#include "client.h"
#include "connection.h"
#include "options.h"

enum { EVENTS = 64 };

static struct traffic traffic = { .seed = 1 };
static unsigned count = 1;      /* connections in all */
static unsigned at_once;        /* connections at the same time */
static uint64_t life = 1 << 20; /* bytes to send on each */
static uint64_t largest = 8192; /* chunk */
static uint64_t window = 1 << 20;
static bool until_eof, half_close, rotate, report_stall;

static const struct command_option table[] = {
	OPTION('e', &until_eof, 0),
	OPTION('H', &half_close, 0),
	OPTION('r', &rotate, 0),       /* another source address for each connection */
	OPTION('S', &report_stall, 0), /* say so when every connection is stuck */
	OPTION('n', &count, 1000000),
	OPTION('p', &at_once, 10000),
	OPTION('b', &life, UINT64_MAX),
	OPTION('c', &largest, CHUNK_MAX_BYTES),
	OPTION('w', &window, UINT64_MAX), /* the most that may be sent and not yet back */
	OPTION('P', &traffic.proxied, 0), /* each begins with a PROXY header */
	OPTION('s', &traffic.seed, UINT64_MAX),
	OPTION('m', &traffic.manifest_path, 0),
	OPTION('y', &traffic.kind_name, 0),
	{ .kind = OPTION_END },
};

static struct connection *connections; /* at_once of them */

static void open_next(struct connection *connection)
{
	connection_open(&traffic, connection, 0, rotate ? traffic.started + 1 : 0);
}

/* May more be sent now, for all that we know? */
static bool has_more(const struct connection *connection)
{
	if (connection->half_closed)
		return false;
	return connection->chunk_sent < connection->chunk_bytes ||
	       (connection->sent < life && connection->sent - connection->echoed < window);
}

static void send_some(struct connection *connection)
{
	if (connection->chunk_sent == connection->chunk_bytes) {
		uint64_t room = window - (connection->sent - connection->echoed);
		uint64_t left = life - connection->sent;
		uint64_t bytes = 1 + random_below(&traffic.random_state, largest);

		bytes = bytes < room ? bytes : room;
		connection_fill(connection, bytes < left ? bytes : left);
	}
	connection_send(&traffic, connection, 0);
	if (connection->sent == life && half_close && connection->stream % 2 == 1)
		connection_half_close(connection);
}

/* Returns false once the connection has ended. */
static bool receive_some(struct connection *connection)
{
	ssize_t received = connection_receive(&traffic, connection);

	if (received < 0)
		return true;
	if (received == 0 && !until_eof && !(connection->half_closed && connection->echoed == life))
		connection_fail(connection, "end-of-file too early");
	if (received > 0 && (connection->echoed < life || connection->half_closed))
		return true;
	connection_close(&traffic, connection, connection->sent);
	if (traffic.started < count)
		open_next(connection);
	return false;
}

static void serve(struct connection *connection, uint32_t events)
{
	if (events & (EPOLLIN | EPOLLERR | EPOLLHUP) && !receive_some(connection))
		return;
	if (events & EPOLLOUT && has_more(connection))
		send_some(connection);
	connection_watch(&traffic, connection, has_more(connection) ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static bool all_stalled(void)
{
	for (unsigned i = 0; i < at_once; i++) {
		if (connections[i].socket_fd >= 0 && !peer_window_closed(connections[i].socket_fd))
			return false;
	}
	return true;
}

static void loop(void)
{
	struct epoll_event events[EVENTS];
	int quiet_msecs = 0;

	while (traffic.ended < count) {
		int event_count = traffic_wait(&traffic, events, EVENTS, STALL_LOOK_MSECS);

		for (int i = 0; i < event_count; i++)
			serve(events[i].data.ptr, events[i].events);
		quiet_msecs = event_count > 0 ? 0 : quiet_msecs + STALL_LOOK_MSECS;
		if (quiet_msecs >= QUIET_MSECS)
			fail("nothing happened for %d ms; %u of %u connections had ended", QUIET_MSECS,
			     traffic.ended, count);
		if (event_count == 0 && report_stall && all_stalled()) {
			report_stall = false;
			say("stalled %" PRIu64, traffic.sent);
		}
	}
}

int stream_main(int argc, char *argv[])
{
	char **words = parse_options(argc, argv, table, 1);

	if (until_eof)
		life = UINT64_MAX;
	if (at_once == 0 || at_once > count)
		at_once = count;
	traffic.echoes_expected = count;
	traffic_start(&traffic, words[0]);
	connections = allocate(at_once, sizeof(*connections));
	for (unsigned i = 0; i < at_once; i++)
		open_next(&connections[i]);
	loop();
	traffic_end(&traffic);
	say("%u connections, %" PRIu64 " bytes sent, %" PRIu64 " echoed, seed %" PRIu64, traffic.ended,
	    traffic.sent, traffic.echoed, traffic.seed);
	return 0;
}
