/* Results of system calls; run by a worker. See outcome.h. */
#include "worker/outcome.h"

#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "common/commit.h"
#include "common/passing.h"
#include "worker/report.h"
#include "worker/timers.h"

/* What has broken a connection, as errno says, if it was not its client. */
static uint32_t failure(void)
{
	return errno == ECONNRESET || errno == EPIPE ? 0 : SLOT_FAILED;
}

void outcome_sent(struct clients *clients, struct client *client, size_t count, ssize_t result)
{
	struct slot *slot = client->slot;
	int unacked;

	if (result > 0) {
		timers_note_sent(clients, slot);
		commit(&slot->sent, committed(&slot->sent) + (uint64_t)result);
		client->outgoing = (size_t)result == count ? OUTGOING_OPEN : OUTGOING_FULL;
	} else if (!error_passes(errno)) {
		slot_set(slot, SLOT_BROKEN | failure());
	} else if (errno == EAGAIN && ioctl(client->fd, SIOCOUTQ, &unacked) == 0 && unacked > 0) {
		client->outgoing = OUTGOING_FULL;
	} else {
		if (errno != EAGAIN)
			report_errno(clients, client, "sending, trying again");
		client->outgoing = OUTGOING_STALLED;
		queue_add(&clients->lacking, client_number(clients, client));
	}
}

void outcome_starve(struct clients *clients, struct client *client)
{
	client->incoming = INCOMING_STARVED;
	queue_add(&clients->lacking, client_number(clients, client));
}

void outcome_nothing(struct clients *clients, struct client *client, ssize_t result)
{
	struct slot *slot = client->slot;

	if (result == 0) {
		slot_set(slot, SLOT_PEER_DONE);
	} else if (errno == EAGAIN) {
		client->incoming = INCOMING_NONE;
		client->eager = false;
	} else if (!error_passes(errno)) {
		slot_set(slot, SLOT_PEER_DONE | SLOT_BROKEN | failure());
	} else if (errno != EINTR) {
		report_errno(clients, client, "receiving, trying again");
		outcome_starve(clients, client);
	}
}

bool outcome_received(struct clients *clients, struct client *client, uint64_t room, ssize_t result)
{
	struct slot *slot = client->slot;

	if (result <= 0) {
		outcome_nothing(clients, client, result);
		return false;
	}
	if ((uint64_t)result < room && client->incoming == INCOMING_SOME)
		client->incoming = INCOMING_NONE;
	client->eager = result > RECORD_PAYLOAD_MAX_BYTES || (uint64_t)result == room;
	timers_note_received(clients, slot);
	commit(&slot->received, committed(&slot->received) + (uint64_t)result);
	return true;
}
