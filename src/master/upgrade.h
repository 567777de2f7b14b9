/*
 * Replacing the running program by the one now on disk, in place.
 *
 * The process id, the listeners, every connection and all shared memory stay: the master executes
 * the new program over itself, which finds the ledger by a descriptor named in the environment.
 * Before, that program is started once on the side to show that it can read this ledger. Both times it is executed
 * by the same descriptor, so what was checked is what goes on, whatever has its name by then.
 */
#ifndef ECHOD_MASTER_UPGRADE_H
#define ECHOD_MASTER_UPGRADE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "master/state.h"

/* What this process was started for. */
enum upgrade_role {
	UPGRADE_NONE,   /* an ordinary start */
	UPGRADE_CHECK,  /* show that the ledger behind *ledger_fd can be read, then exit */
	UPGRADE_RESUME, /* go on with it */
};

/* Reads that from the environment, and removes it from there. UPGRADE_NONE leaves *ledger_fd alone. */
enum upgrade_role upgrade_role(int *ledger_fd);

/*
 * Notes in the ledger by which path an upgrade is to look for the program: argv[0] if that is one, or else what was
 * executed (AT_EXECFN, getauxval(3)), as the way to it was, with no symbolic link resolved; or where /proc says it
 * lies. To be called at an ordinary start, while what is relative is still so to the current folder.
 */
void upgrade_note_program(struct master *master);

/* A signal asks for an upgrade: starts the new program on the side. What cannot be done is reported. */
void upgrade_request(struct master *master);

/*
 * In that program: shows that it can go on with the ledger, by having all in memory that it will need then.
 * Returns its exit status.
 */
int upgrade_prove(int ledger_fd, const struct options *options, const struct crew *crew);

/*
 * A process has ended. If it was the checker, executes the new program if that has shown that it knows
 * the ledger, and returns, after a message, only if the old program goes on.
 */
void upgrade_bury(struct master *master, pid_t pid);

/* When to advance even if nothing happens; CLOCK_NEVER: no need. */
uint64_t upgrade_next(const struct master *master);

/*
 * Ends a checker whose time is up. After an upgrade, replaces the children one at a time, each when the
 * last one's successor is ready.
 */
void upgrade_advance(struct master *master);

/* Ends the checker, if there is one: there will be no upgrade. */
void upgrade_give_up(struct master *master);

#endif
