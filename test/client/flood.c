/*
 * client flood: hostile clients, until stdin ends or a bound is reached. The seed chooses what each of them does and
 * how long it rests in between.
 *
 *     -k  so many at a time
 *     -r  so many begin in a second, at most
 *     -n  so many in all, at most
 *     -t  for so many seconds, at most
 *     -e  it says "all manners" once so many of each manner have ended
 *     -P  each begins with a PROXY header, be it whole, cut or wrong
 *     -y  the kind of payload
 *
 * Whatever comes back must be the echo. In the end it says how many there were of each manner. The log must have what
 * came back to a client, may have what it sent, and need not mention one to which nothing came back: that may have
 * been reset before it was accepted, or closed at once.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "header.h"
#include "options.h"
#include "payload.h"

enum {
	TICK_MSECS = 2,
	WINDOW_BYTES = 65536, /* who reads has no more on the way, so that none of it need be dropped */
	SMALL_SEGMENT_BYTES = 500,
	/* Source addresses that no swarm has, each for some clients, so that no ADDRESS:PORT comes twice. */
	FIRST_TURN = 8000000,
	CLIENTS_PER_TURN = 8,
};

/* What is done once, in the middle of a life. */
enum twist { NO_TWIST, END_SENDING, END_READING, END_BOTH, VANISH };

enum header_state { WHOLE, CUT, MISSING };

struct manner {
	const char *name;
	unsigned steps;      /* before it ends, at most */
	unsigned rest_msecs; /* after each, at most */
	unsigned sends;      /* in a step, at most */
	unsigned bytes;      /* in a send, at most */
	bool reads, urgent, small_window;
	enum twist twist;
	enum header_state header;
};

/* Those in which the header is not whole come last. */
static const struct manner manners[] = {
	{ .name = "gone at once" },
	{ .name = "silent", .steps = 2, .rest_msecs = 4000 },
	{ .name = "dripping", .steps = 20, .rest_msecs = 200, .sends = 1, .bytes = 1, .reads = true },
	{ .name = "in bytes", .steps = 20, .rest_msecs = 10, .sends = 60, .bytes = 1, .reads = true },
	{ .name = "urgent",
	  .steps = 20,
	  .rest_msecs = 20,
	  .sends = 4,
	  .bytes = 900,
	  .reads = true,
	  .urgent = true },
	{ .name = "deaf", .steps = 40, .rest_msecs = 200, .sends = 4, .bytes = 6000, .small_window = true },
	{ .name = "broken off", .steps = 8, .rest_msecs = 4, .sends = 2, .bytes = 40000, .reads = true },
	{ .name = "half-closed",
	  .steps = 8,
	  .rest_msecs = 80,
	  .sends = 2,
	  .bytes = 9000,
	  .reads = true,
	  .twist = END_SENDING },
	{ .name = "not reading",
	  .steps = 8,
	  .rest_msecs = 80,
	  .sends = 2,
	  .bytes = 9000,
	  .twist = END_READING },
	{ .name = "shut", .steps = 8, .rest_msecs = 80, .sends = 2, .bytes = 9000, .twist = END_BOTH },
	{ .name = "vanished",
	  .steps = 8,
	  .rest_msecs = 200,
	  .sends = 2,
	  .bytes = 9000,
	  .reads = true,
	  .twist = VANISH },
	{ .name = "cut header", .steps = 20, .rest_msecs = 400, .header = CUT },
	{ .name = "wrong header",
	  .steps = 8,
	  .rest_msecs = 50,
	  .sends = 2,
	  .bytes = 900,
	  .reads = true,
	  .header = MISSING },
};

enum { MANNERS = sizeof(manners) / sizeof(manners[0]), WHOLE_MANNERS = MANNERS - 2 };

struct hostile {
	int socket_fd; /* -1: there is none */
	const struct manner *manner;
	unsigned stream;
	unsigned steps_left, twist_at; /* the twist comes when so many steps are left */
	bool twisted;
	int64_t due_usecs; /* the next step */
	uint64_t random_state;
	uint64_t sent, echoed; /* bytes of payload */
	size_t header_bytes, header_sent;
	struct payload out, back;                        /* they stand at sent and at echoed */
	char real[ADDRESS_BYTES], source[ADDRESS_BYTES]; /* its own, and whom its header names */
	char header[HEADER_MAX_BYTES];
};

static uint64_t seed = 1, clients_most = 10000000;
static unsigned count = 100, per_sec = 500, seconds_most = 86400, each_wanted = 1;
static bool proxied;
static const char *manifest_path, *kind_name;

static const struct command_option table[] = {
	OPTION('k', &count, 10000),
	OPTION('r', &per_sec, 100000),
	OPTION('n', &clients_most, UINT32_MAX),
	OPTION('t', &seconds_most, 86400),
	OPTION('e', &each_wanted, UINT32_MAX),
	OPTION('P', &proxied, 0),
	OPTION('s', &seed, UINT64_MAX),
	OPTION('m', &manifest_path, 0),
	OPTION('y', &kind_name, 0),
	{ .kind = OPTION_END },
};

static struct target target;
static enum payload_kind kind;
static FILE *manifest;
static struct hostile *hostiles; /* count of them */
static unsigned started, alive;
static unsigned ended[MANNERS];
static uint64_t sent_bytes, echoed_bytes;
static bool all_said;

/* ---- the beginning and the end of one ---- */

/* Every other one is gone at once, which takes no time. */
static const struct manner *choose_manner(struct hostile *hostile)
{
	if (random_below(&hostile->random_state, 2) == 0)
		return &manners[0];
	return &manners[random_below(&hostile->random_state, proxied ? MANNERS : WHOLE_MANNERS)];
}

static void make_header(struct hostile *hostile)
{
	if (!proxied || hostile->manner->header == MISSING)
		return;
	hostile->header_bytes =
		header_make(hostile->header, seed, hostile->stream,
			    random_below(&hostile->random_state, HEADER_EXTRA_MAX_BYTES), hostile->source);
	if (hostile->manner->header == CUT)
		hostile->header_bytes = random_below(&hostile->random_state, hostile->header_bytes);
}

static void begin(struct hostile *hostile)
{
	struct target to = target;
	uint64_t state = seed ^ ((uint64_t)started << 32);

	*hostile = (struct hostile){ .stream = started++, .random_state = random_next(&state) };
	hostile->manner = choose_manner(hostile);
	hostile->steps_left = (unsigned)random_below(&hostile->random_state, hostile->manner->steps + 1);
	hostile->twist_at = (unsigned)random_below(&hostile->random_state, hostile->steps_left + 1);
	payload_start(&hostile->out, kind, seed, hostile->stream);
	hostile->back = hostile->out;
	to.segment_bytes = hostile->manner->small_window ? SMALL_SEGMENT_BYTES : 0;
	hostile->socket_fd = target_connect(&to, true, FIRST_TURN + hostile->stream / CLIENTS_PER_TURN);
	local_text(hostile->socket_fd, hostile->real);
	memcpy(hostile->source, hostile->real, sizeof(hostile->source));
	make_header(hostile);
	alive++;
}

static void note(const struct hostile *hostile)
{
	/* The server may have seen its end before its header was whole. */
	if (strcmp(hostile->real, hostile->source) != 0)
		manifest_add_optional(manifest, hostile->real, hostile->stream, 0);
	if (hostile->echoed > 0)
		manifest_add_range(manifest, hostile->source, hostile->stream, hostile->echoed,
				   hostile->sent);
	else
		manifest_add_optional(manifest, hostile->source, hostile->stream,
				      hostile->manner->header == WHOLE ? hostile->sent : 0);
}

static bool each_has_ended(void)
{
	for (int i = 0; i < (proxied ? MANNERS : WHOLE_MANNERS); i++) {
		if (ended[i] < each_wanted)
			return false;
	}
	return true;
}

/* A peer that has vanished does not come back to acknowledge the server's end, so it ends with a reset. */
static void end(struct hostile *hostile)
{
	if (hostile->manner->twist == VANISH || random_below(&hostile->random_state, 2) == 0)
		reset_on_close(hostile->socket_fd);
	close(hostile->socket_fd);
	hostile->socket_fd = -1;
	note(hostile);
	sent_bytes += hostile->sent;
	echoed_bytes += hostile->echoed;
	alive--;
	ended[hostile->manner - manners]++;
	if (!all_said && each_has_ended()) {
		all_said = true;
		say("all manners");
	}
}

/* ---- a step ---- */

/* From now on nothing that the server sends arrives, as if the cable were cut. */
static void vanish(const struct hostile *hostile)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = { .len = 1, .filter = &nothing };

	/* Where that is not permitted it is silent from now on, which is less. */
	if (setsockopt(hostile->socket_fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0 &&
	    errno != EPERM)
		fail_errno("SO_ATTACH_FILTER");
}

static void change_ways(struct hostile *hostile)
{
	static const int directions[] = {
		[END_SENDING] = SHUT_WR, [END_READING] = SHUT_RD, [END_BOTH] = SHUT_RDWR
	};
	enum twist twist = hostile->manner->twist;

	hostile->twisted = true;
	if (twist == VANISH)
		vanish(hostile);
	else if (twist != NO_TWIST && shutdown(hostile->socket_fd, directions[twist]) != 0 &&
		 errno != ENOTCONN)
		fail_errno("shutdown");
}

static bool may_send(const struct hostile *hostile)
{
	enum twist twist = hostile->manner->twist;

	if (hostile->manner->reads && hostile->sent - hostile->echoed >= WINDOW_BYTES)
		return false;
	return !hostile->twisted || twist == NO_TWIST || twist == END_READING;
}

/* What send() and recv() say of a connection that the server, or its timeout, has ended. */
static bool is_end(int error)
{
	return error == ECONNRESET || error == EPIPE || error == ETIMEDOUT;
}

/* Sends up to so many bytes; returns how many, 0 if there is no room, -1 if the server has ended the connection. */
static ssize_t send_part(struct hostile *hostile, const char *from, size_t bytes, int flags)
{
	ssize_t result = send(hostile->socket_fd, from, bytes, MSG_NOSIGNAL | flags);

	if (result < 0 && errno != EAGAIN && !is_end(errno))
		fail_errno("send from %s", hostile->real);
	return result < 0 && errno == EAGAIN ? 0 : result;
}

/* Returns false if the server has ended the connection. */
static bool send_header(struct hostile *hostile)
{
	size_t left = hostile->header_bytes - hostile->header_sent;
	ssize_t part = send_part(hostile, hostile->header + hostile->header_sent,
				 1 + random_below(&hostile->random_state, left), 0);

	hostile->header_sent += part > 0 ? (size_t)part : 0;
	return part >= 0;
}

/* The same. */
static bool send_payload(struct hostile *hostile)
{
	static char bytes[CHUNK_MAX_BYTES];
	size_t wanted = 1 + random_below(&hostile->random_state, hostile->manner->bytes);
	struct payload ahead = hostile->out;
	ssize_t part;

	payload_take(&ahead, bytes, wanted);
	part = send_part(hostile, bytes, wanted, hostile->manner->urgent ? MSG_OOB : 0);
	if (part <= 0)
		return part == 0;
	payload_skip(&hostile->out, (uint64_t)part);
	hostile->sent += (uint64_t)part;
	return true;
}

/* The same. */
static bool send_some(struct hostile *hostile)
{
	uint64_t sends = random_below(&hostile->random_state, hostile->manner->sends + 1);

	if (hostile->header_sent < hostile->header_bytes)
		return send_header(hostile);
	while (sends-- > 0 && may_send(hostile)) {
		if (!send_payload(hostile))
			return false;
	}
	return true;
}

/* The same. */
static bool receive_some(struct hostile *hostile)
{
	static char bytes[CHUNK_MAX_BYTES];
	size_t most = 1 + random_below(&hostile->random_state, sizeof(bytes));
	ssize_t part = recv(hostile->socket_fd, bytes, most, 0);

	if (part < 0 && errno != EAGAIN && !is_end(errno))
		fail_errno("recv at %s", hostile->real);
	if (part <= 0)
		return part < 0 && errno == EAGAIN;
	hostile->echoed += (uint64_t)part;
	if (payload_match(&hostile->back, bytes, (size_t)part) < (size_t)part ||
	    hostile->echoed > hostile->sent || hostile->manner->header != WHOLE)
		fail("%s (%s), stream %u: what came back up to byte %" PRIu64 " of %" PRIu64
		     " is not the echo",
		     hostile->real, hostile->manner->name, hostile->stream, hostile->echoed, hostile->sent);
	return true;
}

static void step(struct hostile *hostile)
{
	if (hostile->steps_left == hostile->twist_at && !hostile->twisted)
		change_ways(hostile);
	if (hostile->steps_left-- == 0 || !send_some(hostile) ||
	    (hostile->manner->reads && !receive_some(hostile))) {
		end(hostile);
		return;
	}
	hostile->due_usecs = now_usecs() + (int64_t)random_below(&hostile->random_state,
								 1000 * hostile->manner->rest_msecs + 1);
}

/* ---- all of them ---- */

static bool input_has_ended(void)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	int result = poll(&input, 1, TICK_MSECS);

	if (result < 0 && errno != EINTR)
		fail_errno("poll");
	return result > 0;
}

static void loop(void)
{
	int64_t start_usecs = now_usecs();
	int64_t end_usecs = start_usecs + (int64_t)seconds_most * 1000000;

	while (!input_has_ended() && now_usecs() < end_usecs && (started < clients_most || alive > 0)) {
		int64_t now = now_usecs();
		uint64_t allowed = 1 + (uint64_t)(now - start_usecs) * per_sec / 1000000;

		for (unsigned i = 0; i < count; i++) {
			if (hostiles[i].socket_fd >= 0 && hostiles[i].due_usecs <= now)
				step(&hostiles[i]);
			if (hostiles[i].socket_fd < 0 && started < clients_most && started < allowed)
				begin(&hostiles[i]);
		}
	}
}

static void say_what_it_was(void)
{
	printf("%u connections, %" PRIu64 " bytes sent, %" PRIu64 " echoed, seed %" PRIu64, started,
	       sent_bytes, echoed_bytes, seed);
	for (int i = 0; i < (proxied ? MANNERS : WHOLE_MANNERS); i++)
		printf(", %u %s", ended[i], manners[i].name);
	say("%s", "");
}

int flood_main(int argc, char *argv[])
{
	char **words = parse_options(argc, argv, table, 1);

	target_parse(&target, words[0]);
	kind = payload_kind(kind_name);
	manifest = manifest_create(manifest_path, kind, seed);
	raise_descriptor_limit();
	hostiles = allocate(count, sizeof(*hostiles));
	for (unsigned i = 0; i < count; i++)
		hostiles[i].socket_fd = -1;
	loop();
	for (unsigned i = 0; i < count; i++) {
		if (hostiles[i].socket_fd >= 0)
			end(&hostiles[i]);
	}
	manifest_close(manifest);
	free(hostiles);
	say_what_it_was();
	return 0;
}
