/* Everything the master needs before its loop can run. */
#ifndef ECHOD_MASTER_STARTUP_H
#define ECHOD_MASTER_STARTUP_H

#include "master/state.h"

/*
 * Sees that standard output can be written, that descriptors 0 to 2 are open and that no others are but the
 * listening sockets that were handed over, so many; to be called before anything is opened. -1 after a message.
 */
int startup_descriptors(uint32_t sockets);

/*
 * Blocks the signals that the master acts upon and returns a descriptor to read them from
 * (signalfd(2)); -1 with errno. To be called before any child is started: they keep the mask, so
 * that a Ctrl-C in their terminal is the master's alone to answer.
 */
int startup_signals(void);

/*
 * A process of echod that wakes does not push another off its processor (SCHED_BATCH, sched(7)): it
 * finds more to do at once when its turn comes. Whoever started it with another policy than the usual
 * one wanted that, and it stays. The children inherit it. Never fails: without it all works as well.
 */
void startup_scheduling(void);

/*
 * An ordinary start: opens the listeners, creates the ledger, the table and the pipes, and plans the
 * start of all children; becomes who --user says, and opens the status socket. -1 after a message.
 */
int startup_begin(struct master *master);

/*
 * Finds all that in the ledger of a running echod, whose descriptor this is, and has it all in memory; it
 * is not changed. -1 with errno, EINVAL if it is not what this program would make, and some of it in memory.
 */
int startup_attach(struct master *master, int ledger_fd);

/* After an upgrade: startup_attach(), and the children are to be replaced. -1 after a message. */
int startup_resume(struct master *master, int ledger_fd);

#endif
