/* Messages about connections; run by a worker. See report.h. */
#include "worker/report.h"

#include "common/diag.h"

/* Whom a PROXY header names is believed when it is complete. */
static void write_peer(const struct slot *slot, char text[ADDRESS_TEXT_BYTES])
{
	address_text(slot_header_left(slot) == 0 ? &slot->peer : &slot->real_peer, text);
}

void report(const struct client *client, const char *what)
{
	char peer[ADDRESS_TEXT_BYTES];

	write_peer(client->slot, peer);
	diag("%s: %s", peer, what);
}

void report_seldom(struct clients *clients, const struct client *client, const char *what)
{
	char peer[ADDRESS_TEXT_BYTES];

	write_peer(client->slot, peer);
	diag_errno_seldom(&clients->complain_at, "%s: %s", peer, what);
}
