/* Lines of children; run by the master. See hearsay.h. */
#include "master/hearsay.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/diag.h"
#include "common/message.h"
#include "master/calls.h"
#include "master/herald.h"

enum {
	LINE_MSECS = 10, /* what a line costs */
	AHEAD_MSECS = 10000,
	TELL_MSECS = 10000, /* between two messages about what is left out */
};

void hearsay_name(const struct master *master, uint32_t number, char name[HEARSAY_NAME_BYTES])
{
	if (number < master->ledger->workers)
		snprintf(name, HEARSAY_NAME_BYTES, "worker %u", number);
	else
		snprintf(name, HEARSAY_NAME_BYTES, "logger");
}

/* ---- too much ---- */

static void tell(struct master *master, uint32_t number, struct speech *speech)
{
	char name[HEARSAY_NAME_BYTES];

	hearsay_name(master, number, name);
	diag("%s: %u of its messages left out", name, speech->left_out);
	speech->left_out = 0;
	speech->tell_at = clock_msecs() + TELL_MSECS;
}

/* May a child say one more line? Then it has. */
static bool takes_line(struct master *master, uint32_t number)
{
	struct speech *speech = &master->ledger->children[number].process.speech;
	uint64_t now = clock_msecs();

	if (speech->paid_until < now)
		speech->paid_until = now;
	if (speech->paid_until >= now + AHEAD_MSECS)
		return false;
	speech->paid_until += LINE_MSECS;
	return true;
}

uint64_t hearsay_next(const struct process *process)
{
	return process->speech.left_out > 0 ? process->speech.tell_at : CLOCK_NEVER;
}

void hearsay_advance(struct master *master, uint32_t number)
{
	struct process *process = &master->ledger->children[number].process;

	if (clock_reached(hearsay_next(process)))
		tell(master, number, &process->speech);
}

static void leave_out(struct master *master, uint32_t number)
{
	master->ledger->children[number].process.speech.left_out++;
	hearsay_advance(master, number);
}

void hearsay_end(struct master *master, uint32_t number)
{
	struct speech *speech = &master->ledger->children[number].process.speech;

	if (speech->left_out > 0)
		tell(master, number, speech);
}

/* ---- lines ---- */

/* Does the line begin as one about this connection of the worker does? A header may name another client. */
static bool is_about(const struct pool_worker *worker, uint64_t slot, const struct channel_message *message)
{
	if (slot >= worker->ledger->worker_slots || !worker->connections[slot].was_sent)
		return false;
	if (message_is_sound(0, &worker->connections[slot].peer, message->text, message->count))
		return true;
	return worker->options->proxy_protocol &&
	       message_is_sound(0, &worker->part->slots[slot].peer, message->text, message->count);
}

static bool is_its_own(const struct pool_worker *worker, uint32_t number,
		       const struct channel_message *message)
{
	if (message->about != CHANNEL_NOBODY)
		return is_about(worker, message->about, message);
	return message_is_sound(RECORD_OF_WORKERS + number, NULL, message->text, message->count);
}

/* Says a line; false if it belongs into the log, where the worker has found no room for it, and there still is none. */
static bool say(const struct master *master, const char *line, size_t length)
{
	if (master->options->messages_in_log)
		return herald_pass_on(master, line, length);
	diag_straight(line, length);
	return true;
}

void hearsay_text(struct master *master, uint32_t number, const struct channel_message *message)
{
	if (!is_its_own(&master->workers[number], number, message) || !takes_line(master, number) ||
	    !say(master, message->text, message->count))
		leave_out(master, number);
}

void hearsay_forbidden(struct master *master, uint32_t number, const struct channel_message *message)
{
	char name[HEARSAY_NAME_BYTES];

	hearsay_name(master, number, name);
	if (takes_line(master, number))
		diag("%s: forbidden system call %s", name, calls_name(message->slots[0]));
	else
		leave_out(master, number);
}
