/*
 * Replacing the running program by the one now on disk, in place.
 *
 * The process id, the listeners, every connection and all shared memory stay: the master executes
 * the new program over itself, which finds the ledger by a descriptor named in the environment.
 * Before, that program is started once on the side to show that it can read this ledger.
 */
#ifndef ECHOD_MASTER_UPGRADE_H
#define ECHOD_MASTER_UPGRADE_H

#include <stdbool.h>

#include "master/state.h"

/* What this process was started for. */
enum upgrade_role {
	UPGRADE_NONE,   /* an ordinary start */
	UPGRADE_CHECK,  /* show that the ledger behind *ledger_fd can be read, then exit */
	UPGRADE_RESUME, /* go on with it */
};

/* Reads that from the environment, and removes it from there. */
enum upgrade_role upgrade_role(int *ledger_fd);

/* Notes where this program lies on disk, while /proc still knows; to be called at the start. */
void upgrade_note_program(void);

/* Starts the new program on the side. What cannot be done is reported. */
void upgrade_check(struct master *master);

/* In that program: shows that it can go on with the ledger. Returns its exit status. */
int upgrade_prove(int ledger_fd, const struct crew *crew);

/* Ends the checker, if there is one: its time is up, or the master's. */
void upgrade_give_up(struct master *master);

/*
 * The checker has ended: executes the new program if that has shown that it knows the ledger.
 * Returns, after a message, only if the old program goes on.
 */
void upgrade_finish(struct master *master);

#endif
