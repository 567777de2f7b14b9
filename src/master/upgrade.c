/* Upgrade in place; run by the master, and by the program that is to become it. See upgrade.h. */
#include "master/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/descriptors.h"
#include "common/diag.h"
#include "master/children.h"
#include "master/startup.h"

#define CHECK_VARIABLE  "ECHOD_UPGRADE_CHECK"
#define RESUME_VARIABLE "ECHOD_UPGRADE_RESUME"

enum { CHECK_MSECS = 5000 };

static char program[PATH_MAX];

void upgrade_note_program(const char *name)
{
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);

	program[length > 0 ? length : 0] = '\0';
	/* Without /proc; a name that a shell looked for in its PATH says nothing. */
	if (length <= 0 && strchr(name, '/') != NULL && realpath(name, program) == NULL)
		program[0] = '\0';
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
	const struct ledger *ledger = master->ledger;
	int keep[5 + CHILDREN_MAX] = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, ledger->memory_fd,
				       ledger->budget_fd };
	int null_fd = open("/dev/null", O_RDWR);

	diag_through(NULL, NULL);
	/* It gets the memory and stderr, and nothing that could disturb what is going on. */
	for (uint32_t i = 0; i <= ledger->workers; i++)
		keep[5 + i] = ledger->children[i].memory_fd;
	if (null_fd >= 0 && dup2(null_fd, STDIN_FILENO) >= 0 && dup2(null_fd, STDOUT_FILENO) >= 0 &&
	    descriptors_close_others(keep, 5 + ledger->workers + 1) == 0)
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
	if (program[0] == '\0') {
		diag("upgrade: without /proc this program's file is only known if it is started by its path");
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

int upgrade_prove(int ledger_fd, const struct options *options, const struct crew *crew)
{
	static struct master trial;

	trial = (struct master){ .options = options, .crew = crew };
	if (startup_attach(&trial, ledger_fd) != 0) {
		if (errno != EINVAL) /* of which the running program speaks */
			diag_errno("upgrade: the new program");
		return 1;
	}
	trial.ledger->upgrade.proof = true;
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
	bool given_up;

	if (pid != ledger->upgrade.checker_pid)
		return;
	given_up = ledger->upgrade.checker_at == CLOCK_NEVER;
	ledger->upgrade.checker_pid = 0;
	ledger->upgrade.checker_at = CLOCK_NEVER;
	if (!ledger->upgrade.proof && given_up) {
		diag("upgrade: %s did not answer within %d s, the old program stays", program,
		     CHECK_MSECS / 1000);
		return;
	}
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
