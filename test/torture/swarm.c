/*
 * swarm: connections that stream until stdin ends, each sending its payload in chunks of random sizes
 * and comparing every byte of the echo with it. Then each half-closes and reads the rest.
 *
 *     swarm [-orz] [-n COUNT] [-b BYTES] [-c CHUNK] [-w WINDOW] [-k KIB] [-p PERCENT] [-s SEED] [-m MANIFEST] ADDRESS:PORT
 *
 *     -n  so many at a time
 *     -b  a connection sends at most so many bytes, half-closes and reads the rest, and another takes
 *         its place; each comes from an address of its own
 *     -r  every other one of these is reset by its client instead
 *     -o  some chunks are sent as urgent data
 *     -z  every other connection is lazy: it reads only when it may send no more
 *     -c  the largest chunk
 *     -w  the most that may be sent on one connection and not yet back
 *     -k  the most that is sent on all of them together in a second
 *     -p  so many of the segments that the server sends are lost on their way
 *
 * It says "all echo" once each has had something back, and in the end how much there was and the worst
 * gap: the longest time that a client that waited for its echo got nothing. A line of the manifest
 * tells two numbers of a connection that was reset: what the log must have, and what it may have.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "../client/client.h"
#include "../client/payload.h"

enum {
	EVENTS = 64,
	TICK_MSECS = 10, /* between looks at the clock, where the pace is limited */
	LAZY_SEGMENT_BYTES = 1000,
	USECS_PER_MSEC = 1000,
};

struct connection {
	int socket_fd;       /* -1: there is none */
	unsigned stream;     /* its number */
	char *chunk;         /* what is being sent */
	size_t chunk_bytes;  /* in chunk */
	size_t chunk_sent;   /* of these */
	uint64_t life;       /* bytes to send */
	uint64_t sent;       /* bytes that the kernel took */
	uint64_t echoed;     /* bytes that came back */
	int64_t since_usecs; /* it has waited for its echo since then */
	uint32_t interest;   /* what epoll watches for */
	bool lazy;
	bool reading; /* a lazy one's turn to read has come */
	bool connected;
	bool half_closed;    /* our side */
	struct payload out;  /* stands behind chunk */
	struct payload back; /* stands at echoed */
};

static struct {
	struct target target;
	unsigned count;         /* connections at the same time */
	uint64_t bytes;         /* for each connection */
	uint64_t chunk_bytes;   /* the largest */
	uint64_t window;        /* the most that may be sent and not yet back */
	uint64_t bytes_per_sec; /* 0: as fast as it goes */
	unsigned loss_percent;  /* of the segments */
	uint64_t seed;
	FILE *manifest; /* or NULL */
	bool reset, urgent, lazy;
} options = {
	.count = 8,
	.bytes = UINT64_MAX,
	.chunk_bytes = CHUNK_MAX_BYTES,
	.window = 256 << 10,
	.seed = 1,
};

static struct connection *connections; /* options.count of them */
static int epoll_fd;
static uint64_t random_state;
static unsigned started, ended, echoing; /* connections: ever opened, done, that had a first echo */
static uint64_t total_sent, total_echoed;
static int64_t start_usecs, worst_usecs;
static bool stopping; /* stdin has ended */
static bool paced;    /* as much was sent as may be by now */

static int64_t now_usecs(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 * USECS_PER_MSEC + now.tv_nsec / 1000;
}

static uint64_t random_below(uint64_t limit)
{
	return random_next(&random_state) % limit;
}

static void watch(struct connection *connection, int operation, uint32_t interest)
{
	struct epoll_event event = { .events = interest, .data.ptr = connection };

	if (operation == EPOLL_CTL_MOD && connection->interest == interest)
		return;
	connection->interest = interest;
	if (epoll_ctl(epoll_fd, operation, connection->socket_fd, &event) == -1)
		fail_errno("epoll_ctl");
}

/* ---- a connection's beginning and end ---- */

static void open_next(struct connection *connection)
{
	bool many = options.bytes != UINT64_MAX;
	char *chunk = connection->chunk;
	struct target target = options.target;

	if (!chunk)
		chunk = allocate(1, CHUNK_MAX_BYTES);
	*connection = (struct connection){ .chunk = chunk, .stream = started++ };
	connection->life = many ? 1 + random_below(options.bytes) : UINT64_MAX;
	connection->lazy = options.lazy && connection->stream % 2;
	payload_start(&connection->out, options.seed, connection->stream);
	payload_start(&connection->back, options.seed, connection->stream);
	if (connection->lazy)
		target.segment_bytes = LAZY_SEGMENT_BYTES;
	connection->socket_fd = target_connect(&target, true, many ? started : 0);
	if (options.loss_percent)
		lose_segments(connection->socket_fd, options.loss_percent);
	watch(connection, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
}

/* Closes it; the log must have what was sent, at least as much as `least` of it. */
static void end(struct connection *connection, uint64_t least)
{
	if (options.manifest) {
		char address[ADDRESS_BYTES];

		local_text(connection->socket_fd, address);
		manifest_add_range(options.manifest, address, connection->stream, least, connection->sent);
	}
	total_echoed += connection->echoed;
	close(connection->socket_fd);
	connection->socket_fd = -1;
	ended++;
	if (!stopping)
		open_next(connection);
}

_Noreturn static void fail_at(const struct connection *connection, const char *what)
{
	char address[ADDRESS_BYTES];

	local_text(connection->socket_fd, address);
	fail("connection %u from %s, %" PRIu64 " sent, %" PRIu64 " echoed: %s", connection->stream, address,
	     connection->sent, connection->echoed, what);
}

static void half_close(struct connection *connection)
{
	if (shutdown(connection->socket_fd, SHUT_WR) == -1)
		fail_at(connection, strerror(errno));
	connection->half_closed = true;
}

/* ---- sending ---- */

static bool has_more(const struct connection *connection)
{
	return !connection->half_closed && !stopping &&
	       connection->sent - connection->echoed < options.window && connection->sent < connection->life;
}

/* Sizes from one byte to the largest, small ones as often as large ones. */
static void next_chunk(struct connection *connection)
{
	uint64_t bytes = 1 + random_below(1U << random_below(17));
	uint64_t left = connection->life - connection->sent;

	bytes = bytes < options.chunk_bytes ? bytes : 1 + bytes % options.chunk_bytes;
	bytes = bytes < left ? bytes : left;
	payload_take(&connection->out, connection->chunk, bytes);
	connection->chunk_bytes = bytes;
	connection->chunk_sent = 0;
}

static void count_sent(struct connection *connection, size_t bytes)
{
	if (connection->sent == connection->echoed)
		connection->since_usecs = now_usecs();
	connection->chunk_sent += bytes;
	connection->sent += bytes;
	total_sent += bytes;
}

/* Returns false once the connection has ended. */
static bool send_some(struct connection *connection)
{
	int flags = options.urgent && random_below(8) == 0 ? MSG_OOB : 0;
	ssize_t count;

	if (connection->chunk_sent == connection->chunk_bytes)
		next_chunk(connection);
	count = send(connection->socket_fd, connection->chunk + connection->chunk_sent,
		     connection->chunk_bytes - connection->chunk_sent, MSG_NOSIGNAL | flags);
	if (count == -1 && errno == EAGAIN)
		return true;
	if (count == -1)
		fail_at(connection, strerror(errno));
	count_sent(connection, (size_t)count);
	if (connection->sent < connection->life)
		return true;
	if (options.reset && connection->stream / 2 % 2) {
		reset_on_close(connection->socket_fd);
		end(connection, connection->echoed);
		return false;
	}
	half_close(connection);
	return true;
}

/* ---- receiving ---- */

static bool may_read(struct connection *connection)
{
	if (!connection->lazy)
		return true;
	if (connection->sent == connection->echoed && !connection->half_closed) {
		connection->reading = false;
	} else if (!connection->reading && !has_more(connection)) {
		connection->reading = true;
		connection->since_usecs = now_usecs();
	}
	return connection->reading;
}

static void take_echo(struct connection *connection, const char *bytes, size_t count)
{
	size_t equal = payload_match(&connection->back, bytes, count);
	int64_t now = now_usecs();

	if (!connection->echoed && ++echoing == options.count)
		say("all echo");
	if (now - connection->since_usecs > worst_usecs)
		worst_usecs = now - connection->since_usecs;
	connection->since_usecs = now;
	connection->echoed += equal;
	if (equal < count)
		fail_at(connection, "the next byte of the echo is wrong");
	if (connection->echoed > connection->sent)
		fail_at(connection, "more came back than was sent");
}

/* Returns false once the connection has ended. */
static bool receive_some(struct connection *connection)
{
	static char bytes[CHUNK_MAX_BYTES];
	ssize_t count = recv(connection->socket_fd, bytes, sizeof(bytes), 0);

	if (count == -1 && errno == EAGAIN)
		return true;
	if (count == -1)
		fail_at(connection, strerror(errno));
	if (count) {
		take_echo(connection, bytes, (size_t)count);
		return true;
	}
	if (!connection->half_closed || connection->echoed < connection->sent)
		fail_at(connection, "end-of-file too early");
	end(connection, connection->sent);
	return false;
}

/* ---- the loop ---- */

static void rewatch(struct connection *connection)
{
	uint32_t interest = may_read(connection) ? EPOLLIN : 0;

	if (!connection->connected || (has_more(connection) && !paced))
		interest |= EPOLLOUT;
	watch(connection, EPOLL_CTL_MOD, interest);
}

static void serve(struct connection *connection, uint32_t events)
{
	if (events & (EPOLLIN | EPOLLERR | EPOLLHUP) && !receive_some(connection))
		return;
	connection->connected |= (events & EPOLLOUT) != 0;
	if (connection->connected && stopping && !connection->half_closed)
		half_close(connection);
	if (events & EPOLLOUT && has_more(connection) && !send_some(connection))
		return;
	rewatch(connection);
}

/* Each goes as far as it may now. */
static void rewatch_all(void)
{
	for (unsigned i = 0; i < options.count; i++) {
		if (connections[i].socket_fd != -1)
			rewatch(&connections[i]);
	}
}

static void stop(void)
{
	if (epoll_ctl(epoll_fd, EPOLL_CTL_DEL, STDIN_FILENO, NULL) == -1)
		fail_errno("epoll_ctl");
	stopping = true;
	for (unsigned i = 0; i < options.count; i++) {
		/* What is still connecting has its turn when it is connected. */
		if (connections[i].connected && !connections[i].half_closed)
			half_close(&connections[i]);
	}
	rewatch_all();
}

static void keep_pace(void)
{
	int64_t usecs = now_usecs() - start_usecs;
	bool over = total_sent > options.bytes_per_sec * (uint64_t)usecs / 1000000;

	if (!options.bytes_per_sec || over == paced)
		return;
	paced = over;
	rewatch_all();
}

static void loop(void)
{
	struct epoll_event events[EVENTS];
	int quiet_msecs = 0;

	while (ended < started) {
		int count = epoll_wait(epoll_fd, events, EVENTS, TICK_MSECS);

		if (count == -1 && errno != EINTR)
			fail_errno("epoll_wait");
		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr)
				serve(events[i].data.ptr, events[i].events);
			else
				stop();
		}
		quiet_msecs = count || paced ? 0 : quiet_msecs + TICK_MSECS;
		if (quiet_msecs >= QUIET_MSECS)
			fail("nothing happened for %d ms", QUIET_MSECS);
		keep_pace();
	}
}

static void parse(int argc, char *argv[])
{
	const char *manifest = NULL;
	int option;

	while ((option = getopt(argc, argv, "orzn:b:c:w:k:p:s:m:")) != -1) {
		switch (option) {
		case 'o':
			options.urgent = true;
			break;
		case 'r':
			options.reset = true;
			break;
		case 'z':
			options.lazy = true;
			break;
		case 'n':
			options.count = (unsigned)number(optarg, 10000);
			break;
		case 'b':
			options.bytes = number(optarg, UINT64_MAX - 1);
			break;
		case 'c':
			options.chunk_bytes = number(optarg, CHUNK_MAX_BYTES);
			break;
		case 'w':
			options.window = number(optarg, UINT64_MAX);
			break;
		case 'k':
			options.bytes_per_sec = number(optarg, 1 << 30) << 10;
			break;
		case 'p':
			options.loss_percent = (unsigned)number(optarg, 50);
			break;
		case 's':
			options.seed = number(optarg, UINT64_MAX);
			break;
		case 'm':
			manifest = optarg;
			break;
		default:
			exit(2);
		}
	}
	if (optind != argc - 1)
		fail("swarm needs one ADDRESS:PORT");
	target_parse(&options.target, argv[optind]);
	if (manifest)
		options.manifest = manifest_create(manifest, options.seed);
}

int main(int argc, char *argv[])
{
	struct epoll_event input = { .events = EPOLLIN, .data.ptr = NULL };

	parse(argc, argv);
	raise_descriptor_limit();
	random_state = options.seed;
	start_usecs = now_usecs();
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd == -1 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &input) == -1)
		fail_errno("epoll");
	connections = allocate(options.count, sizeof(*connections));
	for (unsigned i = 0; i < options.count; i++)
		open_next(&connections[i]);
	loop();
	if (options.manifest)
		manifest_close(options.manifest);
	say("%u connections, %" PRIu64 " bytes sent, %" PRIu64 " echoed, worst gap %" PRId64
	    " ms, seed %" PRIu64,
	    ended, total_sent, total_echoed, worst_usecs / USECS_PER_MSEC, options.seed);
	return 0;
}
