/* Messages about connections; run by a worker. See report.h. */
#include "worker/report.h"

#include "common/diag.h"

void report(const struct client *client, const char *what)
{
	char peer[ADDRESS_TEXT_BYTES];

	address_text(&client->slot->peer, peer);
	diag("%s: %s", peer, what);
}

void report_seldom(struct clients *clients, const struct client *client, const char *what)
{
	char peer[ADDRESS_TEXT_BYTES];

	address_text(&client->slot->peer, peer);
	diag_errno_seldom(&clients->complain_at, "%s: %s", peer, what);
}
