/* Who has enough connections; run by the master. See address_limit.h. */
#include "master/address_limit.h"

#include <string.h>

#include "common/clock.h"
#include "common/diag.h"
#include "master/census.h"

enum { TELL_MSECS = 1000 };

static bool is_untold(const struct refusals *refusals)
{
	return refusals->told < refusals->count;
}

static void note(struct refusals *refusals, const struct address *peer)
{
	struct network network = network_of(peer);

	if (!is_untold(refusals)) {
		refusals->first = network;
		refusals->others = false;
	} else if (memcmp(&network, &refusals->first, sizeof(network)) != 0) {
		refusals->others = true;
	}
	refusals->count++;
}

bool address_limit_refuses(struct master *master, const struct address *peer)
{
	unsigned most = master->options->max_per_address;

	if (most == 0 || census_of(&master->census, peer) < most)
		return false;
	note(&master->ledger->refusals, peer);
	return true;
}

uint64_t address_limit_next(const struct master *master)
{
	const struct refusals *refusals = &master->ledger->refusals;

	return is_untold(refusals) ? refusals->told_at + TELL_MSECS : CLOCK_NEVER;
}

void address_limit_advance(struct master *master)
{
	if (clock_reached(address_limit_next(master)))
		address_limit_finish(master);
}

void address_limit_finish(struct master *master)
{
	struct refusals *refusals = &master->ledger->refusals;
	uint64_t untold = refusals->count - refusals->told;
	char first[NETWORK_TEXT_BYTES];

	if (untold == 0)
		return;
	network_text(&refusals->first, first);
	diag("%ju connection%s closed at once, from %s%s: --max-per-address=%u", (uintmax_t)untold,
	     untold == 1 ? "" : "s", first, refusals->others ? " and others" : "",
	     master->options->max_per_address);
	refusals->told = refusals->count;
	refusals->told_at = clock_msecs();
}
