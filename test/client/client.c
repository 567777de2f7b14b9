/*
 * What the commands of the test client share. The contracts are in client.h.
 */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "options.h"

static void complain(const char *format, va_list arguments, int error)
{
	fputs("client: ", stderr);
	vfprintf(stderr, format, arguments);
	if (error != 0)
		fprintf(stderr, ": %s", strerror(error));
	fputc('\n', stderr);
}

void fail(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	complain(format, arguments, 0);
	va_end(arguments);
	exit(1);
}

void fail_errno(const char *format, ...)
{
	int error = errno;
	va_list arguments;

	va_start(arguments, format);
	complain(format, arguments, error);
	va_end(arguments);
	exit(1);
}

void *allocate(size_t count, size_t bytes)
{
	void *memory = calloc(count, bytes);

	if (memory == NULL)
		fail_errno("memory");
	return memory;
}

void target_parse(struct target *target, const char *text)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&target->address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&target->address;
	const char *colon = strrchr(text, ':');
	bool bracketed = text[0] == '[' && colon != NULL && colon > text + 1 && colon[-1] == ']';
	char host[INET6_ADDRSTRLEN];
	in_port_t port;

	if (colon == NULL)
		fail("'%s' has no port", text);
	port = htons((uint16_t)number(colon + 1, 65535));
	snprintf(host, sizeof(host), "%.*s", (int)(colon - text) - 2 * bracketed, text + bracketed);
	memset(target, 0, sizeof(*target));
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = port;
		target->length = sizeof(*v4);
	} else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = port;
		target->length = sizeof(*v6);
	} else {
		fail("'%s' is not ADDRESS:PORT", text);
	}
}

/* The turns go through 127.1.0.1 to 127.250.249.250, leaving out .0 and .255. */
static void bind_source(int socket_fd, unsigned turn)
{
	unsigned last = 1 + turn % 250;
	unsigned middle = turn / 250 % 250;
	unsigned first = 1 + turn / 62500 % 250;
	struct sockaddr_in source = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(127U << 24 | first << 16 | middle << 8 | last),
	};
	int on = 1;

	if (setsockopt(socket_fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) != 0 ||
	    bind(socket_fd, (const struct sockaddr *)&source, sizeof(source)) != 0)
		fail_errno("bind to a source address");
}

/* The server's kernel, too, then holds less for this connection: as much as so many segments may need. */
static void hold_little(int socket_fd, int segment_bytes)
{
	int window_bytes = 4 * segment_bytes;

	if (setsockopt(socket_fd, IPPROTO_TCP, TCP_MAXSEG, &segment_bytes, sizeof(segment_bytes)) != 0 ||
	    setsockopt(socket_fd, SOL_SOCKET, SO_RCVBUF, &window_bytes, sizeof(window_bytes)) != 0)
		fail_errno("small segments");
}

int target_connect(const struct target *target, bool non_blocking, unsigned turn)
{
	int type = SOCK_STREAM | SOCK_CLOEXEC | (non_blocking ? SOCK_NONBLOCK : 0);
	int socket_fd = socket(target->address.ss_family, type, 0);
	int on = 1;

	if (socket_fd < 0 || setsockopt(socket_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0)
		fail_errno("socket");
	if (turn != 0)
		bind_source(socket_fd, turn);
	if (target->segment_bytes != 0)
		hold_little(socket_fd, target->segment_bytes);
	if (connect(socket_fd, (const struct sockaddr *)&target->address, target->length) != 0 &&
	    errno != EINPROGRESS)
		fail_errno("connect");
	return socket_fd;
}

void local_text(int socket_fd, char text[ADDRESS_BYTES])
{
	struct sockaddr_storage local;
	socklen_t length = sizeof(local);
	char host[INET6_ADDRSTRLEN];

	memset(&local, 0, sizeof(local));
	if (getsockname(socket_fd, (struct sockaddr *)&local, &length) != 0)
		fail_errno("getsockname");
	if (local.ss_family == AF_INET) {
		const struct sockaddr_in *v4 = (const struct sockaddr_in *)&local;

		inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
		snprintf(text, ADDRESS_BYTES, "%s:%u", host, ntohs(v4->sin_port));
	} else {
		const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&local;

		inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
		snprintf(text, ADDRESS_BYTES, "[%s]:%u", host, ntohs(v6->sin6_port));
	}
}

void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		fail_errno("getrlimit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		fail_errno("setrlimit");
}

void reset_on_close(int socket_fd)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	if (setsockopt(socket_fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) != 0)
		fail_errno("SO_LINGER");
}

void lose_segments(int socket_fd, unsigned percent)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)(SKF_AD_OFF + SKF_AD_RANDOM)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, UINT32_MAX / 100 * percent, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	if (setsockopt(socket_fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0)
		fail_errno("SO_ATTACH_FILTER");
}

int64_t now_usecs(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

short await(int fd, short events)
{
	struct pollfd wanted = { .fd = fd, .events = events };
	int count;

	do
		count = poll(&wanted, 1, QUIET_MSECS);
	while (count < 0 && errno == EINTR);
	if (count < 0)
		fail_errno("poll");
	if (count == 0)
		fail("nothing happened for %d ms", QUIET_MSECS);
	return wanted.revents;
}

void send_all(int socket_fd, const void *from, size_t bytes)
{
	for (const char *next = from; bytes > 0;) {
		ssize_t count;

		await(socket_fd, POLLOUT);
		count = send(socket_fd, next, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (count < 0 && errno != EINTR && errno != EAGAIN)
			fail_errno("send");
		if (count > 0) {
			next += count;
			bytes -= (size_t)count;
		}
	}
}

void receive_all(int socket_fd, void *to, size_t bytes)
{
	for (char *next = to; bytes > 0;) {
		ssize_t count;

		await(socket_fd, POLLIN);
		count = recv(socket_fd, next, bytes, 0);
		if (count < 0 && errno != EINTR)
			fail_errno("recv");
		if (count == 0)
			fail("end-of-file with %zu bytes still to come", bytes);
		if (count > 0) {
			next += count;
			bytes -= (size_t)count;
		}
	}
}

void finish(int socket_fd)
{
	char more;
	ssize_t count;

	if (shutdown(socket_fd, SHUT_WR) != 0)
		fail_errno("shutdown");
	await(socket_fd, POLLIN);
	count = recv(socket_fd, &more, 1, 0);
	if (count < 0)
		fail_errno("recv, where end-of-file was due");
	if (count > 0)
		fail("a byte came back that was not sent");
	close(socket_fd);
}

bool peer_window_closed(int socket_fd)
{
	struct tcp_info info;
	socklen_t length = sizeof(info);

	if (getsockopt(socket_fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0)
		fail_errno("TCP_INFO");
	return info.tcpi_unacked == 0 && info.tcpi_backoff >= 2;
}

void say(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	if (putchar('\n') == EOF || fflush(stdout) != 0)
		fail_errno("stdout");
}

void await_go_on(void)
{
	char ignored[256];
	ssize_t count;

	do
		count = read(STDIN_FILENO, ignored, sizeof(ignored));
	while (count > 0 || (count < 0 && errno == EINTR));
	if (count < 0)
		fail_errno("stdin");
}
