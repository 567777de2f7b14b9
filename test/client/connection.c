/* Sending chunks and checking their echo. See connection.h. */
#include "connection.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "header.h"

void traffic_start(struct traffic *traffic, const char *target)
{
	target_parse(&traffic->target, target);
	traffic->kind = payload_kind(traffic->kind_name);
	traffic->manifest = manifest_create(traffic->manifest_path, traffic->kind, traffic->seed);
	traffic->random_state = traffic->seed;
	raise_descriptor_limit();
	traffic->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (traffic->epoll_fd < 0)
		fail_errno("epoll_create1");
}

void traffic_end(struct traffic *traffic)
{
	manifest_close(traffic->manifest);
	close(traffic->epoll_fd);
}

int traffic_wait(const struct traffic *traffic, struct epoll_event *events, int most, int msecs)
{
	int count = epoll_wait(traffic->epoll_fd, events, most, msecs);

	if (count < 0 && errno != EINTR)
		fail_errno("epoll_wait");
	return count > 0 ? count : 0;
}

void connection_open(struct traffic *traffic, struct connection *connection, int segment_bytes, unsigned turn)
{
	struct target target = traffic->target;
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT, .data.ptr = connection };
	char *chunk = connection->chunk;

	if (chunk == NULL)
		chunk = allocate(1, CHUNK_MAX_BYTES);
	*connection =
		(struct connection){ .chunk = chunk, .stream = traffic->started++, .interest = event.events };
	payload_start(&connection->out, traffic->kind, traffic->seed, connection->stream);
	payload_start(&connection->back, traffic->kind, traffic->seed, connection->stream);
	target.segment_bytes = segment_bytes;
	connection->socket_fd = target_connect(&target, !traffic->proxied, turn);
	local_text(connection->socket_fd, connection->source);
	if (traffic->proxied) {
		header_send(connection->socket_fd, traffic->seed, connection->stream, &traffic->random_state,
			    connection->source);
		if (fcntl(connection->socket_fd, F_SETFL, O_NONBLOCK) != 0)
			fail_errno("O_NONBLOCK");
	}
	if (epoll_ctl(traffic->epoll_fd, EPOLL_CTL_ADD, connection->socket_fd, &event) != 0)
		fail_errno("epoll_ctl");
}

void connection_close(struct traffic *traffic, struct connection *connection, uint64_t least)
{
	manifest_add_range(traffic->manifest, connection->source, connection->stream, least,
			   connection->sent);
	close(connection->socket_fd);
	connection->socket_fd = -1;
	traffic->ended++;
}

void connection_fail(const struct connection *connection, const char *what)
{
	fail("connection %u from %s, %" PRIu64 " sent, %" PRIu64 " echoed: %s", connection->stream,
	     connection->source, connection->sent, connection->echoed, what);
}

void connection_watch(const struct traffic *traffic, struct connection *connection, uint32_t interest)
{
	struct epoll_event event = { .events = interest, .data.ptr = connection };

	if (connection->interest == interest)
		return;
	connection->interest = interest;
	if (epoll_ctl(traffic->epoll_fd, EPOLL_CTL_MOD, connection->socket_fd, &event) != 0)
		fail_errno("epoll_ctl");
}

void connection_fill(struct connection *connection, uint64_t bytes)
{
	payload_take(&connection->out, connection->chunk, bytes);
	connection->chunk_bytes = bytes;
	connection->chunk_sent = 0;
}

size_t connection_send(struct traffic *traffic, struct connection *connection, int flags)
{
	ssize_t count = send(connection->socket_fd, connection->chunk + connection->chunk_sent,
			     connection->chunk_bytes - connection->chunk_sent, MSG_NOSIGNAL | flags);

	if (count < 0 && errno == EAGAIN)
		return 0;
	if (count < 0)
		connection_fail(connection, strerror(errno));
	connection->chunk_sent += (size_t)count;
	connection->sent += (uint64_t)count;
	traffic->sent += (uint64_t)count;
	return (size_t)count;
}

void connection_half_close(struct connection *connection)
{
	if (shutdown(connection->socket_fd, SHUT_WR) != 0)
		connection_fail(connection, strerror(errno));
	connection->half_closed = true;
}

static void take_echo(struct traffic *traffic, struct connection *connection, const char *bytes, size_t count)
{
	size_t equal = payload_match(&connection->back, bytes, count);

	if (connection->echoed == 0 && ++traffic->echoing == traffic->echoes_expected)
		say("all echo");
	connection->echoed += equal;
	traffic->echoed += equal;
	if (equal < count)
		connection_fail(connection, "the next byte of the echo is wrong");
	if (connection->echoed > connection->sent)
		connection_fail(connection, "more came back than was sent");
}

ssize_t connection_receive(struct traffic *traffic, struct connection *connection)
{
	static char bytes[CHUNK_MAX_BYTES];
	ssize_t count = recv(connection->socket_fd, bytes, sizeof(bytes), 0);

	if (count < 0 && errno != EAGAIN)
		connection_fail(connection, strerror(errno));
	if (count > 0)
		take_echo(traffic, connection, bytes, (size_t)count);
	return count;
}
