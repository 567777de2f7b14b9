/*
 * The workers and the logger as processes: started, mourned, started again.
 *
 * A child that dies is replaced at once; one that dies within a second of its start is replaced
 * after 100 ms, doubling to 5 s, so that a broken one cannot eat the machine.
 */
#ifndef ECHOD_MASTER_CHILDREN_H
#define ECHOD_MASTER_CHILDREN_H

#include <stdbool.h>
#include <stdint.h>

#include "master/state.h"

/* Is this child the logger? */
bool child_is_logger(const struct master *master, const struct child *child);

/*
 * Starts every child whose time has come. One that cannot be started is reported and tried again
 * later, like one that died.
 */
void children_start_due(struct master *master);

/* When the next one is due, CLOCK_NEVER: none is. */
uint64_t children_next_start(const struct master *master);

/* How a child ended, as waitpid(2) told. */
struct child_end {
	struct child *child; /* NULL: it was the upgrade's checker */
	int status;
};

/*
 * Takes the next child that has died, if any, and closes its channel. The caller sees to its
 * connections and then calls child_restart() or leaves it dead.
 */
bool children_reap(struct master *master, struct child_end *end);

/* Closes the channel of a child that is dead or dying. */
void child_hang_up(struct child *child);

/* Plans the restart of a dead child. */
void child_restart(struct child *child);

/* Says on stderr how a child ended and what follows from it. */
void child_report_end(const struct master *master, const struct child_end *end);

/* Sends SIGKILL to a child, if it runs. */
void child_kill(const struct child *child);

/* Waits for the end of a child, if it runs. */
void child_await(struct child *child);

#endif
