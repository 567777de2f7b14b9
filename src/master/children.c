/* Starting and ending child processes; run by the master. See children.h. */
#include "master/children.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/clock.h"
#include "common/diag.h"

enum {
	EARLY_DEATH_MSECS = 1000,
	DELAY_FIRST_MSECS = 100,
	DELAY_MOST_MSECS = 5000,
};

static uint32_t number_of(const struct master *master, const struct child *child)
{
	return (uint32_t)(child - master->ledger->children);
}

bool child_is_logger(const struct master *master, const struct child *child)
{
	return number_of(master, child) == master->ledger->workers;
}

/* Leaves the new process with its own region and the budget mapped, and nothing of the others'. */
static void forget_others(struct master *master, uint32_t number)
{
	for (uint32_t i = 0; i <= master->ledger->workers; i++) {
		if (i != number)
			memory_release(&master->child_memory[i]);
	}
	if (number == master->ledger->workers)
		memory_release(&master->budget_memory);
	memory_release(&master->ledger_memory);
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
		.budget = is_logger ? NULL : master->budget_memory.base,
		.key = ledger->key,
		.deadline_at = ledger->shutdown.deadline_at,
		.channel_fd = channel_fd,
		.pipe_fd = ledger->pipe_fds[is_logger ? 0 : 1],
		.relay_fds = { -1, -1 },
		.discard = ledger->output_gone,
	};

	if (is_logger)
		memcpy(seat.relay_fds, ledger->relay_fds, sizeof(seat.relay_fds));
	forget_others(master, number);
	exit(is_logger ? master->crew->logger(&seat) : master->crew->worker(&seat));
}

static int start(struct master *master, struct child *child)
{
	int ends[2];
	pid_t pid;

	child->process = (struct process){
		.channel_fd = -1,
		.program = master->ledger->upgrade.program,
		.started_at = clock_msecs(),
		.resume_at = CLOCK_NEVER,
	};
	if (channel_open(ends) != 0)
		return -1;
	pid = fork();
	if (pid == 0)
		become(master, number_of(master, child), ends[1]);
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return -1;
	}
	child->process.pid = pid;
	child->process.channel_fd = ends[0];
	child->restart_at = CLOCK_NEVER;
	return 0;
}

void children_start_due(struct master *master)
{
	uint64_t now = clock_msecs();

	for (uint32_t i = 0; i <= master->ledger->workers; i++) {
		struct child *child = &master->ledger->children[i];

		if (child->restart_at > now)
			continue;
		if (start(master, child) != 0) {
			diag_errno("cannot start a process");
			child_restart(child);
		}
	}
}

uint64_t children_next_start(const struct master *master)
{
	uint64_t next_at = CLOCK_NEVER;

	for (uint32_t i = 0; i <= master->ledger->workers; i++)
		next_at = clock_sooner(next_at, master->ledger->children[i].restart_at);
	return next_at;
}

bool children_reap(struct master *master, struct child_end *end)
{
	for (;;) {
		pid_t pid = waitpid(-1, &end->status, WNOHANG);

		if (pid <= 0) /* 0: those that are left live; ECHILD: none is left */
			return false;
		if (pid == master->ledger->upgrade.checker_pid) {
			end->child = NULL;
			return true;
		}
		for (uint32_t i = 0; i <= master->ledger->workers; i++) {
			struct child *child = &master->ledger->children[i];

			if (child->process.pid != pid)
				continue;
			child_hang_up(child);
			child->process.pid = 0;
			end->child = child;
			return true;
		}
	}
}

void child_hang_up(struct child *child)
{
	if (child->process.channel_fd >= 0)
		close(child->process.channel_fd);
	child->process.channel_fd = -1;
	child->process.ready = false;
}

void child_restart(struct child *child)
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

void child_report_end(const struct master *master, const struct child_end *end)
{
	const struct child *child = end->child;
	bool is_logger = child_is_logger(master, child);
	char who[32] = "logger";
	char what[64] = "";

	if (!is_logger)
		snprintf(who, sizeof(who), "worker %u", number_of(master, child));
	if (child->restart_at != CLOCK_NEVER && child->delay_msecs == 0)
		snprintf(what, sizeof(what), ", starting another");
	else if (child->restart_at != CLOCK_NEVER)
		snprintf(what, sizeof(what), ", starting another in %u ms", child->delay_msecs);
	if (WIFSIGNALED(end->status))
		diag("%s: killed by signal %d (%s)%s", who, WTERMSIG(end->status),
		     strsignal(WTERMSIG(end->status)), what);
	else
		diag("%s: exited with status %d%s", who, WEXITSTATUS(end->status), what);
}

void child_kill(const struct child *child)
{
	/* Its only failure, that there is no such process, cannot be: nobody else reaps it. */
	if (child->process.pid != 0)
		kill(child->process.pid, SIGKILL);
}

void child_await(struct child *child)
{
	if (child->process.pid == 0)
		return;
	while (waitpid(child->process.pid, NULL, 0) < 0 && errno == EINTR)
		errno = 0;
	child->process.pid = 0;
}
