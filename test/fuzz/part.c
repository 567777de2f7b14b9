/*
 * A worker's part as its successor finds it, whatever was written there: it takes over what it can, and gets on.
 *
 * The input is a list of stores: which slot, or the batch; where; which number.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/commit.h"
#include "common/diag.h"
#include "common/seat.h"
#include "fuzz.h"
#include "options.h"
#include "worker/adopt.h"
#include "worker/buffer.h"
#include "worker/client.h"
#include "worker/turns.h"

enum { SLOTS = 3, RING_BYTES = 8192, STORES_MAX = 64, ROUNDS = 4 };

#define GREETING "hello"

static const struct options options = {
	.echo = true, .sandbox = false, .log_bytes = UINT64_MAX, .buffer_bytes = RING_BYTES
};
static struct memory part_memory, budget_memory;
static struct clients clients;
static struct tap tap;
static uint64_t seals[SLOTS];
static int pipe_fds[2], epoll_fd, listener_fd;

static bool swallow(const void *context, const char *line, size_t length)
{
	(void)context, (void)line, (void)length;
	return true;
}

static void set_up(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	size_t bytes = part_bytes(SLOTS, RING_BYTES);

	MUST(memory_create(&part_memory, "fuzz", bytes) == 0);
	MUST(memory_create(&budget_memory, "fuzz", budget_bytes(1)) == 0);
	MUST(pipe2(pipe_fds, O_NONBLOCK) == 0);
	epoll_fd = epoll_create1(0);
	listener_fd = socket(AF_INET, SOCK_STREAM, 0);
	MUST(bind(listener_fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(listener_fd, 8) == 0);
	signal(SIGPIPE, SIG_IGN);
	diag_through(swallow, NULL);
}

/* libFuzzer tells the time by a signal, which may come just then. */
static void connect_client(int fd, const struct sockaddr_in *to)
{
	struct pollfd connected = { .fd = fd, .events = POLLOUT };

	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0)
		return;
	MUST(errno == EINTR);
	while (poll(&connected, 1, -1) < 0)
		MUST(errno == EINTR);
}

static int accept_client(void)
{
	int fd;

	do
		fd = accept4(listener_fd, NULL, NULL, SOCK_NONBLOCK);
	while (fd < 0 && errno == EINTR);
	MUST(fd >= 0);
	return fd;
}

/* A connection that has sent a few bytes; *client is the other end. */
static int connection(int *client)
{
	struct sockaddr_in to;
	socklen_t bytes = sizeof(to);
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	*client = socket(AF_INET, SOCK_STREAM, 0);
	MUST(getsockname(listener_fd, (struct sockaddr *)&to, &bytes) == 0);
	connect_client(*client, &to);
	/* No port is kept for a minute. */
	MUST(setsockopt(*client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) == 0);
	MUST(send(*client, GREETING, strlen(GREETING), MSG_NOSIGNAL) == (ssize_t)strlen(GREETING));
	return accept_client();
}

/* As the master does. */
static void fill_part(struct part *part)
{
	memset(part, 0, sizeof(*part) + SLOTS * sizeof(struct slot));
	part_init(part, 0, SLOTS, RING_BYTES);
	commit(&part->plan.reach, SLOTS);
	for (uint32_t i = 0; i < SLOTS; i++) {
		struct slot *slot = &part->slots[i];

		commit(&slot->echo_limit, SLOT_NO_LIMIT);
		slot->generation = 1;
		slot->opened_at_usecs = clock_usecs();
		commit(&slot->state, SLOT_OPEN);
	}
}

/* Each number is one that may do harm, or any. */
static uint64_t take_value(struct source_bytes *from)
{
	uint64_t kind = fuzz_number(from, 1);
	static const uint64_t base[] = { 0, UINT64_MAX, UINT64_MAX / 2, RING_BYTES, 4096, 5, UINT32_MAX, 0 };

	return kind < 0x80 ? base[kind % 8] + (kind / 8) - 8 : fuzz_number(from, 8);
}

static void spoil(struct part *part, struct source_bytes *from)
{
	uint8_t *batch = (uint8_t *)&part->adopting;
	size_t batch_bytes = (size_t)((uint8_t *)part->slots - batch);

	for (int stores = 0; stores < STORES_MAX && from->left > 0; stores++) {
		uint64_t what = fuzz_number(from, 1);
		size_t room = what % 4 == 3 ? batch_bytes : sizeof(struct slot);
		uint8_t *base = what % 4 == 3 ? batch : (uint8_t *)&part->slots[what % 4];
		size_t at = fuzz_number(from, 1) * 4 % (room - sizeof(uint32_t));
		uint64_t value = take_value(from);
		size_t bytes = what & 0x80 || at + 8 > room ? 4 : 8;

		memcpy(base + at, &value, bytes);
	}
}

/* As the master does when a worker has died. */
static void restore(struct part *part)
{
	commit(&part->adopting, PART_NOBODY);
	commit(&part->taken, 0);
	for (uint32_t i = 0; i < SLOTS; i++) {
		part->slots[i].generation = 1;
		commit(&part->slots[i].state, SLOT_OPEN);
	}
}

static void drain_pipe(void)
{
	static uint8_t bytes[1 << 16];

	while (read(pipe_fds[0], bytes, sizeof(bytes)) > 0)
		continue;
}

/* As a worker's loop does. */
static void serve(void)
{
	for (int round = 0; round < ROUNDS; round++) {
		for (uint32_t i = 0; i < SLOTS; i++) {
			if (clients.each[i].fd >= 0)
				turns_serve_now(&clients, &clients.each[i]);
		}
		turns_serve(&clients);
		if (tap_in_hand(&tap) != NULL)
			break;
		while (tap_flush(&tap)) {
			clients_catch_up(&clients);
			clients_conclude(&clients);
			if (tap_is_empty(&tap))
				break;
			drain_pipe();
		}
		drain_pipe();
	}
}

/* Memory that no ring holds is nobody's. */
static void check_account(const struct part *part)
{
	const struct budget *budget = budget_memory.base;
	uint64_t held = 0;

	for (uint32_t i = 0; i < SLOTS; i++)
		held += committed(&part->slots[i].ring_held);
	MUST(held == atomic_load(&budget->accounts[0].held));
	MUST(held <= (SLOTS + 1) * part->plan.ring_stride);
}

/* Nobody is sent more than his own ring can hold and what he has sent himself. */
static void check_echo(struct slot *slot, int client)
{
	static uint8_t bytes[1 << 16];
	ssize_t total = 0, count;

	MUST(slot_has(slot, SLOT_BROKEN) || slot_backlog(slot) <= RING_BYTES);
	while ((count = recv(client, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		total += count;
	MUST(total <= RING_BYTES + (ssize_t)strlen(GREETING));
}

static void succeed(struct part *part)
{
	struct seat seat = { .options = &options,
			     .memory = part_memory,
			     .budget = budget_memory,
			     .pipe_fd = pipe_fds[1],
			     .deadline_at = CLOCK_NEVER };
	int ends[SLOTS];

	(void)tap_init(
		&tap, part, pipe_fds[1],
		(struct tap_scope){ .bytes_max = UINT64_MAX, .times = true, .ends = true, .echo = true },
		seals);
	MUST(clients_init(&clients, &seat, &tap, epoll_fd) == 0);
	buffers_check(&clients);
	check_account(part);
	for (uint32_t i = 0; i < SLOTS; i++) {
		struct client *client = adopt(&clients, i, connection(&ends[i]));

		if (client != NULL)
			(void)turns_begin(&clients, client);
	}
	serve();
	MUST(committed(&part->batch.filled) < UINT64_MAX / 2);
	for (uint32_t i = 0; i < SLOTS; i++) {
		check_echo(&part->slots[i], ends[i]);
		if (clients.each[i].fd >= 0)
			client_let_go(&clients, &clients.each[i]);
		close(ends[i]);
	}
	clients_release(&clients);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	struct source_bytes from = { .next = bytes, .left = count };
	struct budget *budget;

	if (part_memory.base == NULL)
		set_up();
	budget = budget_memory.base;
	budget_init(budget, 4 * RING_BYTES, 1);
	budget_expect(budget, 0, SLOTS, RING_BYTES);
	fill_part(part_memory.base);
	spoil(part_memory.base, &from);
	restore(part_memory.base);
	succeed(part_memory.base);
	return 0;
}
