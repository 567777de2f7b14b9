/* What a worker has to say of a connection on stderr, with who its client is. */
#ifndef ECHOD_WORKER_REPORT_H
#define ECHOD_WORKER_REPORT_H

#include "worker/state.h"

/* Says something about a connection. */
void report(const struct client *client, const char *what);

/* The same of what went wrong, as errno says, and is tried again and again: said only now and then. */
void report_seldom(struct clients *clients, const struct client *client, const char *what);

#endif
