/* The lives of child processes; run by the master. See children.h. */
#include "master/children.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/clock.h"
#include "common/diag.h"
#include "common/title.h"
#include "master/hearsay.h"
#include "master/pool.h"

enum {
	EARLY_DEATH_MSECS = 1000,
	DELAY_FIRST_MSECS = 100,
	DELAY_MOST_MSECS = 5000,
	/* A child that is not there after a wait of so long, and is needed for anything to go on, will not be. */
	DELAY_FUTILE_MSECS = 400,
	/* No child has so much to say at once; one that has gone mad must not keep the master from the others. */
	HEAR_MAX = 64,
	DEAF_MSECS = 5,
	WIPE_BYTES = 1 << 16, /* deeper than any call of the master's goes */
	LOOKS_MAX = 64,       /* at what a dead child has said: more messages than a channel has room for */
};

/* ---- the beginning ---- */

/* What calls that have returned left behind: keys, addresses of others' clients. */
__attribute__((noinline)) static void wipe_stack(void)
{
	uint8_t dead[WIPE_BYTES];

	explicit_bzero(dead, sizeof(dead));
}

/*
 * Leaves the new process with its own region and the budget mapped, and nothing of the others', nor what the master's
 * own memory knows of them, which a fork copies.
 */
static void forget_others(struct master *master, uint32_t number)
{
	explicit_bzero(&master->census, sizeof(master->census)); /* its tables are in no child's memory */
	wipe_stack();
	for (uint32_t i = 0; i <= master->ledger->workers; i++) {
		if (i != number)
			memory_release(&master->child_memory[i]);
	}
	if (number == master->ledger->workers)
		memory_release(&master->budget_memory);
	memory_release(&master->ledger_memory);
}

/* Worker or logger, and which: for ps(1). */
static void show_as(const struct master *master, uint32_t number)
{
	char title[sizeof("echod: worker 4294967295")] = "echod: logger";

	if (number < master->ledger->workers)
		snprintf(title, sizeof(title), "echod: worker %u", number);
	title_set(master->argv, title);
}

_Noreturn static void become(struct master *master, uint32_t number, int channel_fd)
{
	const struct ledger *ledger = master->ledger;
	bool is_logger = number == ledger->workers;
	struct seat seat = {
		.options = master->options,
		.name = is_logger ? "echod-logger" : "echod-worker",
		.number = number,
		.memory = master->child_memory[number],
		.budget = { .fd = -1 },
		.deadline_at = ledger->shutdown.deadline_at,
		.channel_fd = channel_fd,
		.pipe_fd = ledger->pipe_fds[is_logger ? 0 : 1],
		.relay_fds = { -1, -1 },
		.reread_fd = is_logger ? ledger->reread_fd : -1,
		.discard = ledger->output_gone,
	};

	if (is_logger) {
		memcpy(seat.relay_fds, ledger->relay_fds, sizeof(seat.relay_fds));
		memcpy(seat.record_key, ledger->record_key, sizeof(seat.record_key));
	} else {
		seat.budget = master->budget_memory;
		seat.in_hand_seal = ledger->children[number].owed.seal;
		seat.message_seal = record_seal(ledger->record_key, RECORD_OF_WORKERS + number, 0, NULL);
	}
	show_as(master, number);
	diag_through(NULL, NULL);
	forget_others(master, number);
	exit(is_logger ? master->crew->logger(&seat) : master->crew->worker(&seat));
}

static int start(struct master *master, uint32_t number)
{
	struct child *child = &master->ledger->children[number];
	int ends[2];
	pid_t pid;

	child->process = (struct process){
		.channel_fd = -1,
		.program = master->ledger->upgrade.program,
		.started_at = clock_msecs(),
		.resume_at = CLOCK_NEVER,
		.hear_at = CLOCK_NEVER,
	};
	if (channel_open(ends) != 0)
		return -1;
	pid = fork();
	if (pid == 0)
		become(master, number, ends[1]);
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return -1;
	}
	child->process.pid = pid;
	child->process.channel_fd = ends[0];
	child->restart_at = CLOCK_NEVER;
	child->absent = false;
	return 0;
}

static void plan_restart(struct child *child)
{
	uint64_t now = clock_msecs();

	if (child->process.expected || now - child->process.started_at >= EARLY_DEATH_MSECS)
		child->delay_msecs = 0;
	else if (child->delay_msecs == 0)
		child->delay_msecs = DELAY_FIRST_MSECS;
	else if (child->delay_msecs < DELAY_MOST_MSECS / 2)
		child->delay_msecs *= 2;
	else
		child->delay_msecs = DELAY_MOST_MSECS;
	child->restart_at = now + child->delay_msecs;
	child->restarts++;
}

uint64_t children_next(const struct master *master)
{
	uint64_t next_at = CLOCK_NEVER;

	for (uint32_t i = 0; i <= master->ledger->workers; i++) {
		const struct child *child = &master->ledger->children[i];

		next_at = clock_sooner(next_at, child->restart_at);
		next_at = clock_sooner(next_at, child->process.hear_at);
		next_at = clock_sooner(next_at, hearsay_next(&child->process));
	}
	return next_at;
}

void children_advance(struct master *master)
{
	struct child *children = master->ledger->children;

	for (uint32_t i = 0; i <= master->ledger->workers; i++) {
		if (clock_reached(children[i].process.hear_at))
			children[i].process.hear_at = CLOCK_NEVER;
		hearsay_advance(master, i);
		if (clock_reached(children[i].restart_at) && start(master, i) != 0) {
			plan_restart(&children[i]);
			children[i].absent = true;
			diag_errno_seldom(&master->start_complain_at, "cannot start a process");
		}
	}
}

bool children_are_futile(const struct master *master)
{
	const struct ledger *ledger = master->ledger;
	bool futile = false;

	for (uint32_t i = 0; i <= ledger->workers; i++) {
		const struct child *child = &ledger->children[i];

		if (child->delay_msecs > DELAY_FUTILE_MSECS && child->restart_at != CLOCK_NEVER &&
		    (child->absent || ledger->phase == PHASE_STARTING))
			futile = true;
	}
	return futile;
}

bool children_log(const struct master *master)
{
	const struct child *logger = ledger_logger(master->ledger);

	return logger->process.pid != 0 || (!logger->absent && logger->delay_msecs <= DELAY_FUTILE_MSECS);
}

/* ---- the channel ---- */

static void hang_up(struct process *process)
{
	if (process->channel_fd >= 0)
		close(process->channel_fd);
	process->channel_fd = -1;
	process->ready = false;
}

static void heed(struct master *master, uint32_t number, const struct channel_message *message)
{
	struct process *process = &master->ledger->children[number].process;
	bool is_worker = number < master->ledger->workers;

	if (process->forbidden) /* then it ends, and says nothing more */
		process_kill(process);
	else if (message->type == CHANNEL_READY)
		process->ready = true;
	else if (message->type == CHANNEL_DONE && is_worker)
		pool_done(&master->workers[number], message->slots, message->count);
	else if (message->type == CHANNEL_REFUSED && is_worker && message->count == 1)
		pool_refused(&master->workers[number], message->slots[0]);
	else if (message->type == CHANNEL_KNOWN && is_worker && message->count == 1)
		pool_known(master, &master->workers[number], message->slots[0]);
	else if (message->type == CHANNEL_TEXT && is_worker)
		hearsay_text(master, number, message);
	else if (message->type == CHANNEL_FORBIDDEN && message->count == 1)
		hearsay_forbidden(master, number, message);
	process->forbidden |= message->type == CHANNEL_FORBIDDEN;
}

void children_hear(struct master *master, uint32_t number)
{
	struct process *process = &master->ledger->children[number].process;
	struct channel_message message;

	for (int heard = 0; heard < HEAR_MAX; heard++) {
		/* Nobody has a descriptor to send to the master. */
		switch (channel_receive(process->channel_fd, &message, NULL)) {
		case CHANNEL_MESSAGE:
			heed(master, number, &message);
			break;
		case CHANNEL_EMPTY:
			return;
		case CHANNEL_FAILED:
			process_kill(process); /* its successor may talk sense */
			return;
		case CHANNEL_CLOSED:
			hang_up(process);
			/* It comes to its end, or pretends to: SIGCHLD tells the rest. */
			process_kill(process);
			return;
		}
	}
	process->hear_at = clock_msecs() + DEAF_MSECS;
}

bool children_is_heard(const struct child *child)
{
	return child->process.hear_at == CLOCK_NEVER;
}

/* ---- the end ---- */

static bool exited_with(int status, int exit_status)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == exit_status;
}

static void report_end(const struct master *master, uint32_t number, int status)
{
	const struct child *child = &master->ledger->children[number];
	char who[HEARSAY_NAME_BYTES];
	char when[32] = "";

	hearsay_name(master, number, who);
	if (child->delay_msecs > 0)
		snprintf(when, sizeof(when), " in %u ms", child->delay_msecs);
	if (WIFSIGNALED(status))
		diag("%s: killed by signal %d (%s), starting another%s", who, WTERMSIG(status),
		     strsignal(WTERMSIG(status)), when);
	else
		diag("%s: exited with status %d, starting another%s", who, WEXITSTATUS(status), when);
}

static bool is_message_left(const struct process *process)
{
	struct pollfd look = { .fd = process->channel_fd, .events = POLLIN };

	return process->channel_fd >= 0 && poll(&look, 1, 0) > 0 && (look.revents & POLLIN) != 0;
}

/* What a dead child had to say, perhaps since the last look; then the channel is at its end. */
static void hear_out(struct master *master, uint32_t number)
{
	struct process *process = &master->ledger->children[number].process;

	for (int looks = 0; looks < LOOKS_MAX && is_message_left(process); looks++)
		children_hear(master, number);
	hearsay_end(master, number);
	hang_up(process);
}

static void bury(struct master *master, uint32_t number, int status)
{
	struct ledger *ledger = master->ledger;
	struct child *child = &ledger->children[number];
	bool is_logger = number == ledger->workers;
	bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	bool finished = exited_with(status, 0) && ledger->phase >= PHASE_DRAINING;

	child->process.pid = 0;
	hear_out(master, number);
	if (!is_logger) {
		pool_bury(&master->workers[number], !killed);
		finished = finished && master->workers[number].clients == 0;
	} else if (exited_with(status, SEAT_OUTPUT_GONE)) {
		ledger->output_gone = ledger->failed = true; /* another logger will empty the pipe */
	}
	if (finished)
		return;
	plan_restart(child);
	if (!child->process.expected && !(is_logger && ledger->output_gone))
		report_end(master, number, status);
}

void children_bury(struct master *master, pid_t pid, int status)
{
	for (uint32_t i = 0; i <= master->ledger->workers; i++) {
		if (master->ledger->children[i].process.pid == pid)
			bury(master, i, status);
	}
}

void children_replace(struct child *child)
{
	child->process.ready = false;
	child->process.expected = true;
	process_kill(&child->process);
}

void children_end(struct master *master)
{
	struct ledger *ledger = master->ledger;

	for (uint32_t i = 0; i <= ledger->workers; i++)
		children_replace(&ledger->children[i]);
	for (uint32_t i = 0; i <= ledger->workers; i++) {
		struct child *child = &ledger->children[i];

		while (child->process.pid != 0 && waitpid(child->process.pid, NULL, 0) < 0 && errno == EINTR)
			continue;
		hang_up(&child->process);
		child->process.pid = 0;
		child->restart_at = CLOCK_NEVER;
	}
}
