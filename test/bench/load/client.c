/* The clients: every byte that comes back is compared with what was sent. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

enum {
	PATTERN_BYTES = 16381,       /* a prime: what is lost or doubled is no multiple of it by accident */
	ONE_ADDRESS_CLIENTS = 16384, /* of the 28,000 ports that an address usually has */
};

struct client *clients;
uint64_t bytes_back;
static char pattern[PATTERN_BYTES + CHUNK_BYTES]; /* repeats, so that a chunk can start anywhere in it */
static char received[CHUNK_BYTES];
static int epoll_fd = -1;

/* The same numbers in every run. */
static uint8_t random_byte(void)
{
	static uint32_t state = 2463534242;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return (uint8_t)(state >> 24);
}

static void fill_with_random(void)
{
	for (size_t i = 0; i < PATTERN_BYTES; i++)
		pattern[i] = (char)random_byte();
}

/* Words of 1 to 8 letters in lines of 1 to 16 words. */
static void fill_with_text(void)
{
	unsigned letters = 0, words = 0;

	for (size_t i = 0; i < PATTERN_BYTES; i++) {
		if (letters-- > 0) {
			pattern[i] = (char)('a' + random_byte() % 26);
			continue;
		}
		letters = 1 + random_byte() % 8;
		pattern[i] = words > 0 ? ' ' : '\n';
		words = words > 0 ? words - 1 : random_byte() % 16;
	}
}

static void pattern_init(void)
{
	if (strcmp(filling, "random") == 0)
		fill_with_random();
	else if (strcmp(filling, "text") == 0)
		fill_with_text();
	else
		fail("no such filling: %s", filling);
	for (size_t i = PATTERN_BYTES; i < sizeof(pattern); i++)
		pattern[i] = pattern[i - PATTERN_BYTES];
}

static uint32_t pattern_after(uint32_t place, size_t count)
{
	return (uint32_t)((place + count) % PATTERN_BYTES);
}

void clients_prepare(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		fail("RLIMIT_NOFILE: %s", strerror(errno));
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		fail("RLIMIT_NOFILE: %s", strerror(errno));
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0)
		fail("epoll_create1: %s", strerror(errno));
	pattern_init();
}

/* ---- connecting ---- */

/* Gives a socket the next of 16 million source addresses: at a single one ports would run out. */
static void bind_next_address(int fd)
{
	static uint32_t source;
	struct sockaddr_in address = { .sin_family = AF_INET };
	const int on = 1;

	if (source == 0)
		source = (uint32_t)getpid() * 4099;
	source++;
	address.sin_addr.s_addr =
		htonl(UINT32_C(127) << 24 | (1 + (source >> 16) % 250) << 16 | (source & UINT32_C(0xffff)));
	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) != 0)
		fail("IP_BIND_ADDRESS_NO_PORT: %s", strerror(errno));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		fail("bind: %s", strerror(errno));
}

/* Starts or makes the connection, depending on the socket; -1 with errno. */
static int connect_to_server(int fd)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	return connect(fd, (struct sockaddr *)&address, sizeof(address));
}

static void watch(int operation, struct client *client, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = client };

	if (epoll_ctl(epoll_fd, operation, client->fd, &event) != 0)
		fail("epoll_ctl: %s", strerror(errno));
}

void client_connect(struct client *client)
{
	client->started = now_nsecs();
	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (client->fd < 0)
		fail("socket: %s", strerror(errno));
	if (!one_address)
		bind_next_address(client->fd);
	if (connect_to_server(client->fd) != 0 && errno != EINPROGRESS)
		fail("connect: %s", strerror(errno));
	client->allowed = bytes_wanted;
	client_send(client);
	client->connecting = client->outstanding == 0;
	watch(EPOLL_CTL_ADD, client, client->connecting ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void client_connected(struct client *client)
{
	client_send(client);
	client->connecting = false;
	watch(EPOLL_CTL_MOD, client, EPOLLIN);
}

static void client_open(struct client *client)
{
	const struct timeval stall = { .tv_sec = STALL_MSECS / 1000 };
	const int on = 1;

	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->fd < 0)
		fail("socket: %s", strerror(errno));
	if (setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0)
		fail("TCP_NODELAY: %s", strerror(errno));
	if (setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &stall, sizeof(stall)) != 0)
		fail("SO_RCVTIMEO: %s", strerror(errno));
	if (client->index >= ONE_ADDRESS_CLIENTS)
		bind_next_address(client->fd);
	if (connect_to_server(client->fd) != 0)
		fail("client %u: connect: %s", client->index, strerror(errno));
	client_ping(client, PING_BYTES);
	while (!client_done(client)) {
		if (client_receive(client) == 0)
			fail("client %u: nothing came back for %d s", client->index, STALL_MSECS / 1000);
		client_send(client);
	}
	if (fcntl(client->fd, F_SETFL, O_NONBLOCK) != 0)
		fail("O_NONBLOCK: %s", strerror(errno));
	watch(EPOLL_CTL_ADD, client, EPOLLIN);
}

void clients_make(uint32_t count)
{
	clients = calloc(count, sizeof(*clients));
	if (clients == NULL)
		fail("calloc: %s", strerror(errno));
	for (uint32_t i = 0; i < count; i++) {
		clients[i].fd = -1;
		clients[i].index = i;
		clients[i].sent_at = clients[i].checked_at = i * UINT32_C(7919) % PATTERN_BYTES;
	}
}

void clients_open(uint32_t count)
{
	clients_make(count);
	for (uint32_t i = 0; i < count; i++)
		client_open(&clients[i]);
}

/* ---- sending and receiving ---- */

void client_send(struct client *client)
{
	while (client->allowed > 0) {
		size_t count = client->allowed < CHUNK_BYTES ? client->allowed : CHUNK_BYTES;
		ssize_t sent =
			send(client->fd, pattern + client->sent_at, count, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno == EAGAIN)
			return;
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			fail("client %u: send: %s", client->index, strerror(errno));
		client->sent_at = pattern_after(client->sent_at, (size_t)sent);
		client->allowed -= (size_t)sent;
		client->outstanding += (size_t)sent;
		if ((size_t)sent < count)
			return;
	}
}

void client_ping(struct client *client, size_t bytes)
{
	client->started = now_nsecs();
	client->allowed = bytes;
	client_send(client);
}

bool client_done(const struct client *client)
{
	return client->allowed == 0 && client->outstanding == 0;
}

size_t client_receive(struct client *client)
{
	ssize_t count = recv(client->fd, received, sizeof(received), 0);

	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (count < 0)
		fail("client %u: receive: %s", client->index, strerror(errno));
	if (count == 0)
		fail("client %u: the server closed the connection", client->index);
	if ((size_t)count > client->outstanding)
		fail("client %u: more came back than was sent", client->index);
	if (memcmp(received, pattern + client->checked_at, (size_t)count) != 0)
		fail("client %u: wrong bytes came back", client->index);
	client->checked_at = pattern_after(client->checked_at, (size_t)count);
	client->outstanding -= (size_t)count;
	bytes_back += (size_t)count;
	return (size_t)count;
}

/* ---- events ---- */

void wait_for_events(uint64_t until_nsecs)
{
	struct pollfd look = { .fd = epoll_fd, .events = POLLIN };
	uint64_t now = now_nsecs();
	uint64_t left = until_nsecs > now ? until_nsecs - now : 0;
	struct timespec most = { .tv_sec = (time_t)(left / NSECS_PER_SEC),
				 .tv_nsec = (long)(left % NSECS_PER_SEC) };

	if (ppoll(&look, 1, &most, NULL) < 0 && errno != EINTR)
		fail("ppoll: %s", strerror(errno));
}

void serve_events(serve *serve_one, int timeout_msecs)
{
	struct epoll_event events[EVENTS];
	int count = epoll_wait(epoll_fd, events, EVENTS, timeout_msecs);

	if (count < 0 && errno != EINTR)
		fail("epoll_wait: %s", strerror(errno));
	if (count == 0 && timeout_msecs == STALL_MSECS)
		fail("nothing came back for %d s", STALL_MSECS / 1000);
	for (int i = 0; i < count; i++)
		serve_one(events[i].data.ptr, events[i].events);
}
