/* Messages about connections; run by a worker. See report.h. */
#include "worker/report.h"

#include "common/channel.h"
#include "common/diag.h"

/* Whom a PROXY header names is believed when it is complete. */
static const struct address *peer_of(const struct slot *slot)
{
	return slot_header_left(slot) == 0 ? &slot->peer : &slot->real_peer;
}

/* From here to end() messages are about this client. */
static void begin(struct clients *clients, const struct client *client, char peer[ADDRESS_TEXT_BYTES])
{
	clients->about = client;
	address_text(peer_of(client->slot), peer);
}

static void end(struct clients *clients)
{
	clients->about = NULL;
}

void report(struct clients *clients, const struct client *client, const char *what)
{
	char peer[ADDRESS_TEXT_BYTES];

	begin(clients, client, peer);
	diag("%s: %s", peer, what);
	end(clients);
}

void report_errno(struct clients *clients, const struct client *client, const char *what)
{
	char peer[ADDRESS_TEXT_BYTES];

	begin(clients, client, peer);
	diag_errno_seldom(&clients->complain_at, "%s: %s", peer, what);
	end(clients);
}

void report_refusal(struct clients *clients, const struct client *client, const char *why)
{
	char peer[ADDRESS_TEXT_BYTES];

	begin(clients, client, peer);
	diag_seldom(&clients->refuse_tell_at, "%s: %s, closing", peer, why);
	end(clients);
}

struct record report_origin(const struct clients *clients, uint64_t own_seal)
{
	const struct part *part = clients->part;
	const struct client *client = clients->about;

	if (client == NULL)
		return (struct record){ .slot = RECORD_OF_WORKERS + part->plan.number, .seal = own_seal };
	return (struct record){ .slot = part->plan.first_slot + client_number(clients, client),
				.generation = client->slot->generation,
				.seal = clients->tap->seals[client_number(clients, client)],
				.peer = *peer_of(client->slot) };
}

uint64_t report_about(const struct clients *clients)
{
	return clients->about != NULL ? client_number(clients, clients->about) : CHANNEL_NOBODY;
}
