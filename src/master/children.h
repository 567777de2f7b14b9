/*
 * The workers and the logger as processes: started, heard, buried, started again.
 *
 * A child that dies is replaced at once; one that dies within a second of its start is replaced
 * after 100 ms, doubling to 5 s, so that a broken one cannot eat the machine.
 */
#ifndef ECHOD_MASTER_CHILDREN_H
#define ECHOD_MASTER_CHILDREN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "master/state.h"

/* When a child is to be started, or to be heard again; CLOCK_NEVER: none is. */
uint64_t children_next(const struct master *master);

/*
 * Starts every child whose time has come, has those be heard again that had too much to say, and tells what was left
 * out of that. One that cannot be started is reported and tried again later, like one that died.
 */
void children_advance(struct master *master);

/*
 * Is there a child that must be there for anything to go on, and was tried in vain for a second? In
 * service there is none; at the start one that dies again and again counts, too, and later only one that the
 * system does not let be started.
 */
bool children_are_futile(const struct master *master);

/* Is there a logger that reads its pipe, or will be soon? */
bool children_log(const struct master *master);

/*
 * Does what one of the ledger's children, by its place there, has to say on its channel, which must be
 * open. One that talks nonsense is killed, and a channel at its end is closed. Who has too much to say is not heard
 * for a while.
 */
void children_hear(struct master *master, uint32_t number);

/* Is a child to be heard now? */
bool children_is_heard(const struct child *child);

/*
 * A process has ended with that status of waitpid(2). If it was a child, its connections are seen to,
 * and its successor's start is planned unless it was finished; a death that nobody expected is reported.
 */
void children_bury(struct master *master, pid_t pid, int status);

/* Kills a child, if it runs, for its successor's sake: at once, whatever it is doing. */
void children_replace(struct child *child);

/* Kills all children and waits for their ends. None is started again. */
void children_end(struct master *master);

#endif
