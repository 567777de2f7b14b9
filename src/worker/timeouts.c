/* Closing where nothing happens; run by a worker. See timeouts.h. */
#include "worker/timeouts.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "worker/client.h"
#include "worker/header.h"
#include "worker/report.h"
#include "worker/timers.h"
#include "worker/turns.h"

enum { LOOKS_MAX = 256 /* at clients in a row, before others are served again */ };

static bool is_due(const struct clients *clients, const struct client *client, enum timeout timeout)
{
	return clock_reached(timers_due(clients, client, timeout));
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
	moved_at = clock_msecs() - info.tcpi_last_ack_recv + TIMERS_JIFFY_MSECS;
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
	/* A header that is not complete lies in the socket until it is. */
	return !header_is_awaited(clients, client->slot) && ioctl(client->fd, SIOCINQ, &unread) == 0 &&
	       unread > 0;
}

/* After a look: when to look next; CLOCK_NEVER: not before something happens. */
static uint64_t next_look(const struct clients *clients, const struct client *client, enum timeout timeout)
{
	if (is_due(clients, client, timeout)) /* and yet it was not closed, since it is held up */
		return clock_msecs() + timers_msecs(clients, timeout);
	if (!is_acknowledged(client->slot))
		return timers_soon(clients, client, timeout);
	return timers_due(clients, client, timeout);
}

static void tell(struct clients *clients, const struct client *client, enum timeout timeout, uint64_t msecs)
{
	bool seconds = msecs % 1000 == 0;
	char text[64];

	snprintf(text, sizeof(text), "%s for %ju %s, closing", timeout == TIMEOUT_IDLE ? "idle" : "stalled",
		 (uintmax_t)(seconds ? msecs / 1000 : msecs), seconds ? "s" : "ms");
	report(clients, client, text);
}

static void end(struct clients *clients, struct client *client, enum timeout timeout)
{
	if (clients->options->verbose)
		tell(clients, client, timeout, timers_msecs(clients, timeout));
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
	timers_set(clients, client, timeout, next_look(clients, client, timeout));
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
