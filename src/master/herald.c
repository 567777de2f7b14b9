/* Messages into the log; run by the master. See herald.h. */
#include "master/herald.h"

#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "common/diag.h"
#include "common/message.h"
#include "master/children.h"

enum { PAUSE_MSECS = 50 }; /* after a call that failed, and not for want of room */

/*
 * What there is to say at the start comes before the log, which stands at the beginning of a line until clients are
 * served; what there is to say at the end comes after it.
 */
static bool belongs_in_log(const struct master *master)
{
	const struct ledger *ledger = master->ledger;

	return ledger->phase >= PHASE_SERVING && ledger->phase < PHASE_OVER && !ledger->output_gone &&
	       children_log(master);
}

/* False if there is no room. */
static bool put(const struct master *master, const char *line, size_t length)
{
	struct ledger *ledger = master->ledger;
	struct record origin = { .slot = RECORD_OF_MASTER,
				 .seal = record_seal(ledger->record_key, RECORD_OF_MASTER, 0, NULL) };

	if (ledger->pipe_fds[1] < 0)
		return false;
	if (message_send(ledger->pipe_fds[1], &origin, master->options, line, length))
		return true;
	ledger->waiting_lines.retry_at = errno == EAGAIN ? 0 : clock_msecs() + PAUSE_MSECS;
	return false;
}

static void keep(struct waiting_lines *waiting, const char *line, size_t length)
{
	if (waiting->left_out > 0 || length > sizeof(waiting->text) - waiting->bytes) {
		waiting->left_out++;
		return;
	}
	memcpy(waiting->text + waiting->bytes, line, length);
	waiting->bytes += (uint32_t)length;
}

/* Moves on to the log, or to stderr, what waits and finds room there. */
static void move_on(const struct master *master, bool into_log)
{
	struct waiting_lines *waiting = &master->ledger->waiting_lines;
	uint32_t done = 0;

	while (done < waiting->bytes) {
		const char *line = waiting->text + done;
		const char *newline = memchr(line, '\n', waiting->bytes - done);
		size_t length = newline != NULL ? (size_t)(newline + 1 - line) : waiting->bytes - done;

		if (!into_log)
			diag_straight(line, length);
		else if (!put(master, line, length))
			break;
		done += (uint32_t)length;
	}
	memmove(waiting->text, waiting->text + done, waiting->bytes - done);
	waiting->bytes -= done;
}

bool herald_take(const void *context, const char *line, size_t length)
{
	const struct master *master = context;
	struct waiting_lines *waiting = &master->ledger->waiting_lines;

	if (!belongs_in_log(master)) {
		herald_advance(master);
		return false;
	}
	if (waiting->bytes > 0 || !put(master, line, length))
		keep(waiting, line, length);
	return true;
}

bool herald_pass_on(const struct master *master, const char *line, size_t length)
{
	return master->ledger->waiting_lines.bytes == 0 && belongs_in_log(master) &&
	       put(master, line, length);
}

bool herald_waits(const struct master *master)
{
	return master->ledger->waiting_lines.bytes > 0 && belongs_in_log(master);
}

struct pollfd herald_watch(const struct master *master)
{
	const struct ledger *ledger = master->ledger;
	bool watches = herald_waits(master) && ledger->waiting_lines.retry_at == 0;

	return (struct pollfd){ .fd = watches ? ledger->pipe_fds[1] : -1, .events = POLLOUT };
}

uint64_t herald_next(const struct master *master)
{
	uint64_t retry_at = master->ledger->waiting_lines.retry_at;

	return herald_waits(master) && retry_at != 0 ? retry_at : CLOCK_NEVER;
}

void herald_advance(const struct master *master)
{
	struct waiting_lines *waiting = &master->ledger->waiting_lines;
	uint32_t left_out = waiting->left_out;

	move_on(master, belongs_in_log(master));
	if (waiting->bytes > 0 || left_out == 0)
		return;
	waiting->left_out = 0;
	diag("%u message%s left out", left_out, left_out == 1 ? "" : "s");
}
