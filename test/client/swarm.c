/*
 * client swarm: connections that stream until stdin ends, each sending its payload in chunks of random
 * sizes and comparing every byte of the echo with it. Then each half-closes and reads the rest.
 *
 *     -n  so many at a time
 *     -b  a connection sends at most so many bytes, half-closes and reads the rest, and another takes
 *         its place; each comes from an address of its own
 *     -r  every other one of these is reset by its client instead
 *     -o  some chunks are sent as urgent data
 *     -z  every other connection is lazy: it reads only when it may send no more
 *     -c  the largest chunk
 *     -w  the most that may be sent on one connection and not yet back
 *     -k  the most KiB that are sent on all of them together in a second
 *     -P  each begins with a PROXY header
 *     -p  so many percent of the segments that the server sends are lost on their way
 *     -y  the kind of payload
 *
 * It says "all echo" once each has had something back, and in the end how much there was and the worst
 * gap: the longest time that a client that waited for its echo got nothing. A line of the manifest
 * tells two numbers of a connection that was reset: what the log must have, and what it may have.
 */
#include <inttypes.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "connection.h"
#include "options.h"

enum {
	EVENTS = 64,
	TICK_MSECS = 10, /* between looks at the clock, where the pace is limited */
	LAZY_SEGMENT_BYTES = 1000,
};

struct member {
	struct connection connection; /* the first: epoll's pointer is this one's, too */
	uint64_t life;                /* bytes to send */
	int64_t since_usecs;          /* it has waited for its echo since then */
	bool lazy;
	bool reading; /* a lazy one's turn to read has come */
	bool connected;
};

static struct traffic traffic = { .seed = 1 };
static unsigned count = 8;
static uint64_t bytes_max = UINT64_MAX;
static uint64_t largest = CHUNK_MAX_BYTES;
static uint64_t window = 256 << 10;
static uint64_t kib_per_sec; /* 0: as fast as it goes */
static unsigned loss_percent;
static bool reset, urgent, some_lazy;

static const struct command_option table[] = {
	OPTION('o', &urgent, 0),
	OPTION('r', &reset, 0),
	OPTION('z', &some_lazy, 0),
	OPTION('n', &count, 10000),
	OPTION('b', &bytes_max, UINT64_MAX - 1),
	OPTION('c', &largest, CHUNK_MAX_BYTES),
	OPTION('w', &window, UINT64_MAX),
	OPTION('k', &kib_per_sec, 1 << 30),
	OPTION('p', &loss_percent, 50),
	OPTION('P', &traffic.proxied, 0),
	OPTION('s', &traffic.seed, UINT64_MAX),
	OPTION('m', &traffic.manifest_path, 0),
	OPTION('y', &traffic.kind_name, 0),
	{ .kind = OPTION_END },
};

static struct member *members; /* count of them */
static int64_t start_usecs, worst_usecs;
static bool stopping; /* stdin has ended */
static bool paced;    /* as much was sent as may be by now */

/* ---- a connection's beginning and end ---- */

static void open_next(struct member *member)
{
	bool many = bytes_max != UINT64_MAX;
	bool lazy = some_lazy && traffic.started % 2 == 1;
	uint64_t life = many ? 1 + random_below(&traffic.random_state, bytes_max) : UINT64_MAX;

	*member = (struct member){ .connection = member->connection, .life = life, .lazy = lazy };
	connection_open(&traffic, &member->connection, lazy ? LAZY_SEGMENT_BYTES : 0,
			many ? traffic.started + 1 : 0);
	if (loss_percent > 0)
		lose_segments(member->connection.socket_fd, loss_percent);
}

static void end(struct member *member, uint64_t least)
{
	connection_close(&traffic, &member->connection, least);
	if (!stopping)
		open_next(member);
}

/* ---- sending ---- */

static bool has_more(const struct member *member)
{
	const struct connection *connection = &member->connection;

	return !connection->half_closed && !stopping && connection->sent - connection->echoed < window &&
	       connection->sent < member->life;
}

/* Sizes from one byte to the largest, small ones as often as large ones. */
static uint64_t chunk_size(const struct member *member)
{
	uint64_t bytes =
		1 + random_below(&traffic.random_state, 1U << random_below(&traffic.random_state, 17));
	uint64_t left = member->life - member->connection.sent;

	bytes = bytes < largest ? bytes : 1 + bytes % largest;
	return bytes < left ? bytes : left;
}

/* Returns false once the connection has ended. */
static bool send_some(struct member *member)
{
	struct connection *connection = &member->connection;
	int flags = urgent && random_below(&traffic.random_state, 8) == 0 ? MSG_OOB : 0;
	bool waits = connection->sent > connection->echoed;

	if (connection->chunk_sent == connection->chunk_bytes)
		connection_fill(connection, chunk_size(member));
	if (connection_send(&traffic, connection, flags) > 0 && !waits)
		member->since_usecs = now_usecs();
	if (connection->sent < member->life)
		return true;
	if (reset && connection->stream / 2 % 2 == 1) {
		reset_on_close(connection->socket_fd);
		end(member, connection->echoed);
		return false;
	}
	connection_half_close(connection);
	return true;
}

/* ---- receiving ---- */

static bool may_read(struct member *member)
{
	const struct connection *connection = &member->connection;

	if (!member->lazy)
		return true;
	if (connection->sent == connection->echoed && !connection->half_closed) {
		member->reading = false;
	} else if (!member->reading && !has_more(member)) {
		member->reading = true;
		member->since_usecs = now_usecs();
	}
	return member->reading;
}

/* Returns false once the connection has ended. */
static bool receive_some(struct member *member)
{
	struct connection *connection = &member->connection;
	ssize_t received = connection_receive(&traffic, connection);
	int64_t now = now_usecs();

	if (received < 0)
		return true;
	if (received > 0) {
		if (now - member->since_usecs > worst_usecs)
			worst_usecs = now - member->since_usecs;
		member->since_usecs = now;
		return true;
	}
	if (!connection->half_closed || connection->echoed < connection->sent)
		connection_fail(connection, "end-of-file too early");
	end(member, connection->sent);
	return false;
}

/* ---- the loop ---- */

static void rewatch(struct member *member)
{
	uint32_t interest = may_read(member) ? EPOLLIN : 0;

	if (!member->connected || (has_more(member) && !paced))
		interest |= EPOLLOUT;
	connection_watch(&traffic, &member->connection, interest);
}

static void serve(struct member *member, uint32_t events)
{
	if (events & (EPOLLIN | EPOLLERR | EPOLLHUP) && !receive_some(member))
		return;
	member->connected |= (events & EPOLLOUT) != 0;
	if (member->connected && stopping && !member->connection.half_closed)
		connection_half_close(&member->connection);
	if (events & EPOLLOUT && has_more(member) && !send_some(member))
		return;
	rewatch(member);
}

/* Each goes as far as it may now. */
static void rewatch_all(void)
{
	for (unsigned i = 0; i < count; i++) {
		if (members[i].connection.socket_fd >= 0)
			rewatch(&members[i]);
	}
}

static void stop(void)
{
	if (epoll_ctl(traffic.epoll_fd, EPOLL_CTL_DEL, STDIN_FILENO, NULL) != 0)
		fail_errno("epoll_ctl");
	stopping = true;
	for (unsigned i = 0; i < count; i++) {
		/* What is still connecting has its turn when it is connected. */
		if (members[i].connected && !members[i].connection.half_closed)
			connection_half_close(&members[i].connection);
	}
	rewatch_all();
}

static void keep_pace(void)
{
	uint64_t usecs = (uint64_t)(now_usecs() - start_usecs);
	bool over = traffic.sent > (kib_per_sec << 10) * usecs / 1000000;

	if (kib_per_sec == 0 || over == paced)
		return;
	paced = over;
	rewatch_all();
}

static void loop(void)
{
	struct epoll_event events[EVENTS];
	int quiet_msecs = 0;

	while (traffic.ended < traffic.started) {
		int event_count = traffic_wait(&traffic, events, EVENTS, TICK_MSECS);

		for (int i = 0; i < event_count; i++) {
			if (events[i].data.ptr != NULL)
				serve(events[i].data.ptr, events[i].events);
			else
				stop();
		}
		quiet_msecs = event_count > 0 || paced ? 0 : quiet_msecs + TICK_MSECS;
		if (quiet_msecs >= QUIET_MSECS)
			fail("nothing happened for %d ms", QUIET_MSECS);
		keep_pace();
	}
}

int swarm_main(int argc, char *argv[])
{
	struct epoll_event input = { .events = EPOLLIN, .data.ptr = NULL };
	char **words = parse_options(argc, argv, table, 1);

	traffic.echoes_expected = count;
	traffic_start(&traffic, words[0]);
	start_usecs = now_usecs();
	if (epoll_ctl(traffic.epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &input) != 0)
		fail_errno("stdin");
	members = allocate(count, sizeof(*members));
	for (unsigned i = 0; i < count; i++)
		open_next(&members[i]);
	loop();
	traffic_end(&traffic);
	say("%u connections, %" PRIu64 " bytes sent, %" PRIu64 " echoed, worst gap %" PRId64
	    " ms, seed %" PRIu64,
	    traffic.ended, traffic.sent, traffic.echoed, worst_usecs / 1000, traffic.seed);
	return 0;
}
