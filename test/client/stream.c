/*
 * client stream: many connections at once, each sending its payload in chunks of random sizes and
 * comparing every byte of the echo with it.
 *
 * A connection ends once its bytes are all back: with -H every other one half-closes as soon as all is
 * sent and ends with the server's end-of-file. With -e there is no end but the one that the server
 * makes: what came back before its end-of-file must be the beginning of what was sent.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "client.h"
#include "payload.h"

enum { EVENTS = 64 };

struct connection {
	int socket_fd;       /* -1: there is none */
	unsigned stream;     /* its number */
	char *chunk;         /* what is being sent */
	size_t chunk_bytes;  /* in chunk */
	size_t chunk_sent;   /* of these */
	uint64_t sent;       /* bytes that the kernel took */
	uint64_t echoed;     /* bytes that came back */
	uint32_t interest;   /* what epoll watches for */
	bool half_closed;    /* our side */
	struct payload out;  /* stands behind chunk */
	struct payload back; /* stands at echoed */
};

static struct {
	struct target target;
	unsigned count;     /* connections in all */
	unsigned at_once;   /* connections at the same time */
	uint64_t bytes;     /* for each connection */
	size_t chunk_bytes; /* the largest chunk */
	uint64_t window;    /* the most that may be sent and not yet back */
	uint64_t seed;
	FILE *manifest;    /* or NULL */
	bool until_eof;    /* -e */
	bool half_close;   /* -H */
	bool rotate;       /* -r: another source address for each connection */
	bool report_stall; /* -S: say so when every connection is stuck */
} options = {
	.count = 1,
	.bytes = 1 << 20,
	.chunk_bytes = 8192,
	.window = 1 << 20,
	.seed = 1,
};

static struct connection *connections; /* options.at_once of them */
static int epoll_fd;
static uint64_t random_state;
static unsigned started, ended, echoing; /* connections: ever opened, done, that had a first echo */
static uint64_t total_sent, total_echoed;

static void watch(struct connection *connection, int operation, uint32_t interest)
{
	struct epoll_event event = { .events = interest, .data.ptr = connection };

	if (operation == EPOLL_CTL_MOD && connection->interest == interest)
		return;
	connection->interest = interest;
	if (epoll_ctl(epoll_fd, operation, connection->socket_fd, &event) == -1)
		fail_errno("epoll_ctl");
}

static void open_next(struct connection *connection)
{
	char *chunk = connection->chunk;

	if (!chunk)
		chunk = allocate(1, options.chunk_bytes);
	*connection = (struct connection){ .chunk = chunk, .stream = started++ };
	payload_start(&connection->out, options.seed, connection->stream);
	payload_start(&connection->back, options.seed, connection->stream);
	connection->socket_fd = target_connect(&options.target, true, options.rotate ? started : 0);
	watch(connection, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
}

static void end(struct connection *connection)
{
	if (options.manifest) {
		char address[ADDRESS_BYTES];

		local_text(connection->socket_fd, address);
		manifest_add(options.manifest, address, connection->stream, connection->sent);
	}
	total_sent += connection->sent;
	total_echoed += connection->echoed;
	close(connection->socket_fd);
	connection->socket_fd = -1;
	ended++;
	if (started < options.count)
		open_next(connection);
}

_Noreturn static void fail_at(const struct connection *connection, const char *what)
{
	char address[ADDRESS_BYTES];

	local_text(connection->socket_fd, address);
	fail("connection %u from %s, %" PRIu64 " sent, %" PRIu64 " echoed: %s", connection->stream, address,
	     connection->sent, connection->echoed, what);
}

/* May more be sent now, for all that we know? */
static bool has_more(const struct connection *connection)
{
	if (connection->half_closed)
		return false;
	return connection->chunk_sent < connection->chunk_bytes ||
	       (connection->sent < options.bytes && connection->sent - connection->echoed < options.window);
}

static void next_chunk(struct connection *connection)
{
	uint64_t room = options.window - (connection->sent - connection->echoed);
	uint64_t left = options.bytes - connection->sent;
	uint64_t bytes = 1 + random_next(&random_state) % options.chunk_bytes;

	bytes = bytes < room ? bytes : room;
	bytes = bytes < left ? bytes : left;
	payload_take(&connection->out, connection->chunk, bytes);
	connection->chunk_bytes = bytes;
	connection->chunk_sent = 0;
}

static void send_some(struct connection *connection)
{
	ssize_t count;

	if (connection->chunk_sent == connection->chunk_bytes)
		next_chunk(connection);
	count = send(connection->socket_fd, connection->chunk + connection->chunk_sent,
		     connection->chunk_bytes - connection->chunk_sent, MSG_NOSIGNAL);
	if (count == -1 && errno == EAGAIN)
		return;
	if (count == -1)
		fail_at(connection, strerror(errno));
	connection->chunk_sent += (size_t)count;
	connection->sent += (uint64_t)count;
	if (connection->sent < options.bytes || !options.half_close || connection->stream % 2 == 0)
		return;
	if (shutdown(connection->socket_fd, SHUT_WR) == -1)
		fail_at(connection, strerror(errno));
	connection->half_closed = true;
}

static void take_echo(struct connection *connection, const char *bytes, size_t count)
{
	size_t equal = payload_match(&connection->back, bytes, count);

	if (!connection->echoed && ++echoing == options.count)
		say("all echo");
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
	if (count)
		take_echo(connection, bytes, (size_t)count);
	else if (!options.until_eof && !(connection->half_closed && connection->echoed == options.bytes))
		fail_at(connection, "end-of-file too early");
	if (count && (connection->echoed < options.bytes || connection->half_closed))
		return true;
	end(connection);
	return false;
}

static void serve(struct connection *connection, uint32_t events)
{
	if (events & (EPOLLIN | EPOLLERR | EPOLLHUP) && !receive_some(connection))
		return;
	if (events & EPOLLOUT && has_more(connection))
		send_some(connection);
	watch(connection, EPOLL_CTL_MOD, has_more(connection) ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static bool all_stalled(void)
{
	for (unsigned i = 0; i < options.at_once; i++) {
		if (connections[i].socket_fd != -1 && !peer_window_closed(connections[i].socket_fd))
			return false;
	}
	return true;
}

static void say_stalled(void)
{
	uint64_t sent = total_sent;

	for (unsigned i = 0; i < options.at_once; i++) {
		if (connections[i].socket_fd != -1)
			sent += connections[i].sent;
	}
	options.report_stall = false;
	say("stalled %" PRIu64, sent);
}

static void loop(void)
{
	struct epoll_event events[EVENTS];
	int quiet_msecs = 0;

	while (ended < options.count) {
		int count = epoll_wait(epoll_fd, events, EVENTS, STALL_LOOK_MSECS);

		if (count == -1 && errno != EINTR)
			fail_errno("epoll_wait");
		for (int i = 0; i < count; i++)
			serve(events[i].data.ptr, events[i].events);
		quiet_msecs = count ? 0 : quiet_msecs + STALL_LOOK_MSECS;
		if (quiet_msecs >= QUIET_MSECS)
			fail("nothing happened for %d ms; %u of %u connections had ended", QUIET_MSECS, ended,
			     options.count);
		if (!count && options.report_stall && all_stalled())
			say_stalled();
	}
}

static void parse(int argc, char *argv[])
{
	const char *manifest = NULL;
	int option;

	while ((option = getopt(argc, argv, "eHrSn:p:b:c:w:s:m:")) != -1) {
		switch (option) {
		case 'e':
			options.until_eof = true;
			options.bytes = UINT64_MAX;
			break;
		case 'H':
			options.half_close = true;
			break;
		case 'r':
			options.rotate = true;
			break;
		case 'S':
			options.report_stall = true;
			break;
		case 'n':
			options.count = (unsigned)number(optarg, 1000000);
			break;
		case 'p':
			options.at_once = (unsigned)number(optarg, 10000);
			break;
		case 'b':
			options.bytes = number(optarg, UINT64_MAX);
			break;
		case 'c':
			options.chunk_bytes = number(optarg, CHUNK_MAX_BYTES);
			break;
		case 'w':
			options.window = number(optarg, UINT64_MAX);
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
		fail("stream needs one ADDRESS:PORT");
	target_parse(&options.target, argv[optind]);
	if (!options.at_once || options.at_once > options.count)
		options.at_once = options.count;
	if (manifest)
		options.manifest = manifest_create(manifest, options.seed);
}

int stream_main(int argc, char *argv[])
{
	parse(argc, argv);
	raise_descriptor_limit();
	random_state = options.seed;
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd == -1)
		fail_errno("epoll_create1");
	connections = allocate(options.at_once, sizeof(*connections));
	for (unsigned i = 0; i < options.at_once; i++)
		open_next(&connections[i]);
	loop();
	if (options.manifest)
		manifest_close(options.manifest);
	say("%u connections, %" PRIu64 " bytes sent, %" PRIu64 " echoed, seed %" PRIu64, ended, total_sent,
	    total_echoed, options.seed);
	return 0;
}
