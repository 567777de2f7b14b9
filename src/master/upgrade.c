/* Upgrade in place; run by the master, and by the program that is to become it. See upgrade.h. */
#include "master/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/diag.h"
#include "master/children.h"

#define CHECK_VARIABLE  "ECHOD_UPGRADE_CHECK"
#define RESUME_VARIABLE "ECHOD_UPGRADE_RESUME"

enum { CHECK_MSECS = 5000 };

static char program[PATH_MAX];

void upgrade_note_program(void)
{
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);

	program[length > 0 ? length : 0] = '\0';
}

static bool take_variable(const char *name, int *fd)
{
	const char *value = getenv(name);

	if (value == NULL)
		return false;
	*fd = atoi(value);
	unsetenv(name);
	return true;
}

enum upgrade_role upgrade_role(int *ledger_fd)
{
	if (take_variable(CHECK_VARIABLE, ledger_fd))
		return UPGRADE_CHECK;
	if (take_variable(RESUME_VARIABLE, ledger_fd))
		return UPGRADE_RESUME;
	return UPGRADE_NONE;
}

/* Only returns if the program cannot be executed; errno says why. */
static void execute(const struct master *master, const char *variable)
{
	char fd[16];

	snprintf(fd, sizeof(fd), "%d", master->ledger->memory_fd);
	if (setenv(variable, fd, 1) != 0)
		return;
	execv(program, master->argv);
	unsetenv(variable);
}

_Noreturn static void check(const struct master *master)
{
	unsigned ledger_fd = (unsigned)master->ledger->memory_fd;
	int null_fd = open("/dev/null", O_RDWR);

	/* It gets the ledger and stderr, and nothing that could disturb what is going on. */
	if (null_fd >= 0 && dup2(null_fd, STDIN_FILENO) >= 0 && dup2(null_fd, STDOUT_FILENO) >= 0 &&
	    close_range(STDERR_FILENO + 1, ledger_fd - 1, 0) == 0 && close_range(ledger_fd + 1, ~0U, 0) == 0)
		execute(master, CHECK_VARIABLE);
	_exit(1);
}

void upgrade_request(struct master *master)
{
	struct ledger *ledger = master->ledger;
	pid_t pid;

	if (ledger->phase != PHASE_SERVING || ledger->upgrade.checker_pid != 0) {
		diag("upgrade: not now");
		return;
	}
	if (access(program, X_OK) != 0) {
		diag_errno("upgrade: %s", program);
		return;
	}
	ledger->upgrade.proof = false;
	pid = fork();
	if (pid == 0)
		check(master);
	if (pid < 0) {
		diag_errno("upgrade: cannot start a process");
		return;
	}
	ledger->upgrade.checker_pid = pid;
	ledger->upgrade.checker_at = clock_msecs() + CHECK_MSECS;
}

int upgrade_prove(int ledger_fd, const struct crew *crew)
{
	struct memory memory;
	struct stat status;
	struct ledger *ledger;

	if (fstat(ledger_fd, &status) != 0 || memory_attach(&memory, ledger_fd, (size_t)status.st_size) != 0)
		return 1;
	ledger = memory.base;
	if (ledger_fits(ledger, memory.bytes, crew->logger_memory_bytes))
		ledger->upgrade.proof = true;
	memory_release(&memory);
	return 0;
}

void upgrade_give_up(struct master *master)
{
	struct ledger *ledger = master->ledger;

	if (ledger->upgrade.checker_pid == 0)
		return;
	ledger->upgrade.checker_at = CLOCK_NEVER; /* once is enough: its end is told by SIGCHLD */
	kill(ledger->upgrade.checker_pid, SIGKILL);
}

void upgrade_bury(struct master *master, pid_t pid)
{
	struct ledger *ledger = master->ledger;

	if (pid != ledger->upgrade.checker_pid)
		return;
	ledger->upgrade.checker_pid = 0;
	ledger->upgrade.checker_at = CLOCK_NEVER;
	if (!ledger->upgrade.proof) {
		diag("upgrade: %s cannot go on with what is in memory here, the old program stays", program);
		return;
	}
	if (ledger->phase != PHASE_SERVING)
		return;
	execute(master, RESUME_VARIABLE);
	diag_errno("upgrade: %s", program);
}

static void replace_children(struct ledger *ledger)
{
	struct upgrade_state *upgrade = &ledger->upgrade;

	while (upgrade->replacing <= ledger->workers) {
		struct child *child = &ledger->children[upgrade->replacing];

		if (!child->process.ready)
			return;
		if (child->process.program != upgrade->program)
			children_replace(child);
		else
			upgrade->replacing++;
	}
}

uint64_t upgrade_next(const struct master *master)
{
	return master->ledger->upgrade.checker_at;
}

void upgrade_advance(struct master *master)
{
	if (clock_reached(master->ledger->upgrade.checker_at))
		upgrade_give_up(master);
	replace_children(master->ledger);
}
