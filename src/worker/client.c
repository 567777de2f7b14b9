/* One connection at a time, without ever waiting for it; run by a worker. See client.h. */
#include "worker/client.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/commit.h"
#include "common/diag.h"
#include "worker/buffer.h"
#include "worker/events.h"
#include "worker/header.h"
#include "worker/outcome.h"
#include "worker/report.h"
#include "worker/timers.h"

/* ---- all of them ---- */

int clients_init(struct clients *clients, const struct seat *seat, struct tap *tap, int epoll_fd)
{
	struct part *part = seat->memory.base;
	uint32_t most = part->plan.slot_count;

	*clients = (struct clients){
		.options = seat->options,
		.part = part,
		.part_bytes = seat->memory.bytes,
		.tap = tap,
		.budget = seat->budget.base,
		.account = seat->number,
		.epoll_fd = epoll_fd,
		.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE),
		.each = calloc(most, sizeof(*clients->each)),
	};
	if (clients->each == NULL || queue_init(&clients->ready, most) != 0 ||
	    queue_init(&clients->bulk, most) != 0 || queue_init(&clients->held_up, most) != 0 ||
	    queue_init(&clients->untold, most) != 0 || queue_init(&clients->ended, most) != 0 ||
	    queue_init(&clients->finished, most) != 0 || queue_init(&clients->lacking, most) != 0 ||
	    queue_init(&clients->idle_rings, most) != 0 || queue_init(&clients->known, most) != 0 ||
	    timers_init(clients) != 0 ||
	    (seat->options->proxy_protocol && wheel_init(&clients->headers, most, HEADER_MSECS) != 0)) {
		clients_release(clients);
		errno = ENOMEM;
		return -1;
	}
	for (uint32_t i = 0; i < most; i++)
		clients->each[i] = (struct client){ .slot = &part->slots[i], .fd = -1 };
	return 0;
}

void clients_release(struct clients *clients)
{
	free(clients->each);
	queue_release(&clients->ready);
	queue_release(&clients->bulk);
	queue_release(&clients->held_up);
	queue_release(&clients->untold);
	queue_release(&clients->ended);
	queue_release(&clients->finished);
	queue_release(&clients->lacking);
	queue_release(&clients->idle_rings);
	queue_release(&clients->known);
	timers_release(clients);
	wheel_release(&clients->headers);
}

/* ---- the beginning ---- */

void client_open(struct clients *clients, struct client *client, int fd)
{
	client->fd = fd;
	client->incoming = INCOMING_SOME;
	client->outgoing = OUTGOING_OPEN;
	client->watched = client->eager = false;
	clients->count++;
	if (client_number(clients, client) >= clients->reach)
		clients->reach = client_number(clients, client) + 1;
	timers_begin(clients, client);
}

static bool announce(struct clients *clients, struct client *client)
{
	if (slot_has(client->slot, SLOT_ANNOUNCED))
		return true;
	if (!tap_announce(clients->tap, client->slot, client->fd))
		return false;
	fault_point("announce");
	slot_set(client->slot, SLOT_ANNOUNCED);
	return true;
}

/* Tells the log what it must know of a connection; of one that was let go it knows all but what was left out. */
static bool tell(struct clients *clients, struct client *client)
{
	return (client->fd < 0 || announce(clients, client)) && tap_tell_gap(clients->tap, client->slot);
}

bool client_catch_up(struct clients *clients, struct client *client)
{
	if (tell(clients, client))
		return true;
	queue_add(&clients->untold, client_number(clients, client));
	return false;
}

bool client_is_worth_telling(const struct clients *clients, const struct client *client)
{
	const struct slot *slot = client->slot;

	if ((header_is_awaited(clients, slot) || header_is_to_be_judged(clients, slot)) &&
	    !slot_has(slot, SLOT_ENDED))
		return false;
	return !clients->options->skip_empty || slot_has(slot, SLOT_TOUCHED);
}

void clients_catch_up(struct clients *clients)
{
	for (uint32_t left = clients->untold.count; left > 0 && tap_is_open(clients->tap); left--) {
		struct client *client = &clients->each[queue_take(&clients->untold)];

		/* Its place in line may be left from an earlier connection. */
		if (client->fd >= 0 &&
		    (slot_has(client->slot, SLOT_ANNOUNCED) || client_is_worth_telling(clients, client)))
			client_catch_up(clients, client);
	}
}

/* What is received is left out of the log, which is told later. */
static void leave_out(struct clients *clients, struct client *client)
{
	slot_set(client->slot, SLOT_TOUCHED);
	tap_begin_gap(client->slot);
	queue_add(&clients->untold, client_number(clients, client));
}

/* ---- the end ---- */

void client_let_go(struct clients *clients, struct client *client)
{
	int error = errno;

	if (events_end(clients, client) != 0)
		report_errno(clients, client, "epoll_ctl");
	close(client->fd);
	client->fd = -1;
	clients->count--;
	errno = error;
}

static void finish(struct clients *clients, struct client *client)
{
	struct slot *slot = client->slot;

	if (!slot_has(slot, SLOT_ENDED) && header_is_awaited(clients, slot))
		header_miss(clients, client);
	slot_end(slot, client->fd);
	/* That it was opened is told with its descriptor at hand. */
	if (slot_has(slot, SLOT_ANNOUNCED) || !slot_has(slot, SLOT_TOUCHED))
		client_let_go(clients, client);
	client->attempts = 0;
	buffer_give_back(clients, slot);
	queue_add(&clients->ended, client_number(clients, client));
}

void clients_conclude(struct clients *clients)
{
	while (clients->ended.count > 0 && tap_is_open(clients->tap)) {
		struct client *client = &clients->each[queue_first(&clients->ended)];

		if (!tell(clients, client) || !tap_conclude(clients->tap, client->slot))
			return;
		if (client->fd >= 0)
			client_let_go(clients, client);
		queue_add(&clients->finished, queue_take(&clients->ended));
	}
}

void client_cut(struct clients *clients, struct client *client, uint32_t why)
{
	slot_set(client->slot, SLOT_CUT | SLOT_BROKEN | why);
	finish(clients, client);
}

void clients_cut(struct clients *clients)
{
	clients->cutting = true;
	for (uint32_t i = 0; i < clients->reach; i++)
		client_cut_late(clients, &clients->each[i]);
}

void client_cut_late(struct clients *clients, struct client *client)
{
	if (clients->cutting && client->fd >= 0 && !slot_has(client->slot, SLOT_ENDED))
		client_cut(clients, client, 0);
}

uint32_t clients_take_finished(struct clients *clients, uint32_t *slots, uint32_t most)
{
	uint32_t count = 0;

	while (count < most && clients->finished.count > 0) {
		slots[count] = queue_take(&clients->finished);
		commit_at("done", &clients->part->slots[slots[count]].state, SLOT_DONE);
		count++;
	}
	return count;
}

/* ---- the echo ---- */

static void echo_is_full(struct clients *clients, const struct client *client)
{
	struct slot *slot = client->slot;

	if (clients->options->when_full == WHEN_FULL_CLOSE) {
		if (!slot_has(slot, SLOT_CUT))
			report(clients, client, "echo buffer full, closing");
		slot_set(slot, SLOT_CUT | SLOT_BROKEN | SLOT_OVERFULL);
	} else if (!slot_has(slot, SLOT_DROPPING)) {
		slot_set(slot, SLOT_DROPPING);
		report(clients, client, "echo buffer full, dropping");
	}
}

/* Bytes of the chunk in hand that go to the ring, or nowhere. */
static void enqueue(struct clients *clients, const struct client *client, size_t from, size_t count)
{
	struct slot *slot = client->slot;
	uint64_t room = buffer_make_room(clients, slot, count);
	uint64_t queued = slot_queued(slot);
	struct ring ring = slot_ring(clients->part, slot);
	struct iovec pieces[CHUNK_PIECES_MAX];
	int piece_count = tap_pieces(clients->tap, from, room, pieces);

	for (int i = 0; i < piece_count; i++) {
		ring_write(&ring, queued, pieces[i].iov_base, pieces[i].iov_len);
		queued += pieces[i].iov_len;
	}
	if (slot_backlog(slot) == 0)
		timers_note_queued(clients, client);
	commit_at("queue", &slot->queued, queued);
	if (room < count)
		echo_is_full(clients, client);
}

/* One piece goes faster by send(2). Nobody has the process end at a broken connection (SIGPIPE): startup_signals(). */
static ssize_t send_pieces(int fd, const struct iovec *pieces, int piece_count)
{
	if (piece_count == 1)
		return send(fd, pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL);
	return writev(fd, pieces, piece_count);
}

/* Sends, queues or drops bytes of the chunk in hand. */
static void echo(struct clients *clients, struct client *client, size_t from, size_t count)
{
	if (slot_backlog(client->slot) == 0) {
		struct iovec pieces[CHUNK_PIECES_MAX];
		int piece_count = tap_pieces(clients->tap, from, count, pieces);
		ssize_t result = send_pieces(client->fd, pieces, piece_count);

		fault_point("send");
		outcome_sent(clients, client, count, result);
		if (result > 0) {
			from += (size_t)result;
			count -= (size_t)result;
		}
	}
	if (count > 0 && !slot_has(client->slot, SLOT_BROKEN))
		enqueue(clients, client, from, count);
}

static void send_backlog(struct clients *clients, struct client *client)
{
	struct slot *slot = client->slot;
	struct ring ring = slot_ring(clients->part, slot);
	struct iovec pieces[2];
	int piece_count = ring_pieces(&ring, committed(&slot->sent), committed(&slot->queued), pieces);
	ssize_t result = send_pieces(client->fd, pieces, piece_count);

	fault_point("send-backlog");
	outcome_sent(clients, client, slot_backlog(slot), result);
}

void client_settle(struct clients *clients, struct client *client)
{
	const struct chunk *chunk = tap_in_hand(clients->tap);
	struct slot *slot = client->slot;
	uint64_t count = committed(&slot->received) - chunk->offset;
	uint64_t limit = committed(&slot->echo_limit);
	uint64_t echoable = limit > chunk->offset ? limit - chunk->offset : 0;
	uint64_t echoed = slot_queued(slot) - chunk->queued_before;
	uint64_t dropped = 0;

	if (echoable > count)
		echoable = count;
	if (echoed < echoable && !slot_has(slot, SLOT_BROKEN))
		echo(clients, client, echoed, echoable - echoed);
	fault_point("settle");
	/* What comes after a shutdown has begun is not echoed either, and told of at the end. */
	if (echoable == count && !slot_has(slot, SLOT_BROKEN))
		dropped = count - (slot_queued(slot) - chunk->queued_before);
	tap_settle(clients->tap, count, dropped);
}

/* ---- receiving ---- */

static bool may_pause(const struct clients *clients, const struct slot *slot)
{
	return clients->options->when_full == WHEN_FULL_PAUSE && !slot_has(slot, SLOT_BROKEN) &&
	       committed(&slot->received) < committed(&slot->echo_limit);
}

bool client_wants_to_receive(const struct clients *clients, const struct client *client)
{
	const struct slot *slot = client->slot;

	if (client->incoming == INCOMING_NONE || client->incoming == INCOMING_STARVED ||
	    slot_has(slot, SLOT_PEER_DONE | SLOT_CUT))
		return false;
	if (queue_has(&clients->known, client_number(clients, client)) && !clients->draining)
		return false;
	return !may_pause(clients, slot) || slot_backlog(slot) < clients->part->plan.ring_bytes;
}

bool client_may_send(const struct client *client)
{
	return client->outgoing == OUTGOING_OPEN && slot_backlog(client->slot) > 0 &&
	       !slot_has(client->slot, SLOT_BROKEN);
}

/* Receives up to `room` bytes into the chunk in hand. */
static ssize_t receive_pieces(const struct clients *clients, int fd, size_t room)
{
	struct iovec pieces[CHUNK_PIECES_MAX];
	int piece_count = tap_pieces(clients->tap, 0, room, pieces);

	if (piece_count == 1)
		return recv(fd, pieces[0].iov_base, pieces[0].iov_len, 0);
	return readv(fd, pieces, piece_count);
}

/* Has the client sent something? If it has sent its end instead, that is noted. */
static bool has_sent(struct clients *clients, struct client *client)
{
	char byte;
	ssize_t result = recv(client->fd, &byte, sizeof(byte), MSG_PEEK);

	return result > 0 || outcome_received(clients, client, sizeof(byte), result);
}

/* Takes what has come of a header that is awaited; whom a whole one names the log is told of. */
static void introduce(struct clients *clients, struct client *client)
{
	header_receive(clients, client);
	if (client_is_worth_telling(clients, client))
		client_catch_up(clients, client);
}

/* Is what comes next of the client's stream? A header that is awaited is seen to. */
static bool is_introduced(struct clients *clients, struct client *client)
{
	if (header_is_awaited(clients, client->slot))
		introduce(clients, client);
	if (header_is_awaited(clients, client->slot))
		return false;
	if (!header_is_to_be_judged(clients, client->slot))
		return true;
	queue_add(&clients->known, client_number(clients, client));
	return false;
}

static void receive(struct clients *clients, struct client *client)
{
	struct slot *slot = client->slot;
	uint64_t room;
	ssize_t result;

	if (clients->options->skip_empty && !slot_has(slot, SLOT_ANNOUNCED) && !has_sent(clients, client))
		return;
	if (!tap_is_open(clients->tap))
		leave_out(clients, client);
	else if (!client_catch_up(clients, client))
		return;
	if (!tap_claim(clients->tap, slot))
		return;
	/* Describing room for 64 KiB to the kernel costs as much as receiving a short message. */
	room = client->eager ? CHUNK_BYTES : tap_small_room(clients->tap);
	if (may_pause(clients, slot))
		room = buffer_make_room(clients, slot, room);
	if (room == 0) {
		tap_withdraw(clients->tap);
		outcome_starve(clients, client);
		return;
	}
	result = receive_pieces(clients, client->fd, room);
	fault_point("receive");
	if (outcome_received(clients, client, room, result))
		client_settle(clients, client);
	else
		tap_withdraw(clients->tap);
}

bool client_retry(struct client *client)
{
	bool starved = client->incoming == INCOMING_STARVED;
	bool stalled = client->outgoing == OUTGOING_STALLED;

	/* What there was to receive, and perhaps an end, was not looked at. */
	if (starved)
		client->incoming = INCOMING_UNTIL_EMPTY;
	if (stalled)
		client->outgoing = OUTGOING_OPEN;
	return starved || stalled;
}

/* ---- what to do next ---- */

static bool echo_is_complete(const struct clients *clients, const struct slot *slot)
{
	if (slot_has(slot, SLOT_BROKEN) || slot_backlog(slot) > 0)
		return false;
	return slot_has(slot, SLOT_PEER_DONE) ||
	       (clients->draining && committed(&slot->received) >= committed(&slot->echo_limit));
}

/* Takes the connection to the state that its flags and counters ask for. */
static void advance(struct clients *clients, struct client *client)
{
	struct slot *slot = client->slot;

	if (!slot_has(slot, SLOT_SHUT) && echo_is_complete(clients, slot)) {
		/* close() sends nothing while the master has a duplicate. Fails only after a reset. */
		int result = shutdown(client->fd, SHUT_WR);

		fault_point("shut");
		slot_set(slot, result == 0 ? SLOT_SHUT : SLOT_BROKEN);
	}
	if (slot_is_over(slot))
		finish(clients, client);
	else
		buffer_note_idle(clients, client);
}

void client_serve(struct clients *clients, struct client *client)
{
	if (client_may_send(client))
		send_backlog(clients, client);
	if (client_wants_to_receive(clients, client) && is_introduced(clients, client) &&
	    tap_takes(clients->tap))
		receive(clients, client);
	advance(clients, client);
}

void client_drain(struct clients *clients, struct client *client)
{
	struct slot *slot = client->slot;
	int unread;

	if (committed(&slot->echo_limit) != SLOT_NO_LIMIT || slot_has(slot, SLOT_ENDED))
		return;
	if (header_is_awaited(clients, slot) && !slot_has(slot, SLOT_PEER_DONE | SLOT_CUT))
		introduce(clients, client);
	if (header_is_awaited(clients, slot) || ioctl(client->fd, SIOCINQ, &unread) != 0)
		unread = 0;
	commit(&slot->echo_limit, committed(&slot->received) + (uint64_t)unread);
}
