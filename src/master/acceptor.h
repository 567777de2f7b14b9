/*
 * Letting clients in and dealing them out to the workers.
 *
 * When nothing is accepted, because there are as many clients as there may be, the system is short of
 * something or a child is not ready yet, the kernel's backlog does the waiting.
 */
#ifndef ECHOD_MASTER_ACCEPTOR_H
#define ECHOD_MASTER_ACCEPTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "master/state.h"

/* For a master that has accepted nobody yet. */
void acceptor_init(struct master *master);

/*
 * Are the listeners to be watched? While a client would be accepted, and otherwise until one comes and it
 * is said that it has to wait.
 */
bool acceptor_listens(const struct master *master);

/* Accepts clients from a listener, only so many at once: there is more to look after. */
void acceptor_accept(struct master *master, int listener_fd);

/* When to advance even if nothing happens; CLOCK_NEVER: no need. */
uint64_t acceptor_next(const struct master *master);

/*
 * Opens when all children are ready for the first time, and says so; ends a pause that is over. Says, once
 * each, when it begins and when it ends that clients have to wait.
 */
void acceptor_advance(struct master *master);

/* Is a program that is executed to have the listeners, too? Not unless this says so. -1 with errno. */
int acceptor_pass_on(const struct master *master, bool pass);

/* Closes the listeners for good. Clients that the kernel has let in already are served, too. */
void acceptor_close(struct master *master);

#endif
