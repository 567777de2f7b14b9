/*
 * Socket activation: listening sockets that whoever starts the master has opened already and hands over, as
 * systemd does (sd_listen_fds(3)).
 */
#ifndef ECHOD_MASTER_ACTIVATION_H
#define ECHOD_MASTER_ACTIVATION_H

#include "master/ledger.h"

enum { ACTIVATION_FIRST_FD = 3 }; /* the others follow it: sd_listen_fds(3) */

/*
 * Reads LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES and removes them: they are of this process alone. Returns how
 * many sockets there are, at most LISTENERS_MAX; 0 if there are no such variables, or they are meant for another
 * process, whose child inherits them. -1 after a message if they make no sense.
 */
int activation_sockets(void);

/*
 * Checks that so many descriptors are sockets as echod needs them, makes them ready and puts them into the ledger
 * as its listeners. -1 after a message.
 */
int activation_listen(struct ledger *ledger, uint32_t sockets);

#endif
