/* One connection at a time, without ever waiting for it; run by a worker. See client.h. */
#include "worker/client.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/commit.h"
#include "common/diag.h"
#include "options.h"
#include "worker/recover.h"

/* Of the clients that send without end, one in so many is served before epoll is asked again. */
enum { BULK_SHARE = 4 };

static struct slot *slot_at(const struct clients *clients, uint32_t index)
{
	return &clients->part->slots[index];
}

static void tell(const struct slot *slot, const char *what)
{
	char peer[ADDRESS_TEXT_BYTES];

	address_text(&slot->peer, peer);
	diag("%s: %s", peer, what);
}

/* Sets up what is known of a slot's client. What stands in a list, a former one may have left there. */
static void reset(struct client *client, int fd)
{
	*client = (struct client){
		.fd = fd,
		.readable = true,
		.writable = true,
		.listed = client->listed,
		.muted = client->muted,
		.drained = client->drained,
	};
}

uint64_t client_event_data(const struct clients *clients, uint32_t index)
{
	return (uint64_t)slot_at(clients, index)->generation << 32 | index;
}

int clients_init(struct clients *clients, const struct seat *seat, struct tap *tap, int epoll_fd)
{
	struct part *part = seat->memory.base;
	size_t count = part->slot_count;

	*clients = (struct clients){
		.options = seat->options,
		.part = part,
		.budget = seat->budget,
		.worker = seat->number,
		.tap = tap,
		.epoll_fd = epoll_fd,
		.each = calloc(count, sizeof(*clients->each)),
		.ready.slots = calloc(count, sizeof(*clients->ready.slots)),
		.bulk.slots = calloc(count, sizeof(*clients->bulk.slots)),
		.muted.slots = calloc(count, sizeof(*clients->muted.slots)),
		.finished = calloc(count, sizeof(*clients->finished)),
		.drained = calloc(count, sizeof(*clients->drained)),
		.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE),
	};
	if (clients->each == NULL || clients->ready.slots == NULL || clients->bulk.slots == NULL ||
	    clients->muted.slots == NULL || clients->finished == NULL || clients->drained == NULL) {
		clients_release(clients);
		errno = ENOMEM;
		return -1;
	}
	for (size_t i = 0; i < count; i++)
		reset(&clients->each[i], -1);
	return 0;
}

void clients_release(struct clients *clients)
{
	free(clients->each);
	free(clients->ready.slots);
	free(clients->bulk.slots);
	free(clients->muted.slots);
	free(clients->finished);
	free(clients->drained);
}

/* ---- memory of the rings ---- */

static void give_ring_back(struct clients *clients, struct slot *slot)
{
	uint64_t freed = slot_give_ring_back(clients->part, slot);

	if (freed > 0)
		budget_give(clients->budget, clients->worker, freed);
}

void clients_trim(struct clients *clients)
{
	uint32_t count = clients->drained_count;

	clients->drained_count = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t index = clients->drained[i];

		clients->each[index].drained = false;
		if (slot_backlog(slot_at(clients, index)) == 0)
			give_ring_back(clients, slot_at(clients, index));
	}
}

/* An empty ring keeps its memory for a while: who stalled once may well stall again. */
static void note_if_drained(struct clients *clients, uint32_t index)
{
	struct slot *slot = slot_at(clients, index);

	if (committed(&slot->ring_held) == 0 || clients->each[index].drained || slot_backlog(slot) > 0)
		return;
	clients->each[index].drained = true;
	clients->drained[clients->drained_count++] = index;
}

void clients_check_memory(struct clients *clients)
{
	uint64_t held = 0;

	for (uint32_t i = 0; i < committed(&clients->part->reach) && i < clients->part->slot_count; i++) {
		struct slot *slot = slot_at(clients, i);
		bool is_open = committed(&slot->state) == SLOT_OPEN;

		if (is_open && !slot_ring_is_sound(clients->part, slot))
			slot_set(slot, SLOT_DAMAGED);
		if (!is_open || slot_has(slot, SLOT_DAMAGED)) {
			commit(&slot->ring_held, clients->part->ring_stride);
			slot_give_ring_back(clients->part, slot);
		}
		held += committed(&slot->ring_held);
	}
	budget_set(clients->budget, clients->worker, held);
}

static void take_memory(struct clients *clients, struct slot *slot, uint64_t needed)
{
	uint64_t held = committed(&slot->ring_held);
	uint64_t taken = budget_take(clients->budget, clients->worker, needed - held, clients->page_bytes);

	if (held + taken < needed) {
		clients_trim(clients);
		held = committed(&slot->ring_held);
		taken += budget_take(clients->budget, clients->worker, needed - held - taken,
				     clients->page_bytes);
	}
	/* Who is not to lose a byte must be able to keep a few, or would not be read from at all. */
	if (held + taken == 0 && clients->options->when_full == WHEN_FULL_PAUSE) {
		taken = clients->page_bytes;
		budget_take_anyway(clients->budget, clients->worker, taken);
	}
	commit(&slot->ring_held, held + taken);
}

/* How many of `wanted` more bytes the slot's ring can take; the memory for them is booked. */
static uint64_t make_room(struct clients *clients, struct slot *slot, uint64_t wanted)
{
	uint64_t queued = slot_queued(slot);
	uint64_t backlog = slot_backlog(slot);
	uint64_t left = clients->part->ring_bytes - backlog;
	uint64_t needed, held;
	struct ring ring;

	if (wanted > left)
		wanted = left;
	if (backlog == 0)
		commit(&slot->ring_base, queued);
	ring = slot_ring(clients->part, slot);
	needed = ring_reach(&ring, queued + wanted);
	needed = (needed + clients->page_bytes - 1) / clients->page_bytes * clients->page_bytes;
	if (needed > committed(&slot->ring_held))
		take_memory(clients, slot, needed);
	held = committed(&slot->ring_held);
	if (held >= needed)
		return wanted;
	return held > queued - ring.base ? held - (queued - ring.base) : 0;
}

/* ---- the end ---- */

static void finish(struct clients *clients, uint32_t index)
{
	struct client *client = &clients->each[index];

	/* Closing alone would not end the registration: the master has a duplicate (epoll(7)). */
	if (client->watched && epoll_ctl(clients->epoll_fd, EPOLL_CTL_DEL, client->fd, NULL) != 0)
		diag_errno("epoll_ctl");
	close(client->fd);
	reset(client, -1);
	clients->count--;
	give_ring_back(clients, slot_at(clients, index));
	clients->finished[clients->finished_count++] = index;
}

uint32_t clients_take_finished(struct clients *clients, uint32_t *slots, uint32_t most)
{
	uint32_t count = clients->finished_count < most ? clients->finished_count : most;

	for (uint32_t i = 0; i < count; i++) {
		slots[i] = clients->finished[--clients->finished_count];
		commit_at("done", &slot_at(clients, slots[i])->state, SLOT_DONE);
	}
	return count;
}

/* ---- the echo ---- */

static void echo_is_full(struct clients *clients, struct slot *slot)
{
	if (clients->options->when_full == WHEN_FULL_CLOSE) {
		if (!slot_has(slot, SLOT_CUT))
			tell(slot, "echo buffer full, closing");
		slot_set(slot, SLOT_CUT | SLOT_BROKEN);
	} else if (!slot_has(slot, SLOT_DROPPING)) {
		slot_set(slot, SLOT_DROPPING);
		tell(slot, "echo buffer full, dropping");
	}
}

/* Bytes of the chunk in hand that go to the ring, or nowhere. */
static void enqueue(struct clients *clients, struct slot *slot, size_t from, size_t count)
{
	uint64_t room = make_room(clients, slot, count);
	uint64_t queued = slot_queued(slot);
	struct ring ring = slot_ring(clients->part, slot);
	struct iovec pieces[CHUNK_PIECES_MAX];
	int piece_count = tap_pieces(clients->tap, from, room, pieces);

	for (int i = 0; i < piece_count; i++) {
		ring_write(&ring, queued, pieces[i].iov_base, pieces[i].iov_len);
		queued += pieces[i].iov_len;
	}
	commit_at("queue", &slot->queued, queued);
	if (room < count)
		echo_is_full(clients, slot);
}

/* Does the error in errno say nothing about the connection? */
static bool passes(void)
{
	return errno == EAGAIN || errno == EINTR || errno == ENOBUFS || errno == ENOMEM;
}

/*
 * Notes what came of sending `count` bytes. What a socket did not take for lack of room it asks for
 * (EPOLLOUT) when the peer has acknowledged some. With nothing on the way, memory was short: then it
 * asks for more at once, and in vain.
 */
static void count_sent(struct clients *clients, uint32_t index, size_t count, ssize_t result)
{
	struct client *client = &clients->each[index];
	struct slot *slot = slot_at(clients, index);
	int unacked;

	if (result > 0) {
		commit(&slot->sent, committed(&slot->sent) + (uint64_t)result);
		client->writable = (size_t)result == count;
	} else if (!passes()) {
		slot_set(slot, SLOT_BROKEN);
	} else {
		client->writable = false;
		if (ioctl(client->fd, SIOCOUTQ, &unacked) != 0 || unacked == 0)
			client->stalled = clients->starved = true;
	}
}

static ssize_t send_pieces(int fd, struct iovec *pieces, int piece_count)
{
	struct msghdr header = { .msg_iov = pieces, .msg_iovlen = (size_t)piece_count };

	if (piece_count == 1)
		return send(fd, pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL);
	return sendmsg(fd, &header, MSG_NOSIGNAL);
}

/* Sends, queues or drops bytes of the chunk in hand. */
static void echo(struct clients *clients, uint32_t index, size_t from, size_t count)
{
	struct slot *slot = slot_at(clients, index);

	if (slot_backlog(slot) == 0) {
		struct iovec pieces[CHUNK_PIECES_MAX];
		int piece_count = tap_pieces(clients->tap, from, count, pieces);
		ssize_t result = send_pieces(clients->each[index].fd, pieces, piece_count);

		fault_point("send");
		count_sent(clients, index, count, result);
		if (result > 0) {
			from += (size_t)result;
			count -= (size_t)result;
		}
	}
	if (count > 0 && !slot_has(slot, SLOT_BROKEN))
		enqueue(clients, slot, from, count);
}

static void send_backlog(struct clients *clients, uint32_t index)
{
	struct slot *slot = slot_at(clients, index);
	struct ring ring = slot_ring(clients->part, slot);
	struct iovec pieces[2];
	int piece_count = ring_pieces(&ring, committed(&slot->sent), committed(&slot->queued), pieces);
	ssize_t result = send_pieces(clients->each[index].fd, pieces, piece_count);

	fault_point("send-backlog");
	count_sent(clients, index, slot_backlog(slot), result);
}

/* ---- receiving ---- */

/*
 * Finishes the chunk in hand, from wherever this process or its predecessor has come to: what was
 * admitted to the echo since the chunk was claimed can only have been bytes of the chunk.
 */
static void settle(struct clients *clients, uint32_t index)
{
	const struct chunk *chunk = tap_in_hand(clients->tap);
	struct slot *slot = slot_at(clients, index);
	uint64_t count = committed(&slot->received) - chunk->offset;
	uint64_t limit = committed(&slot->echo_limit);
	uint64_t echoable = limit > chunk->offset ? limit - chunk->offset : 0;
	uint64_t echoed = slot_queued(slot) - chunk->queued_before;

	if (echoable > count)
		echoable = count;
	if (echoed < echoable && !slot_has(slot, SLOT_BROKEN))
		echo(clients, index, echoed, echoable - echoed);
	fault_point("settle");
	tap_settle(clients->tap, count);
}

static bool may_pause(const struct clients *clients, const struct slot *slot)
{
	return clients->options->when_full == WHEN_FULL_PAUSE && !slot_has(slot, SLOT_BROKEN) &&
	       committed(&slot->received) < committed(&slot->echo_limit);
}

/* Is there, or may there be, something to receive that has a place to go to? */
static bool wants_to_receive(const struct clients *clients, uint32_t index)
{
	const struct client *client = &clients->each[index];
	const struct slot *slot = slot_at(clients, index);

	if (!client->readable || client->starved || slot_has(slot, SLOT_PEER_DONE | SLOT_CUT))
		return false;
	return !may_pause(clients, slot) || slot_backlog(slot) < clients->part->ring_bytes;
}

static bool may_send(const struct clients *clients, uint32_t index)
{
	const struct slot *slot = slot_at(clients, index);

	return clients->each[index].writable && slot_backlog(slot) > 0 && !slot_has(slot, SLOT_BROKEN);
}

/*
 * Puts the connection's opening into the log before anything it sends; false if the pipe has no room
 * now. If the process dies before it notes that, its successor's second announcement is dropped by
 * the logger.
 */
static bool announce(struct clients *clients, struct slot *slot)
{
	if (slot_has(slot, SLOT_ANNOUNCED))
		return true;
	if (!tap_announce(clients->tap, slot))
		return false;
	fault_point("announce");
	slot_set(slot, SLOT_ANNOUNCED);
	return true;
}

/* Receives up to `room` bytes into the chunk in hand. */
static ssize_t receive_pieces(struct clients *clients, int fd, size_t room)
{
	struct iovec pieces[CHUNK_PIECES_MAX];
	int piece_count = tap_pieces(clients->tap, 0, room, pieces);

	if (piece_count == 1)
		return recv(fd, pieces[0].iov_base, pieces[0].iov_len, 0);
	return readv(fd, pieces, piece_count);
}

static void receive(struct clients *clients, uint32_t index)
{
	struct client *client = &clients->each[index];
	struct slot *slot = slot_at(clients, index);
	uint64_t room;
	ssize_t result;

	if (!announce(clients, slot) || tap_claim(clients->tap, slot) == NULL)
		return;
	/* Describing room for 64 KiB to the kernel costs as much as receiving a short message. */
	room = client->eager ? CHUNK_BYTES : tap_small_room(clients->tap);
	if (may_pause(clients, slot))
		room = make_room(clients, slot, room);
	if (room == 0) {
		tap_withdraw(clients->tap);
		client->starved = clients->starved = true;
		return;
	}
	result = receive_pieces(clients, client->fd, room);
	fault_point("receive");
	if (result > 0) {
		client->readable = (uint64_t)result == room || client->until_empty;
		client->eager = result > RECORD_PAYLOAD_MAX_BYTES || (uint64_t)result == room;
		commit(&slot->received, committed(&slot->received) + (uint64_t)result);
		settle(clients, index);
		return;
	}
	tap_withdraw(clients->tap);
	if (result == 0)
		slot_set(slot, SLOT_PEER_DONE);
	else if (errno == EAGAIN)
		client->readable = client->until_empty = client->eager = false;
	else if (!passes())
		slot_set(slot, SLOT_PEER_DONE | SLOT_BROKEN);
}

/* ---- what to do next ---- */

static bool echo_is_complete(const struct clients *clients, const struct slot *slot)
{
	if (slot_has(slot, SLOT_BROKEN) || slot_backlog(slot) > 0)
		return false;
	return slot_has(slot, SLOT_PEER_DONE) ||
	       (clients->draining && committed(&slot->received) >= committed(&slot->echo_limit));
}

static bool is_over(const struct slot *slot)
{
	if (slot_has(slot, SLOT_CUT))
		return true;
	return slot_has(slot, SLOT_PEER_DONE) && slot_has(slot, SLOT_SHUT | SLOT_BROKEN);
}

static void add_to(struct queue *queue, uint32_t capacity, uint32_t index)
{
	queue->slots[(queue->first + queue->count++) % capacity] = index;
}

static uint32_t take_from(struct queue *queue, uint32_t capacity)
{
	uint32_t index = queue->slots[queue->first];

	queue->first = (queue->first + 1) % capacity;
	queue->count--;
	return index;
}

/* Lets a client that has something to do wait for its turn; one that is to be received from, for the pipe. */
static void enlist(struct clients *clients, uint32_t index)
{
	struct client *client = &clients->each[index];
	uint32_t capacity = clients->part->slot_count;
	bool receives = wants_to_receive(clients, index);

	if (receives && !tap_is_open(clients->tap)) {
		receives = false;
		if (!client->muted)
			add_to(&clients->muted, capacity, index);
		client->muted = true;
	}
	if ((receives || may_send(clients, index)) && !client->listed) {
		client->listed = true;
		add_to(client->eager ? &clients->bulk : &clients->ready, capacity, index);
	}
}

/* Takes the connection to the state that its flags and counters ask for. */
static void advance(struct clients *clients, uint32_t index)
{
	struct slot *slot = slot_at(clients, index);

	if (!slot_has(slot, SLOT_SHUT) && echo_is_complete(clients, slot)) {
		/* close() sends nothing while the master has a duplicate. Fails only after a reset. */
		int result = shutdown(clients->each[index].fd, SHUT_WR);

		fault_point("shut");
		slot_set(slot, result == 0 ? SLOT_SHUT : SLOT_BROKEN);
	}
	if (is_over(slot)) {
		finish(clients, index);
	} else {
		note_if_drained(clients, index);
		enlist(clients, index);
	}
}

static void serve(struct clients *clients, uint32_t index)
{
	if (may_send(clients, index))
		send_backlog(clients, index);
	if (wants_to_receive(clients, index) && tap_is_open(clients->tap))
		receive(clients, index);
	advance(clients, index);
}

static void serve_next(struct clients *clients, struct queue *queue)
{
	uint32_t index = take_from(queue, clients->part->slot_count);
	struct client *client = &clients->each[index];

	if (queue == &clients->muted)
		client->muted = false;
	else
		client->listed = false;
	if (client->fd >= 0)
		serve(clients, index);
}

bool clients_have_work(const struct clients *clients)
{
	return clients->ready.count > 0 || clients->bulk.count > 0 ||
	       (clients->muted.count > 0 && tap_is_open(clients->tap));
}

void clients_serve(struct clients *clients)
{
	/* Who has waited longest for the pipe comes first, and keeps its place if there is no room again. */
	for (uint32_t left = clients->muted.count; left > 0 && tap_is_open(clients->tap); left--)
		serve_next(clients, &clients->muted);
	for (uint32_t left = clients->ready.count; left > 0; left--)
		serve_next(clients, &clients->ready);
	for (uint32_t left = (clients->bulk.count + BULK_SHARE - 1) / BULK_SHARE; left > 0; left--)
		serve_next(clients, &clients->bulk);
}

void client_notice(struct clients *clients, uint32_t index, uint32_t events)
{
	struct client *client = &clients->each[index];

	if (client->fd < 0)
		return;
	if (events & (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLERR | EPOLLHUP))
		client->readable = true;
	if (events & (EPOLLPRI | EPOLLRDHUP | EPOLLERR | EPOLLHUP))
		client->until_empty = true;
	if (events & (EPOLLERR | EPOLLHUP) || (events & EPOLLOUT && !client->stalled))
		client->writable = true;
	enlist(clients, index);
}

void client_cut(struct clients *clients, uint32_t index)
{
	slot_set(slot_at(clients, index), SLOT_CUT | SLOT_BROKEN);
	finish(clients, index);
}

void client_drain(struct clients *clients, uint32_t index)
{
	struct slot *slot = slot_at(clients, index);
	int unread;

	if (committed(&slot->echo_limit) == SLOT_NO_LIMIT) {
		if (ioctl(clients->each[index].fd, SIOCINQ, &unread) != 0)
			unread = 0;
		commit(&slot->echo_limit, committed(&slot->received) + (uint64_t)unread);
	}
	advance(clients, index);
}

void clients_retry(struct clients *clients)
{
	clients->starved = false;
	for (uint32_t i = 0; i < clients->reach; i++) {
		struct client *client = &clients->each[i];

		if (client->fd < 0 || !(client->starved || client->stalled))
			continue;
		client->writable |= client->stalled;
		client->starved = client->stalled = false;
		enlist(clients, i);
	}
}

/* ---- adoption ---- */

/*
 * Brings the counters up to what the predecessor's last system call did, if that was cut off from
 * its commit. False if they cannot be those of this connection.
 */
static bool repair(struct slot *slot, const struct recovered *truth, const struct chunk *in_hand)
{
	uint64_t received = committed(&slot->received);
	uint64_t sent = committed(&slot->sent);
	uint64_t receivable = received;
	uint64_t sendable = slot_queued(slot);

	if (fault_omits("repair"))
		return true;
	if (in_hand != NULL)
		receivable = in_hand->offset + CHUNK_BYTES;
	if (truth->closed) {
		slot_set(slot, SLOT_BROKEN);
		if (truth->received > received && truth->received <= receivable)
			commit(&slot->received, truth->received);
		return received <= receivable;
	}
	if (truth->received < received || truth->received > receivable)
		return false;
	if (in_hand != NULL && slot_backlog(slot) == 0)
		sendable = in_hand->queued_before + (truth->received - in_hand->offset);
	if (truth->sent < sent || truth->sent > sendable)
		return false;
	commit(&slot->received, truth->received);
	commit_at("repair", &slot->sent, truth->sent);
	return true;
}

static void settle_in_hand(struct clients *clients, uint32_t index)
{
	if (committed(&slot_at(clients, index)->received) > tap_in_hand(clients->tap)->offset)
		settle(clients, index);
	else
		tap_withdraw(clients->tap);
}

/* Asks to be told of everything that happens from now on, once (EPOLLET, epoll(7)). */
static void watch(struct clients *clients, uint32_t index)
{
	struct client *client = &clients->each[index];
	struct epoll_event event = { .events = EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLOUT | EPOLLET,
				     .data.u64 = client_event_data(clients, index) };

	client->watched = epoll_ctl(clients->epoll_fd, EPOLL_CTL_ADD, client->fd, &event) == 0;
	if (!client->watched) {
		diag_errno("epoll_ctl");
		client_cut(clients, index);
	}
}

/*
 * Asks the kernel what the predecessors did on the connection and finishes that. There is nothing to
 * ask about one that was never announced: nothing was received on it.
 */
static bool take_over(struct clients *clients, uint32_t index)
{
	struct slot *slot = slot_at(clients, index);
	const struct chunk *in_hand = NULL;
	struct recovered truth;

	if (slot_has(slot, SLOT_DAMAGED))
		return false;
	if (!slot_has(slot, SLOT_ANNOUNCED))
		return true;
	if (part_in_hand(clients->part, clients->part->slot_count) == index)
		in_hand = tap_in_hand(clients->tap);
	if (recover_stream(clients->each[index].fd, &truth) != 0 || !repair(slot, &truth, in_hand))
		return false;
	if (in_hand != NULL)
		settle_in_hand(clients, index);
	return true;
}

void client_adopt(struct clients *clients, uint32_t index, int fd)
{
	struct client *client = &clients->each[index];
	struct slot *slot = slot_at(clients, index);

	commit(&clients->part->adopting, index);
	fault_point("adopt");
	reset(client, fd);
	clients->count++;
	if (index >= clients->reach)
		clients->reach = index + 1;
	if (!take_over(clients, index)) {
		tell(slot, "connection and table disagree, closing");
		slot_set(slot, SLOT_CUT | SLOT_BROKEN);
		tap_abandon_in_hand(clients->tap);
	}
	announce(clients, slot);
	if (clients->draining)
		client_drain(clients, index);
	else
		serve(clients, index);
	if (client->fd >= 0)
		watch(clients, index);
	commit(&clients->part->adopting, PART_NOBODY);
}
