/*
 * client cuts: PROXY headers of every kind, each cut at each of its bytes on a connection of its own.
 *
 * When all of the first pieces are sent, and one connection more has been served behind them, it says so and waits
 * for its stdin's end. Then it sends the rest with a line behind it, whose echo must come back. With -e the end comes
 * in place of the rest, and nothing but an end or a reset may come back.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "header.h"
#include "options.h"
#include "payload.h"

enum { CUTS_MAX = 1000, EXTRA_BYTES = 5 };

struct cut {
	int socket_fd;
	unsigned stream;
	size_t bytes, sent; /* of the header */
	char source[ADDRESS_BYTES];
	char header[HEADER_MAX_BYTES + PAYLOAD_LINE_BYTES];
};

static uint64_t seed = 1;
static const char *manifest_path;
static bool ends;

static const struct command_option table[] = {
	OPTION('e', &ends, 0),
	OPTION('s', &seed, UINT64_MAX),
	OPTION('m', &manifest_path, 0),
	{ .kind = OPTION_END },
};

static struct cut *cuts;
static unsigned count;

static struct cut *open_cut(const struct target *target, unsigned stream, size_t sent)
{
	struct cut *cut = &cuts[count++];
	size_t most;

	if (count > CUTS_MAX)
		fail("more than %d cuts", CUTS_MAX);
	cut->stream = stream;
	cut->socket_fd = target_connect(target, false, 0);
	local_text(cut->socket_fd, cut->source);
	cut->bytes = header_make(cut->header, seed, stream, EXTRA_BYTES, cut->source);
	most = cut->bytes - (ends ? 1 : 0);
	cut->sent = sent < most ? sent : most;
	send_all(cut->socket_fd, cut->header, cut->sent);
	return cut;
}

/* The rest of the header and a line in one piece. */
static void complete(struct cut *cut, FILE *manifest)
{
	char back[PAYLOAD_LINE_BYTES];
	struct payload payload;
	size_t length;

	payload_start(&payload, PAYLOAD_LINES, seed, cut->stream);
	length = payload_take_line(&payload, cut->header + cut->bytes);
	send_all(cut->socket_fd, cut->header + cut->sent, cut->bytes + length - cut->sent);
	receive_all(cut->socket_fd, back, length);
	if (memcmp(back, cut->header + cut->bytes, length) != 0)
		fail("%s, cut behind byte %zu: the line came back altered", cut->source, cut->sent);
	finish(cut->socket_fd);
	manifest_add(manifest, cut->source, cut->stream, length);
}

static void end(const struct cut *cut)
{
	char byte;
	ssize_t result;

	if (shutdown(cut->socket_fd, SHUT_WR) != 0 && errno != ENOTCONN)
		fail_errno("shutdown");
	await(cut->socket_fd, POLLIN);
	result = recv(cut->socket_fd, &byte, sizeof(byte), 0);
	if (result > 0 || (result < 0 && errno != ECONNRESET))
		fail("%s, cut behind byte %zu: something came back", cut->source, cut->sent);
	close(cut->socket_fd);
}

int cuts_main(int argc, char *argv[])
{
	char **words = parse_options(argc, argv, table, 1);
	FILE *manifest = manifest_create(manifest_path, PAYLOAD_LINES, seed);
	struct target target;

	target_parse(&target, words[0]);
	raise_descriptor_limit();
	cuts = allocate(CUTS_MAX, sizeof(*cuts));
	for (unsigned kind = 0; kind < HEADER_KINDS; kind++) {
		const struct cut *cut;
		size_t sent = 0;

		do
			cut = open_cut(&target, count * HEADER_KINDS + kind, sent);
		while (sent++ < cut->bytes - (ends ? 1 : 0));
	}
	complete(open_cut(&target, count * HEADER_KINDS, 0), manifest);
	count--;
	say("cut %u", count);
	await_go_on();
	for (unsigned i = 0; i < count; i++) {
		if (ends)
			end(&cuts[i]);
		else
			complete(&cuts[i], manifest);
	}
	manifest_close(manifest);
	return 0;
}
