/* PROXY headers in the socket and in the slot; run by a worker. See header.h. */
#include "worker/header.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "worker/outcome.h"
#include "worker/proxy.h"
#include "worker/report.h"
#include "worker/timers.h"

enum { TAKE_BYTES = 4096 };

/* ---- what a predecessor did ---- */

bool header_recover(struct slot *slot, struct recovered *truth)
{
	uint32_t bytes = committed(&slot->header_bytes);
	uint32_t taken = committed(&slot->header_taken);

	if (taken < bytes && truth->received > taken) {
		taken = truth->received < bytes ? (uint32_t)truth->received : bytes;
		commit(&slot->header_taken, taken);
	}
	if (truth->received < taken)
		return false;
	truth->received -= taken;
	return true;
}

/* ---- none, or a wrong one ---- */

/* With --skip-empty nothing is said of who sends nothing. */
static bool is_worth_telling(const struct clients *clients, const struct client *client)
{
	int unread;

	return !clients->options->skip_empty || committed(&client->slot->header_bytes) > 0 ||
	       ioctl(client->fd, SIOCINQ, &unread) != 0 || unread > 0;
}

static void refuse(struct clients *clients, struct client *client, const char *why)
{
	slot_set(client->slot, SLOT_PEER_DONE | SLOT_HEADLESS);
	if (is_worth_telling(clients, client))
		report_refusal(clients, client, why);
}

void header_miss(struct clients *clients, struct client *client)
{
	struct slot *slot = client->slot;

	/* The header may have named another, but it did not come to its end. */
	slot->peer = slot->real_peer;
	if (!clients->draining && !slot_has(slot, SLOT_CUT | SLOT_HEADLESS))
		refuse(clients, client, "ended before its PROXY header");
	if (is_worth_telling(clients, client))
		slot_set(slot, SLOT_TOUCHED);
}

/* ---- time ---- */

static uint64_t due_at(const struct slot *slot)
{
	return (slot->opened_at_usecs + 999) / 1000 + HEADER_MSECS; /* instants are rounded down */
}

uint64_t header_next(const struct clients *clients)
{
	return wheel_next(&clients->headers);
}

struct client *header_take_late(struct clients *clients)
{
	uint64_t now;
	uint32_t number;

	if (!clock_reached(header_next(clients)))
		return NULL;
	now = clock_msecs();
	while ((number = wheel_take(&clients->headers, now)) != WHEEL_NOBODY) {
		struct client *client = &clients->each[number];

		if (client->fd < 0 || slot_has(client->slot, SLOT_ENDED) ||
		    !header_is_awaited(clients, client->slot))
			continue;
		/* It may have come while there was no worker that could look. */
		client->incoming = INCOMING_UNTIL_EMPTY;
		return client;
	}
	return NULL;
}

/* ---- taking it ---- */

/* Has the peer sent its end, or a reset? Then all that it has sent before is there. */
static bool has_ended(int fd)
{
	struct pollfd look = { .fd = fd, .events = POLLRDHUP };

	return poll(&look, 1, 0) > 0;
}

static void find(struct clients *clients, struct client *client)
{
	struct slot *slot = client->slot;
	bool ended = client->incoming == INCOMING_UNTIL_EMPTY && has_ended(client->fd);
	uint8_t bytes[PROXY_LOOK_BYTES];
	ssize_t count = recv(client->fd, bytes, sizeof(bytes), MSG_PEEK);
	struct proxy_header header;

	if (count <= 0) {
		outcome_nothing(clients, client, count);
		return;
	}
	switch (proxy_find(bytes, (size_t)count, &header)) {
	case PROXY_FOUND:
		if (header.names_client)
			slot->peer = header.client;
		commit_at("header", &slot->header_bytes, header.bytes);
		break;
	case PROXY_PARTIAL:
		client->incoming = INCOMING_NONE; /* epoll tells of each segment that comes */
		if (ended)
			slot_set(slot, SLOT_PEER_DONE);
		break;
	case PROXY_WRONG:
		refuse(clients, client, "wrong PROXY header");
		break;
	}
}

static void take(struct clients *clients, struct client *client)
{
	struct slot *slot = client->slot;
	uint32_t left = slot_header_left(slot);
	uint8_t bytes[TAKE_BYTES];
	size_t room = left < sizeof(bytes) ? left : sizeof(bytes);
	ssize_t count = recv(client->fd, bytes, room, 0);

	fault_point("take-header");
	if (count <= 0) {
		outcome_nothing(clients, client, count);
		return;
	}
	timers_note_received(clients, slot);
	commit(&slot->header_taken, committed(&slot->header_taken) + (uint32_t)count);
	if ((size_t)count < room && client->incoming == INCOMING_SOME)
		client->incoming = INCOMING_NONE;
}

static bool has_come(const struct client *client)
{
	return client->incoming != INCOMING_NONE && client->incoming != INCOMING_STARVED &&
	       !slot_has(client->slot, SLOT_PEER_DONE);
}

void header_receive(struct clients *clients, struct client *client)
{
	struct slot *slot = client->slot;

	if (committed(&slot->header_bytes) == 0)
		find(clients, client);
	/* All that has come: what is still awaited then is late, or does not come before a shutdown. */
	while (has_come(client) && slot_header_left(slot) > 0)
		take(clients, client);
	if (!header_is_awaited(clients, slot) || slot_has(slot, SLOT_PEER_DONE))
		return;
	if (clock_reached(due_at(slot)))
		refuse(clients, client, "no PROXY header in time");
	else
		wheel_set(&clients->headers, client_number(clients, client), due_at(slot));
}
