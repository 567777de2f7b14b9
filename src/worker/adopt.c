/*
 * From what a predecessor left to a connection that is served; run by a worker. See adopt.h.
 *
 * A fresh connection, one that a dead worker left, one that did not fit the last time, and one that
 * survives an upgrade are adopted in the same way.
 */
#include "worker/adopt.h"

#include "common/commit.h"
#include "worker/client.h"
#include "worker/header.h"
#include "worker/recover.h"
#include "worker/report.h"
#include "worker/timers.h"

enum { ATTEMPTS_MAX = 50 }; /* with the master's pauses some 5 s */

enum outcome { TAKEN_OVER, TRY_LATER, DISAGREES, GIVEN_UP };

/*
 * Brings the counters up to what the predecessor's last system call did, if that was cut off from
 * its commit. False if they cannot be those of this connection.
 */
static bool repair(const struct clients *clients, struct slot *slot, const struct recovered *truth,
		   const struct chunk *in_hand)
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
		bool complete = truth->at_end && in_hand == NULL && truth->received == received &&
				slot_backlog(slot) == 0;

		slot_set(slot, complete ? SLOT_PEER_DONE | SLOT_SHUT : SLOT_BROKEN);
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
	if (truth->received > received)
		timers_note_received(clients, slot);
	commit(&slot->received, truth->received);
	if (truth->sent > sent)
		timers_note_sent(clients, slot);
	commit_at("repair", &slot->sent, truth->sent);
	return true;
}

/*
 * Asks the kernel what the predecessors did on the connection and finishes that. There is nothing to
 * ask about one that is untouched: nothing was received on it.
 */
static enum outcome take_over(struct clients *clients, struct client *client)
{
	struct slot *slot = client->slot;
	const struct chunk *in_hand = tap_in_hand(clients->tap);
	struct recovered truth;

	if (slot_has(slot, SLOT_ENDED) && !slot_has(slot, SLOT_DAMAGED))
		return slot_is_over(slot) ? TAKEN_OVER : DISAGREES;
	if (slot_has(slot, SLOT_GIVEN_UP))
		return GIVEN_UP;
	if (slot_has(slot, SLOT_DAMAGED))
		return DISAGREES;
	if (slot_is_untouched(slot))
		return TAKEN_OVER;
	if (in_hand != NULL && committed(&in_hand->slot) != client_number(clients, client))
		in_hand = NULL;
	if (recover_stream(client->fd, &truth) != 0)
		return ++client->attempts < ATTEMPTS_MAX ? TRY_LATER : DISAGREES;
	client->attempts = 0;
	if (!header_recover(slot, &truth) || !repair(clients, slot, &truth, in_hand))
		return DISAGREES;
	if (in_hand != NULL && committed(&slot->received) > in_hand->offset)
		client_settle(clients, client);
	else if (in_hand != NULL)
		tap_withdraw(clients->tap);
	return TAKEN_OVER;
}

struct client *adopt(struct clients *clients, uint32_t index, int fd)
{
	struct client *client = &clients->each[index];

	client_open(clients, client, fd);
	switch (take_over(clients, client)) {
	case TAKEN_OVER:
		if (tap_in_hand(clients->tap) !=
		    NULL) /* of a connection that has none by its other counters */
			tap_abandon_in_hand(clients->tap);
		break;
	case TRY_LATER:
		client_let_go(clients, client);
		return NULL;
	case DISAGREES:
		report(clients, client,
		       client->attempts == ATTEMPTS_MAX ? "the kernel does not tell its state, closing"
							: "connection and table disagree, closing");
		__attribute__((fallthrough));
	case GIVEN_UP:
		slot_set(client->slot, SLOT_CUT | SLOT_BROKEN | SLOT_FAILED);
		tap_abandon_in_hand(clients->tap);
	}
	if (client_is_worth_telling(clients, client))
		client_catch_up(clients, client);
	return client;
}
