/*
 * The echo server that echod is measured against: one process, level-triggered epoll, reads of
 * 64 KiB written back at once, no log, no supervision. It is the floor: what an echo costs where
 * nothing is known about it.
 *
 * It is exact all the same. What a socket does not take at once is kept, and no more is read from
 * that client until it has been sent.
 *
 *     baseline        listens on a free port of 127.0.0.1 and says which: "listening on 127.0.0.1:PORT"
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	READ_BYTES = 64 * 1024,
	EVENTS = 512,
	BACKLOG = 4096,
};

/* What a client's socket has not taken yet; bytes is NULL while there is nothing. */
struct pending {
	char *bytes;
	size_t from;
	size_t to;
};

static int epoll_fd = -1;
static int listener_fd = -1;
static struct pending *pending; /* by descriptor */
static char buffer[READ_BYTES];

static void fail(const char *what)
{
	fprintf(stderr, "baseline: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void watch(int operation, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	if (epoll_ctl(epoll_fd, operation, fd, &event) != 0)
		fail("epoll_ctl");
}

static void client_close(int fd)
{
	free(pending[fd].bytes);
	pending[fd].bytes = NULL;
	close(fd);
}

/* Keeps what the socket did not take and waits for room instead of reading on. */
static void client_keep(int fd, const char *bytes, size_t count)
{
	pending[fd].bytes = malloc(count);
	if (pending[fd].bytes == NULL)
		fail("malloc");
	memcpy(pending[fd].bytes, bytes, count);
	pending[fd].from = 0;
	pending[fd].to = count;
	watch(EPOLL_CTL_MOD, fd, EPOLLOUT);
}

/* Sends and returns how much was taken, or -1 if the connection is broken. */
static ssize_t client_send(int fd, const char *bytes, size_t count)
{
	ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL);

	if (sent < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return sent;
}

static void client_readable(int fd)
{
	ssize_t received = recv(fd, buffer, sizeof(buffer), 0);
	ssize_t sent;

	if (received < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (received <= 0) {
		client_close(fd);
		return;
	}
	sent = client_send(fd, buffer, (size_t)received);
	if (sent < 0)
		client_close(fd);
	else if (sent < received)
		client_keep(fd, buffer + sent, (size_t)(received - sent));
}

static void client_writable(int fd)
{
	struct pending *kept = &pending[fd];
	ssize_t sent = client_send(fd, kept->bytes + kept->from, kept->to - kept->from);

	if (sent < 0) {
		client_close(fd);
		return;
	}
	kept->from += (size_t)sent;
	if (kept->from == kept->to) {
		free(kept->bytes);
		kept->bytes = NULL;
		watch(EPOLL_CTL_MOD, fd, EPOLLIN);
	}
}

static void accept_all(void)
{
	for (;;) {
		int fd = accept4(listener_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd != -1)
			watch(EPOLL_CTL_ADD, fd, EPOLLIN);
		else if (errno == EAGAIN)
			return;
		else if (errno != EINTR && errno != ECONNABORTED)
			fail("accept");
	}
}

/* Opens the listener; what is set on it, accepted sockets inherit. */
static void listen_on_free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	const int on = 1;

	listener_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (listener_fd < 0)
		fail("socket");
	if (setsockopt(listener_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0)
		fail("TCP_NODELAY");
	if (bind(listener_fd, (struct sockaddr *)&address, length) != 0)
		fail("bind");
	if (listen(listener_fd, BACKLOG) != 0)
		fail("listen");
	if (getsockname(listener_fd, (struct sockaddr *)&address, &length) != 0)
		fail("getsockname");
	fprintf(stderr, "listening on 127.0.0.1:%u\n", ntohs(address.sin_port));
}

static void serve(void)
{
	struct epoll_event events[EVENTS];

	for (;;) {
		int count = epoll_wait(epoll_fd, events, EVENTS, -1);

		if (count < 0 && errno != EINTR)
			fail("epoll_wait");
		for (int i = 0; i < count; i++) {
			int fd = events[i].data.fd;

			if (fd == listener_fd)
				accept_all();
			else if (pending[fd].bytes == NULL)
				client_readable(fd);
			else
				client_writable(fd);
		}
	}
}

int main(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		fail("RLIMIT_NOFILE");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		fail("RLIMIT_NOFILE");
	pending = calloc(limit.rlim_max, sizeof(*pending));
	if (pending == NULL)
		fail("calloc");
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0)
		fail("epoll_create1");
	listen_on_free_port();
	watch(EPOLL_CTL_ADD, listener_fd, EPOLLIN);
	serve();
}
