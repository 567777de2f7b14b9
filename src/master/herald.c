/* Messages into the log; run by the master. See herald.h. */
#include "master/herald.h"

#include "master/children.h"

/*
 * What there is to say at the start comes before the log, which stands at the beginning of a line until clients are
 * served; what there is to say at the end comes after it.
 */
bool herald_send(const struct master *master, const char *line, size_t length, enum message_wait wait)
{
	const struct ledger *ledger = master->ledger;
	struct record origin = { .slot = RECORD_OF_MASTER,
				 .seal = record_seal(ledger->record_key, RECORD_OF_MASTER, 0, NULL) };

	if ((ledger->phase != PHASE_SERVING && ledger->phase != PHASE_DRAINING) || ledger->output_gone ||
	    !children_log(master))
		return false;
	return message_send(ledger->pipe_fds[1], &origin, master->options, line, length, wait);
}
