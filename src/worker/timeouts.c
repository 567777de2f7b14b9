/* Closing where nothing happens; run by a worker. See timeouts.h. */
#include "worker/timeouts.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "worker/client.h"
#include "worker/turns.h"

enum {
	LOOKS_MAX = 256, /* at clients in a row, before others are served again */
	LOOKS_A_TIME =
		8, /* at one, where only the kernel knows what its peer has acknowledged, and since when */
	JIFFY_MSECS = 10,   /* the longest that the kernel may have as its unit of time: HZ=100 */
	ROUNDING_MSECS = 1, /* that clock_msecs() may be behind */
};

static uint64_t msecs_of(const struct clients *clients, enum timeout timeout)
{
	return (uint64_t)(timeout == TIMEOUT_IDLE ? clients->options->idle_timeout_msecs
						  : clients->options->stall_timeout_msecs);
}

int timeouts_init(struct clients *clients)
{
	for (enum timeout timeout = 0; timeout < TIMEOUTS; timeout++) {
		uint64_t msecs = msecs_of(clients, timeout);

		if (msecs > 0 && wheel_init(&clients->timers[timeout], clients->part->slot_count, msecs) != 0)
			return -1;
	}
	return 0;
}

void timeouts_release(struct clients *clients)
{
	for (enum timeout timeout = 0; timeout < TIMEOUTS; timeout++)
		wheel_release(&clients->timers[timeout]);
}

/* ---- timers ---- */

/* When a connection is to be closed if nothing happens until then; CLOCK_NEVER: not for this. */
static uint64_t due_at(const struct clients *clients, const struct client *client, enum timeout timeout)
{
	const struct slot *slot = client->slot;
	uint64_t since = committed(&slot->moved_at);
	uint64_t heard_at = committed(&slot->heard_at);

	if (client->fd < 0 || slot_has(slot, SLOT_ENDED))
		return CLOCK_NEVER;
	if (timeout == TIMEOUT_STALL && (slot_backlog(slot) == 0 || slot_has(slot, SLOT_BROKEN)))
		return CLOCK_NEVER;
	if (timeout == TIMEOUT_IDLE && heard_at > since)
		since = heard_at;
	return since + msecs_of(clients, timeout) + ROUNDING_MSECS;
}

static void look_at(struct clients *clients, const struct client *client, enum timeout timeout, uint64_t at)
{
	if (at != CLOCK_NEVER)
		wheel_set(&clients->timers[timeout], client_number(clients, client), at);
}

/* When the time is over, or a part of it from now. */
static uint64_t soon(const struct clients *clients, const struct client *client, enum timeout timeout)
{
	uint64_t at = due_at(clients, client, timeout);

	if (at == CLOCK_NEVER)
		return at;
	return clock_sooner(at, clock_msecs() + msecs_of(clients, timeout) / LOOKS_A_TIME);
}

void timeouts_begin(struct clients *clients, const struct client *client)
{
	for (enum timeout timeout = 0; timeout < TIMEOUTS; timeout++) {
		if (msecs_of(clients, timeout) > 0)
			look_at(clients, client, timeout, soon(clients, client, timeout));
	}
}

void timeouts_note_queued(struct clients *clients, const struct client *client)
{
	uint64_t msecs = msecs_of(clients, TIMEOUT_STALL);
	uint64_t now;

	if (msecs == 0)
		return;
	now = clock_msecs();
	commit(&client->slot->moved_at, now);
	look_at(clients, client, TIMEOUT_STALL, now + msecs / LOOKS_A_TIME);
}

uint64_t timeouts_next(const struct clients *clients)
{
	return clock_sooner(wheel_next(&clients->timers[TIMEOUT_IDLE]),
			    wheel_next(&clients->timers[TIMEOUT_STALL]));
}

/* ---- looking ---- */

static bool is_due(const struct clients *clients, const struct client *client, enum timeout timeout)
{
	return clock_reached(due_at(clients, client, timeout));
}

static bool is_acknowledged(const struct slot *slot)
{
	return committed(&slot->acked) == committed(&slot->sent);
}

/*
 * A slow reader is no idle one while the kernel still has something for it. If its side has acknowledged more than
 * when last asked, that was at the latest when the kernel last got an acknowledgement (tcpi_last_ack_recv). This may
 * have been a later one that acknowledges no more, as whoever reads nothing sends them: so it is asked more often.
 */
static void note_acknowledged(const struct client *client)
{
	struct slot *slot = client->slot;
	uint64_t sent = committed(&slot->sent);
	struct tcp_info info = { .tcpi_last_ack_recv = 0 };
	socklen_t bytes = sizeof(info);
	uint64_t acked, moved_at;
	int unacked;

	if (ioctl(client->fd, SIOCOUTQ, &unacked) != 0)
		return;
	acked = sent > (uint64_t)unacked ? sent - (uint64_t)unacked : 0;
	if (acked <= committed(&slot->acked) ||
	    getsockopt(client->fd, IPPROTO_TCP, TCP_INFO, &info, &bytes) != 0)
		return;
	moved_at = clock_msecs() - info.tcpi_last_ack_recv + JIFFY_MSECS;
	if (moved_at > committed(&slot->moved_at))
		commit(&slot->moved_at, moved_at);
	commit(&slot->acked, acked);
}

/* Is it this side that holds up a connection: for want of memory, or because the log or the buffer is full? */
static bool is_held_up(const struct clients *clients, const struct client *client, enum timeout timeout)
{
	int unread;

	if (client->outgoing == OUTGOING_STALLED)
		return true;
	if (timeout == TIMEOUT_STALL)
		return false;
	if (client->incoming == INCOMING_STARVED || client_wants_to_receive(clients, client))
		return true;
	return ioctl(client->fd, SIOCINQ, &unread) == 0 && unread > 0;
}

/* After a look: when to look next; CLOCK_NEVER: not before something happens. */
static uint64_t next_look(const struct clients *clients, const struct client *client, enum timeout timeout)
{
	if (is_due(clients, client, timeout)) /* and yet it was not closed, since it is held up */
		return clock_msecs() + msecs_of(clients, timeout);
	if (!is_acknowledged(client->slot))
		return soon(clients, client, timeout);
	return due_at(clients, client, timeout);
}

static void tell(const struct client *client, enum timeout timeout, uint64_t msecs)
{
	bool seconds = msecs % 1000 == 0;
	char text[64];

	snprintf(text, sizeof(text), "%s for %ju %s, closing", timeout == TIMEOUT_IDLE ? "idle" : "stalled",
		 (uintmax_t)(seconds ? msecs / 1000 : msecs), seconds ? "s" : "ms");
	client_tell(client, text);
}

static void end(struct clients *clients, struct client *client, enum timeout timeout)
{
	if (clients->options->verbose)
		tell(client, timeout, msecs_of(clients, timeout));
	client_cut(clients, client, timeout == TIMEOUT_IDLE ? SLOT_IDLE : SLOT_STALLED);
}

/* A timer went off. Whoever is to be closed gets a last turn, in which all that has arrived by now is found. */
static void look(struct clients *clients, struct client *client, enum timeout timeout)
{
	if (client->fd >= 0 && !is_acknowledged(client->slot))
		note_acknowledged(client);
	if (is_due(clients, client, timeout))
		turns_serve_now(clients, client);
	if (is_due(clients, client, timeout) && !is_held_up(clients, client, timeout))
		end(clients, client, timeout);
	look_at(clients, client, timeout, next_look(clients, client, timeout));
}

void timeouts_advance(struct clients *clients)
{
	for (enum timeout timeout = 0; timeout < TIMEOUTS; timeout++) {
		struct wheel *wheel = &clients->timers[timeout];
		int looks = clock_reached(wheel_next(wheel)) ? LOOKS_MAX : 0;
		uint32_t number;

		for (; looks > 0 && (number = wheel_take(wheel, clock_msecs())) != WHEEL_NOBODY; looks--)
			look(clients, &clients->each[number], timeout);
	}
}
