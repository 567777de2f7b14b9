/*
 * Telling the service manager how the service is (sd_notify(3)): that it is ready, is upgraded or ends, how many
 * clients it has, and that the master's loop still turns.
 *
 * The master alone does so, whose process id never changes, and by datagrams that it never waits for: a manager that
 * is not there or does not read harms nobody. What is not taken is told again a second later, if it is still true.
 */
#ifndef ECHOD_MASTER_NOTIFY_H
#define ECHOD_MASTER_NOTIFY_H

#include <stdint.h>

#include "master/state.h"

/*
 * Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, which stay for the program that an upgrade executes. The
 * master must have its ledger. What is wrong with them is said once, and there is nothing to tell anybody then.
 */
void notify_open(struct master *master);

/* How many sockets it takes to tell a service manager, if there is one. */
unsigned notify_sockets(void);

/*
 * An upgrade is asked for. Its manager waits to be told so by those that reload services in this way
 * (Type=notify-reload, systemd.service(5)), even if it comes to nothing at once.
 */
void notify_reloading(struct master *master);

/* When to advance even if nothing happens; CLOCK_NEVER: no need. */
uint64_t notify_next(const struct master *master);

/* Tells what has changed, the number of clients at most once a second, and gives a sign of life if it is time. */
void notify_advance(struct master *master);

#endif
