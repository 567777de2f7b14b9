/*
 * client stuck: sends without reading anything, and says how far it came; once its stdin ends it sends
 * the rest and, with -t, some more, while it reads; then it half-closes and reads all there is. If the server has
 * closed the connection it reads what had arrived. With -w it has a small window, so that the kernels hold little; with
 * -i it reads a little at a time, at such intervals, and half-closes only when it has read all.
 *
 * The first line it writes is "sent N", all of it; "stalled N" if the server stopped reading; or
 * "closed N" if the server closed the connection. The second, after reading, is "received N, gaps
 * N": the echo was what was sent but for so many left out stretches. With -x there may be none.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "options.h"
#include "payload.h"

enum {
	LANDMARK_BYTES = 16,    /* enough of the payload's lines to know the place again */
	LANDMARK_MOST = 256,    /* enough of any kind */
	TAIL_PART_BYTES = 4096, /* sent at once while it reads, less than it reads at once */
	SIP_BYTES = 4096,       /* read at once with -i */
};

static uint64_t blind_bytes = 24 << 20; /* to send without reading */
static uint64_t tail_bytes;             /* to send while reading */
static uint64_t seed = 1;
static unsigned segment_bytes, interval_msecs;
static bool exact;
static const char *manifest_path, *kind_name;

static const struct command_option table[] = {
	OPTION('x', &exact, 0),
	OPTION('b', &blind_bytes, 1 << 30),
	OPTION('t', &tail_bytes, 1 << 30),
	OPTION('s', &seed, UINT64_MAX),
	OPTION('m', &manifest_path, 0),
	OPTION('y', &kind_name, 0),
	OPTION('w', &segment_bytes, CHUNK_MAX_BYTES),
	OPTION('i', &interval_msecs, 10000),
	{ .kind = OPTION_END },
};

static int socket_fd;
static char *payload;                        /* all of it */
static uint64_t sent, received, gaps, place; /* place: where in the payload the echo stands */

/* Returns false if the server has closed the connection. */
static bool send_some(uint64_t until, size_t most)
{
	uint64_t left = until - sent;
	size_t part = left < most ? (size_t)left : most;
	ssize_t count = send(socket_fd, payload + sent, part, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (count > 0)
		sent += (uint64_t)count;
	else if (count < 0 && (errno == EPIPE || errno == ECONNRESET))
		return false;
	else if (count < 0 && errno != EAGAIN)
		fail_errno("send");
	return true;
}

static const char *send_blindly(void)
{
	struct pollfd wanted = { .fd = socket_fd, .events = POLLOUT | POLLRDHUP };
	int quiet_msecs = 0;

	while (sent < blind_bytes && quiet_msecs < QUIET_MSECS) {
		int count = poll(&wanted, 1, STALL_LOOK_MSECS);

		if (count < 0 && errno != EINTR)
			fail_errno("poll");
		if (count == 0 && peer_window_closed(socket_fd))
			return "stalled";
		quiet_msecs = count > 0 ? 0 : quiet_msecs + STALL_LOOK_MSECS;
		if (count > 0 && (wanted.revents & POLLRDHUP || !send_some(blind_bytes, CHUNK_MAX_BYTES)))
			return "closed";
	}
	if (sent < blind_bytes)
		fail("neither closed nor stalled, but nothing could be sent for %d ms", QUIET_MSECS);
	return "sent";
}

/*
 * Finds the place in the payload from which the echo goes on after a gap; by much of what came, for less may be
 * there more than once, or by little, for the next gap may be near.
 */
static void skip_gap(const char *bytes, size_t count)
{
	size_t landmark = count < LANDMARK_MOST ? count : LANDMARK_MOST;
	const char *found = memmem(payload + place, sent - place, bytes, landmark);

	while (found == NULL && landmark > LANDMARK_BYTES) {
		landmark = landmark / 2 > LANDMARK_BYTES ? landmark / 2 : LANDMARK_BYTES;
		found = memmem(payload + place, sent - place, bytes, landmark);
	}
	if (exact || found == NULL)
		fail("byte %" PRIu64 " of the echo is not what was sent as byte %" PRIu64, received, place);
	place = (uint64_t)(found - payload);
	gaps++;
}

static void take_echo(const char *bytes, size_t count)
{
	while (count > 0) {
		size_t equal = 0;

		while (equal < count && place < sent && bytes[equal] == payload[place]) {
			equal++;
			place++;
		}
		received += equal;
		bytes += equal;
		count -= equal;
		if (count > 0)
			skip_gap(bytes, count);
	}
}

/* Returns false at end-of-file. */
static bool receive_some(void)
{
	static char bytes[CHUNK_MAX_BYTES];
	size_t most = interval_msecs > 0 ? SIP_BYTES : sizeof(bytes);
	ssize_t count = recv(socket_fd, bytes, most, MSG_DONTWAIT);

	if (interval_msecs > 0)
		(void)poll(NULL, 0, (int)interval_msecs);
	if (count < 0 && errno != EAGAIN)
		fail_errno("recv after %" PRIu64 " bytes", received);
	if (count > 0)
		take_echo(bytes, (size_t)count);
	return count != 0;
}

static void send_and_read_the_rest(void)
{
	uint64_t total = blind_bytes + tail_bytes;
	bool finished = false;

	do {
		if (!finished && sent == total && (interval_msecs == 0 || received == total)) {
			finished = true;
			if (shutdown(socket_fd, SHUT_WR) != 0)
				fail_errno("shutdown");
		}
		if (await(socket_fd, finished ? POLLIN : POLLIN | POLLOUT) & POLLOUT &&
		    !send_some(total, TAIL_PART_BYTES))
			fail("closed by the server");
	} while (receive_some());
	if (exact && received != total)
		fail("%" PRIu64 " bytes sent, %" PRIu64 " came back", sent, received);
}

static void read_what_arrived(void)
{
	static char bytes[CHUNK_MAX_BYTES];
	ssize_t count;

	while ((count = recv(socket_fd, bytes, sizeof(bytes), 0)) > 0)
		take_echo(bytes, (size_t)count);
	if (count < 0 && errno != ECONNRESET)
		fail_errno("recv after %" PRIu64 " bytes", received);
}

int stuck_main(int argc, char *argv[])
{
	char **words = parse_options(argc, argv, table, 1);
	enum payload_kind kind = payload_kind(kind_name);
	FILE *manifest = manifest_create(manifest_path, kind, seed);
	struct target target;
	struct payload source;
	char address[ADDRESS_BYTES];
	const char *how;

	target_parse(&target, words[0]);
	target.segment_bytes = (int)segment_bytes;
	payload_start(&source, kind, seed, 0);
	payload = allocate(1, blind_bytes + tail_bytes);
	payload_take(&source, payload, blind_bytes + tail_bytes);
	socket_fd = target_connect(&target, false, 0);
	local_text(socket_fd, address);
	how = send_blindly();
	say("%s %" PRIu64, how, sent);
	await_go_on();
	if (strcmp(how, "closed") != 0)
		send_and_read_the_rest();
	else
		read_what_arrived();
	manifest_add(manifest, address, 0, sent);
	manifest_close(manifest);
	say("received %" PRIu64 ", gaps %" PRIu64, received, gaps);
	return 0;
}
