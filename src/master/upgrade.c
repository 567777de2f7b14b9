/* Upgrade in place; run by the master, and by the program that is to become it. See upgrade.h. */
#include "master/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/descriptors.h"
#include "common/diag.h"
#include "master/acceptor.h"
#include "master/children.h"
#include "master/notify.h"
#include "master/startup.h"

#define CHECK_VARIABLE  "ECHOD_UPGRADE_CHECK"
#define RESUME_VARIABLE "ECHOD_UPGRADE_RESUME"

enum { CHECK_MSECS = 5000 };

/* ---- where the program is ---- */

/* Goes from a folder up and on as a name begins: the folder is cut, and what is left of the name returned. */
static const char *walk(char *folder, const char *name)
{
	while (strncmp(name, "./", 2) == 0 || strncmp(name, "../", 3) == 0) {
		char *last = strrchr(folder, '/');

		if (name[1] == '.' && last != NULL)
			*last = '\0';
		name += strcspn(name, "/");
		name += strspn(name, "/");
	}
	return name;
}

/*
 * The folder as its user calls it (PWD) may be reached through a link that will be switched, but only that without
 * links has the parent which the kernel takes for "..". False if it does not fit, or there is no folder any more.
 */
static bool make_absolute(const char *name, char path[PATH_MAX])
{
	char *folder;
	int length;

	if (name[0] == '/')
		return snprintf(path, PATH_MAX, "%s", name) < PATH_MAX;
	folder = strstr(name, "..") == NULL ? get_current_dir_name() : getcwd(NULL, 0);
	if (folder == NULL)
		return false;
	name = walk(folder, name);
	length = snprintf(path, PATH_MAX, "%s/%s", folder, name);
	free(folder);
	return length < PATH_MAX;
}

/* A name that a shell looked for in its PATH says nothing, nor does the number of a descriptor (fexecve(3)). */
static bool find_by_name(const char *name, char path[PATH_MAX])
{
	static const char by_descriptor[] = "/dev/fd/";

	return name != NULL && strchr(name, '/') != NULL &&
	       strncmp(name, by_descriptor, strlen(by_descriptor)) != 0 && make_absolute(name, path) &&
	       access(path, X_OK) == 0;
}

void upgrade_note_program(struct master *master)
{
	char *path = master->ledger->upgrade.path;
	ssize_t length;

	if (find_by_name(master->argv[0], path) || find_by_name((const char *)getauxval(AT_EXECFN), path))
		return;
	length = readlink("/proc/self/exe", path, PATH_MAX - 1);
	path[length > 0 ? length : 0] = '\0';
}

/* -1 with errno if there is nothing to be executed. */
static int open_program(struct upgrade_state *upgrade)
{
	if (access(upgrade->path, X_OK) != 0)
		return -1;
	/* It may be a script, whose interpreter is to read it by this descriptor, so an exec does not close it. */
	upgrade->program_fd = open(upgrade->path, O_PATH);
	return upgrade->program_fd < 0 ? -1 : 0;
}

static void close_program(struct upgrade_state *upgrade)
{
	if (upgrade->program_fd >= 0)
		close(upgrade->program_fd);
	upgrade->program_fd = -1;
}

/* ---- the upgrade ---- */

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
	execveat(master->ledger->upgrade.program_fd, "", master->argv, environ, AT_EMPTY_PATH);
	unsetenv(variable);
}

_Noreturn static void check(const struct master *master)
{
	const struct ledger *ledger = master->ledger;
	int keep[6 + CHILDREN_MAX] = { STDIN_FILENO,      STDOUT_FILENO,     STDERR_FILENO,
				       ledger->memory_fd, ledger->budget_fd, ledger->upgrade.program_fd };
	int null_fd = open("/dev/null", O_RDWR);

	diag_through(NULL, NULL);
	/* It gets the memory and, unless the log stands there, stderr, and nothing that could disturb what is going on. */
	for (uint32_t i = 0; i <= ledger->workers; i++)
		keep[6 + i] = ledger->children[i].memory_fd;
	if (null_fd >= 0 && dup2(null_fd, STDIN_FILENO) >= 0 && dup2(null_fd, STDOUT_FILENO) >= 0 &&
	    (!master->options->messages_in_log || dup2(null_fd, STDERR_FILENO) >= 0) &&
	    descriptors_close_others(keep, 6 + ledger->workers + 1) == 0)
		execute(master, CHECK_VARIABLE);
	_exit(1);
}

void upgrade_request(struct master *master)
{
	struct ledger *ledger = master->ledger;
	pid_t pid;

	if (ledger->phase == PHASE_SERVING)
		notify_reloading(master);
	if (ledger->phase != PHASE_SERVING || ledger->upgrade.checker_pid != 0) {
		diag("upgrade: not now");
		return;
	}
	if (ledger->upgrade.path[0] == '\0') {
		diag("upgrade: without /proc this program's file is only known if it is started by its path");
		return;
	}
	if (open_program(&ledger->upgrade) != 0) {
		diag_errno("upgrade: %s", ledger->upgrade.path);
		return;
	}
	ledger->upgrade.proof = false;
	pid = fork();
	if (pid == 0)
		check(master);
	if (pid < 0) {
		diag_errno("upgrade: cannot start a process");
		close_program(&ledger->upgrade);
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

/* The checker's end has shown whether the new program will do. */
static void decide(struct master *master, bool given_up)
{
	const struct upgrade_state *upgrade = &master->ledger->upgrade;

	if (!upgrade->proof && given_up) {
		diag("upgrade: %s did not answer within %d s, the old program stays", upgrade->path,
		     CHECK_MSECS / 1000);
	} else if (!upgrade->proof) {
		diag("upgrade: %s cannot go on with what is in memory here, the old program stays",
		     upgrade->path);
	} else if (master->ledger->phase == PHASE_SERVING) {
		if (acceptor_pass_on(master, true) == 0)
			execute(master, RESUME_VARIABLE);
		diag_errno("upgrade: %s", upgrade->path);
		/* If that fails: nothing else is executed but a checker, which closes all. */
		(void)acceptor_pass_on(master, false);
	}
}

void upgrade_bury(struct master *master, pid_t pid)
{
	struct upgrade_state *upgrade = &master->ledger->upgrade;
	bool given_up = upgrade->checker_at == CLOCK_NEVER;

	if (pid != upgrade->checker_pid)
		return;
	upgrade->checker_pid = 0;
	upgrade->checker_at = CLOCK_NEVER;
	decide(master, given_up);
	close_program(upgrade);
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
