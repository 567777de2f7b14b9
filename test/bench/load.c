/*
 * The load generator: one thread, one epoll, and every byte that comes back is compared with what
 * was sent.
 *
 *     load ping-pong -p PORT [-c CLIENTS] [-b BYTES] [-t SECONDS | -n COUNT] [-s PID]
 *     load stream    -p PORT [-c CLIENTS] [-b BYTES] [-t SECONDS] [-s PID]
 *     load mixed     -p PORT [-c CLIENTS] [-b BYTES] [-t SECONDS] [-s PID]
 *     load connect   -p PORT [-c CLIENTS] [-b BYTES] [-t SECONDS | -n COUNT] [-s PID] [-1]
 *     load idle      -p PORT [-c CLIENTS]
 *     load recover   -p PORT [-c CLIENTS] [-b BYTES] [-t SECONDS] -k PID
 *     load compiler
 *
 *     ping-pong  each of CLIENTS sends BYTES, waits for their echo, and again
 *     stream     each of CLIENTS has BYTES on their way, there and back, all the time
 *     mixed      CLIENTS streams and one ping-pong of 64 bytes
 *     connect    CLIENTS at a time connect, send BYTES, read their echo, close, and again; each comes
 *                from an address of its own, or with -1 from 127.0.0.1, where ports may run out
 *     idle       CLIENTS connect, have 64 bytes echoed, and stay until standard input ends
 *     recover    CLIENTS ping slowly for SECONDS, then process PID is killed, and every client pings
 *     compiler   says what this program was compiled with
 *
 * The answer is one line of KEY=VALUE on standard output. Processor time is that of process -s and
 * all its descendants within the measured seconds. Exit status 1 and a line on standard error if a
 * byte is wrong or missing, or if nothing comes back for five seconds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	PATTERN_BYTES = 16381,   /* a prime: what is lost or doubled is no multiple of it by accident */
	CHUNK_BYTES = 64 * 1024, /* the most in one send or receive */
	PING_BYTES = 64,
	EVENTS = 512,
	STALL_MSECS = 5000,
	PING_INTERVAL_MSECS = 100, /* of each client of `recover` while it waits */
};

#define NSECS_PER_SEC  UINT64_C(1000000000)
#define NSECS_PER_MSEC UINT64_C(1000000)

struct client {
	int fd;
	uint32_t index;      /* its own stream is the pattern from a place of its own on */
	uint32_t sent_at;    /* place in the pattern of the next byte to send */
	uint32_t checked_at; /* place in the pattern of the next byte to come back */
	size_t allowed;      /* bytes that may be sent now */
	size_t outstanding;  /* bytes sent and not come back */
	uint64_t started;    /* nanoseconds: when the operation under way began */
	bool connecting;     /* `connect`: nothing could be sent yet */
	bool fresh;          /* `recover`: the ping under way was sent after the kill */
	bool resumed;        /* `recover`: such a ping has come back */
};

/* Latencies in nanoseconds: 64 steps to each power of two, so within 1.6 % of the truth. */
enum {
	STEP_BITS = 6,
	STEPS = 1 << STEP_BITS,
	BUCKETS = (64 - STEP_BITS + 1) * STEPS,
};

static uint64_t histogram[BUCKETS];
static uint64_t operations; /* in the histogram */
static uint64_t bytes_back; /* and compared */

/* The command line. */
static const char *workload;
static uint16_t port;
static uint32_t clients_wanted = 1;
static size_t bytes_wanted = PING_BYTES;
static double seconds_wanted = 1;
static uint64_t operations_wanted;
static pid_t server_pid;
static pid_t victim_pid;
static bool one_address;

static char pattern[PATTERN_BYTES + CHUNK_BYTES]; /* repeats, so that a chunk can start anywhere in it */
static char received[CHUNK_BYTES];
static struct client *clients;
static int epoll_fd = -1;

/* One line on standard error, and the end. */
static void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

static void fail(const char *format, ...)
{
	va_list arguments;

	fflush(stdout);
	fprintf(stderr, "load: %s: ", workload);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

static uint64_t now_nsecs(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail with this clock: clock_gettime(2) */
	return (uint64_t)now.tv_sec * NSECS_PER_SEC + (uint64_t)now.tv_nsec;
}

static uint64_t nsecs(double seconds)
{
	return (uint64_t)(seconds * (double)NSECS_PER_SEC);
}

static void pattern_init(void)
{
	uint32_t state = 2463534242;

	for (size_t i = 0; i < sizeof(pattern); i++) {
		if (i >= PATTERN_BYTES) {
			pattern[i] = pattern[i - PATTERN_BYTES];
			continue;
		}
		state ^= state << 13;
		state ^= state >> 17;
		state ^= state << 5;
		pattern[i] = (char)(state >> 24);
	}
}

static uint32_t pattern_after(uint32_t place, size_t count)
{
	return (uint32_t)((place + count) % PATTERN_BYTES);
}

static size_t bucket_of(uint64_t value)
{
	unsigned exponent;

	if (value < 2 * STEPS)
		return (size_t)value;
	exponent = 63U - STEP_BITS - (unsigned)__builtin_clzll(value);
	return exponent * STEPS + (size_t)(value >> exponent);
}

static double bucket_value(size_t bucket)
{
	size_t exponent = bucket < 2 * STEPS ? 0 : bucket / STEPS - 1;

	return ((double)(bucket - exponent * STEPS) + 0.5) * (double)(UINT64_C(1) << exponent);
}

static void latency_record(uint64_t value)
{
	histogram[bucket_of(value)]++;
	operations++;
}

/* The latency in microseconds that this share of all operations did not exceed. */
static double latency_usecs(double share)
{
	uint64_t rank = (uint64_t)(share * (double)operations);
	uint64_t seen = 0;

	for (size_t i = 0; i < BUCKETS; i++) {
		seen += histogram[i];
		if (seen > rank)
			return bucket_value(i) / 1000;
	}
	return 0;
}

/* Opens a file of /proc about a process; NULL if it is gone or the kernel does not have it. */
static FILE *proc_open(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return fopen(path, "re");
}

/*
 * Processor time of one process and of its children that have ended. The kernel's stat counts in
 * ticks of 10 ms, which says nothing about many short-lived clients' processes, so schedstat,
 * which has nanoseconds for a process of one thread, replaces the process's own ticks if there is one.
 */
static double process_usecs(pid_t pid)
{
	const double tick_usecs = 1e6 / (double)sysconf(_SC_CLK_TCK);
	char text[1024];
	unsigned long long user, system, children_user, children_system, own_nsecs;
	const char *after_name;
	double usecs;
	FILE *file = proc_open(pid, "stat");

	if (file == NULL)
		return 0;
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	after_name = strrchr(text, ')');
	if (after_name == NULL ||
	    sscanf(after_name, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %llu %llu", &user,
		   &system, &children_user, &children_system) != 4)
		return 0;
	usecs = (double)(user + system) * tick_usecs;
	file = proc_open(pid, "schedstat");
	if (file != NULL) {
		if (fscanf(file, "%llu", &own_nsecs) == 1)
			usecs = (double)own_nsecs / 1000;
		fclose(file);
	}
	return usecs + (double)(children_user + children_system) * tick_usecs;
}

/* The same for a process and all its living descendants. */
static double tree_usecs(pid_t pid)
{
	double usecs = process_usecs(pid);
	char name[32];
	int child;
	FILE *file;

	snprintf(name, sizeof(name), "task/%d/children", (int)pid);
	file = proc_open(pid, name);
	if (file == NULL)
		return usecs;
	while (fscanf(file, "%d", &child) == 1)
		usecs += tree_usecs(child);
	fclose(file);
	return usecs;
}

static double server_usecs(void)
{
	return server_pid == 0 ? 0 : tree_usecs(server_pid);
}

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
	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) == -1)
		fail("IP_BIND_ADDRESS_NO_PORT: %s", strerror(errno));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == -1)
		fail("bind: %s", strerror(errno));
}

/* Starts or makes the connection, depending on the socket; -1 with errno. */
static int connect_to_server(int fd)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	return connect(fd, (struct sockaddr *)&address, sizeof(address));
}

static void watch(int operation, struct client *client, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = client };

	if (epoll_ctl(epoll_fd, operation, client->fd, &event) == -1)
		fail("epoll_ctl: %s", strerror(errno));
}

/* Waits for events, at most so long; it is an error if none come in STALL_MSECS. */
static int wait_for_events(struct epoll_event events[EVENTS], int timeout_msecs)
{
	int count = epoll_wait(epoll_fd, events, EVENTS, timeout_msecs);

	if (count == -1 && errno != EINTR)
		fail("epoll_wait: %s", strerror(errno));
	if (count == 0 && timeout_msecs == STALL_MSECS)
		fail("nothing came back for %d s", STALL_MSECS / 1000);
	return count;
}

/*
 * Sends what is allowed, as far as the socket takes it. What it does not take is sent when the
 * next bytes come back: there are some on the way, or it would have had room.
 */
static void client_send(struct client *client)
{
	while (client->allowed > 0) {
		size_t count = client->allowed < CHUNK_BYTES ? client->allowed : CHUNK_BYTES;
		ssize_t sent =
			send(client->fd, pattern + client->sent_at, count, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent == -1 && errno == EAGAIN)
			return;
		if (sent == -1 && errno == EINTR)
			continue;
		if (sent == -1)
			fail("client %u: send: %s", client->index, strerror(errno));
		client->sent_at = pattern_after(client->sent_at, (size_t)sent);
		client->allowed -= (size_t)sent;
		client->outstanding += (size_t)sent;
		if ((size_t)sent < count)
			return;
	}
}

/* Begins an operation: sends so many bytes, whose echo ends it. */
static void client_ping(struct client *client, size_t bytes)
{
	client->started = now_nsecs();
	client->allowed = bytes;
	client_send(client);
}

/* Is the operation over: all sent and all back? */
static bool client_done(const struct client *client)
{
	return client->allowed == 0 && client->outstanding == 0;
}

/* Receives once and compares; returns how many bytes came, 0 if there were none. */
static size_t client_receive(struct client *client)
{
	ssize_t count = recv(client->fd, received, sizeof(received), 0);

	if (count == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (count == -1)
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

/* Connects, and has a ping come back so that the server is known to serve it. */
static void client_open(struct client *client)
{
	const struct timeval stall = { .tv_sec = STALL_MSECS / 1000 };
	const int on = 1;

	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->fd == -1)
		fail("socket: %s", strerror(errno));
	if (setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == -1)
		fail("TCP_NODELAY: %s", strerror(errno));
	if (setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &stall, sizeof(stall)) == -1)
		fail("SO_RCVTIMEO: %s", strerror(errno));
	if (connect_to_server(client->fd) == -1)
		fail("client %u: connect: %s", client->index, strerror(errno));
	client_ping(client, PING_BYTES);
	while (!client_done(client)) {
		if (client_receive(client) == 0)
			fail("client %u: nothing came back for %d s", client->index, STALL_MSECS / 1000);
		client_send(client);
	}
	if (fcntl(client->fd, F_SETFL, O_NONBLOCK) == -1)
		fail("O_NONBLOCK: %s", strerror(errno));
	watch(EPOLL_CTL_ADD, client, EPOLLIN);
}

static void clients_make(uint32_t count)
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

static void clients_open(uint32_t count)
{
	clients_make(count);
	for (uint32_t i = 0; i < count; i++)
		client_open(&clients[i]);
}

/* What one event of a workload does. */
typedef void serve(struct client *client, uint32_t events);

/* Serves events until the time has come or, unless it is 0, so many operations are done. */
static void serve_until(serve *serve_one, uint64_t end, uint64_t operations_end)
{
	struct epoll_event events[EVENTS];

	do {
		int count = wait_for_events(events, STALL_MSECS);

		for (int i = 0; i < count; i++)
			serve_one(events[i].data.ptr, events[i].events);
	} while (now_nsecs() < end && (operations_end == 0 || operations < operations_end));
}

/* Measures after a warm-up of a tenth of the time; `megabytes` says what the rate counts. */
static void measure(serve *serve_one, bool megabytes)
{
	uint64_t start, end;
	double elapsed, server_time, amount;

	serve_until(serve_one, now_nsecs() + nsecs(seconds_wanted / 10), 0);
	memset(histogram, 0, sizeof(histogram));
	operations = 0;
	bytes_back = 0;
	server_time = server_usecs();
	start = now_nsecs();
	serve_until(serve_one, operations_wanted > 0 ? UINT64_MAX : start + nsecs(seconds_wanted),
		    operations_wanted);
	end = now_nsecs();
	server_time = server_usecs() - server_time;
	elapsed = (double)(end - start) / (double)NSECS_PER_SEC;
	amount = megabytes ? (double)bytes_back / 1e6 : (double)operations;
	printf("workload=%s clients=%u bytes=%zu seconds=%.3f back=%llu rate=%.3f unit=%s", workload,
	       clients_wanted, bytes_wanted, elapsed, (unsigned long long)bytes_back, amount / elapsed,
	       megabytes ? "MB/s" : "/s");
	if (operations > 0)
		printf(" p50_us=%.1f p99_us=%.1f p999_us=%.1f", latency_usecs(0.5), latency_usecs(0.99),
		       latency_usecs(0.999));
	if (server_pid != 0 && amount > 0)
		printf(" cpu_us=%.3f", server_time / amount);
	putchar('\n');
}

static void ping_pong_serve(struct client *client, uint32_t events)
{
	(void)events;
	client_receive(client);
	if (!client_done(client)) {
		client_send(client);
		return;
	}
	latency_record(now_nsecs() - client->started);
	client_ping(client, bytes_wanted);
}

static void ping_pong(void)
{
	clients_open(clients_wanted);
	for (uint32_t i = 0; i < clients_wanted; i++)
		client_ping(&clients[i], bytes_wanted);
	measure(ping_pong_serve, false);
}

static void stream_serve(struct client *client, uint32_t events)
{
	(void)events;
	client->allowed += client_receive(client);
	client_send(client);
}

static void stream(void)
{
	clients_open(clients_wanted);
	for (uint32_t i = 0; i < clients_wanted; i++)
		client_ping(&clients[i], bytes_wanted);
	measure(stream_serve, true);
}

/* The ping-pong, the last client, is looked at after each piece of a stream, or it would wait for us. */
static void mixed_serve(struct client *client, uint32_t events)
{
	struct client *pinger = &clients[clients_wanted];

	if (client != pinger)
		stream_serve(client, events);
	if (client_receive(pinger) > 0 && client_done(pinger)) {
		latency_record(now_nsecs() - pinger->started);
		client_ping(pinger, PING_BYTES);
	}
}

static void mixed(void)
{
	clients_open(clients_wanted + 1);
	for (uint32_t i = 0; i < clients_wanted; i++)
		client_ping(&clients[i], bytes_wanted);
	client_ping(&clients[clients_wanted], PING_BYTES);
	measure(mixed_serve, true);
}

/* Begins a connection. On loopback it is usually made at once; where it is not, epoll tells. */
static void connect_begin(struct client *client)
{
	client->started = now_nsecs();
	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (client->fd == -1)
		fail("socket: %s", strerror(errno));
	if (!one_address)
		bind_next_address(client->fd);
	if (connect_to_server(client->fd) == -1 && errno != EINPROGRESS)
		fail("connect: %s", strerror(errno));
	client->allowed = bytes_wanted;
	client_send(client);
	client->connecting = client->outstanding == 0;
	watch(EPOLL_CTL_ADD, client, client->connecting ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void connect_serve(struct client *client, uint32_t events)
{
	if (client->connecting && events & EPOLLOUT) {
		client_send(client);
		client->connecting = false;
		watch(EPOLL_CTL_MOD, client, EPOLLIN);
	}
	if (!(events & (EPOLLIN | EPOLLERR | EPOLLHUP)))
		return;
	client_receive(client);
	if (!client_done(client)) {
		client_send(client);
		return;
	}
	close(client->fd);
	latency_record(now_nsecs() - client->started);
	connect_begin(client);
}

static void connect_and_close(void)
{
	clients_make(clients_wanted);
	for (uint32_t i = 0; i < clients_wanted; i++)
		connect_begin(&clients[i]);
	measure(connect_serve, false);
}

static void idle(void)
{
	char byte;
	ssize_t count;

	clients_open(clients_wanted);
	printf("workload=%s clients=%u ready=1\n", workload, clients_wanted);
	fflush(stdout);
	do
		count = read(STDIN_FILENO, &byte, 1);
	while (count > 0 || (count == -1 && errno == EINTR));
}

/* Milliseconds from `recover_start` to the last echo, for clients that were served so far. */
static uint64_t recover_start;
static uint64_t recover_last;
static uint32_t recover_served;

static void recover_serve(struct client *client, uint32_t events)
{
	(void)events;
	client_receive(client);
	if (!client_done(client)) {
		client_send(client);
		return;
	}
	if (recover_start == 0 || client->resumed)
		return;
	if (!client->fresh) {
		client->fresh = true;
		client_ping(client, bytes_wanted);
		return;
	}
	client->resumed = true;
	recover_last = now_nsecs();
	latency_record(recover_last - recover_start);
	recover_served++;
}

/* Each client pings ten times a second, one after another, until the time has come. */
static void recover_ping_until(uint64_t end)
{
	const uint64_t begin = now_nsecs();
	struct epoll_event events[EVENTS];
	uint64_t pinged = 0;

	for (uint64_t now = begin; now < end; now = now_nsecs()) {
		uint64_t due = (now - begin) * clients_wanted / (PING_INTERVAL_MSECS * NSECS_PER_MSEC);
		int count;

		for (; pinged < due; pinged++) {
			struct client *client = &clients[pinged % clients_wanted];

			if (client_done(client))
				client_ping(client, bytes_wanted);
		}
		count = wait_for_events(events, 1);
		for (int i = 0; i < count; i++)
			recover_serve(events[i].data.ptr, events[i].events);
	}
}

/* Every client pings from now on, and the time counts from `start`, until all have been served. */
static double recover_msecs(uint64_t start)
{
	struct epoll_event events[EVENTS];

	recover_start = start;
	recover_served = 0;
	operations = 0;
	memset(histogram, 0, sizeof(histogram));
	for (uint32_t i = 0; i < clients_wanted; i++) {
		clients[i].resumed = false;
		clients[i].fresh = client_done(&clients[i]);
		if (clients[i].fresh)
			client_ping(&clients[i], bytes_wanted);
	}
	while (recover_served < clients_wanted) {
		int count = wait_for_events(events, STALL_MSECS);

		for (int i = 0; i < count; i++)
			recover_serve(events[i].data.ptr, events[i].events);
	}
	recover_start = 0;
	return (double)(recover_last - start) / (double)NSECS_PER_MSEC;
}

/* Kills the victim and waits until it is dead: no ping sent after that can have been served by it. */
static void recover_kill(void)
{
	struct pollfd death = { .fd = -1, .events = POLLIN };

	death.fd = (int)syscall(SYS_pidfd_open, victim_pid, 0);
	if (death.fd == -1)
		fail("process %d: %s", (int)victim_pid, strerror(errno));
	if (kill(victim_pid, SIGKILL) == -1)
		fail("kill %d: %s", (int)victim_pid, strerror(errno));
	if (poll(&death, 1, STALL_MSECS) != 1)
		fail("process %d does not die", (int)victim_pid);
	close(death.fd);
}

/* What pinging by all costs without a kill is measured first. */
static void recover(void)
{
	uint64_t start;
	double undisturbed, dead, resumed;

	if (victim_pid == 0)
		fail("-k PID is missing");
	clients_open(clients_wanted);
	recover_ping_until(now_nsecs() + nsecs(seconds_wanted));
	undisturbed = recover_msecs(now_nsecs());
	recover_ping_until(now_nsecs() + PING_INTERVAL_MSECS * NSECS_PER_MSEC);
	start = now_nsecs();
	recover_kill();
	dead = (double)(now_nsecs() - start) / (double)NSECS_PER_MSEC;
	resumed = recover_msecs(start);
	printf("workload=%s clients=%u resumed_ms=%.3f p50_ms=%.3f dead_ms=%.3f undisturbed_ms=%.3f\n",
	       workload, clients_wanted, resumed, latency_usecs(0.5) / 1000, dead, undisturbed);
	recover_ping_until(now_nsecs() + PING_INTERVAL_MSECS * NSECS_PER_MSEC);
}

static void compiler(void)
{
#ifdef __clang__
	puts("clang " __clang_version__);
#else
	puts("gcc " __VERSION__);
#endif
}

static double number(const char *text, double most)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end != '\0' || !(value >= 0 && value <= most))
		fail("wrong number: %s", text);
	return value;
}

static void parse(int argc, char *argv[])
{
	int option;

	while ((option = getopt(argc, argv, "p:c:b:t:n:s:k:1")) != -1) {
		switch (option) {
		case 'p':
			port = (uint16_t)number(optarg, UINT16_MAX);
			break;
		case 'c':
			clients_wanted = (uint32_t)number(optarg, PATTERN_BYTES - 1);
			break;
		case 'b':
			bytes_wanted = (size_t)number(optarg, 1e9);
			break;
		case 't':
			seconds_wanted = number(optarg, 3600);
			break;
		case 'n':
			operations_wanted = (uint64_t)number(optarg, 1e12);
			break;
		case 's':
			server_pid = (pid_t)number(optarg, INT32_MAX);
			break;
		case 'k':
			victim_pid = (pid_t)number(optarg, INT32_MAX);
			break;
		case '1':
			one_address = true;
			break;
		default:
			exit(2);
		}
	}
	if (optind != argc || clients_wanted == 0 || bytes_wanted == 0)
		fail("wrong arguments");
}

static void prepare(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		fail("RLIMIT_NOFILE: %s", strerror(errno));
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
		fail("RLIMIT_NOFILE: %s", strerror(errno));
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd == -1)
		fail("epoll_create1: %s", strerror(errno));
	pattern_init();
}

int main(int argc, char *argv[])
{
	static const struct {
		const char *name;
		void (*run)(void);
	} workloads[] = {
		{ "ping-pong", ping_pong },       { "stream", stream }, { "mixed", mixed },
		{ "connect", connect_and_close }, { "idle", idle },     { "recover", recover },
		{ "compiler", compiler },
	};

	workload = argc > 1 ? argv[1] : "usage";
	for (size_t i = 0; i < sizeof(workloads) / sizeof(*workloads); i++) {
		if (strcmp(workload, workloads[i].name) == 0) {
			parse(argc - 1, argv + 1);
			prepare();
			workloads[i].run();
			if (fflush(stdout) == EOF)
				fail("standard output: %s", strerror(errno));
			return 0;
		}
	}
	fail("WORKLOAD and its options, see the top of load.c");
}
