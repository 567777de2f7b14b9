/* What a worker has to say of a connection, with who its client is. */
#ifndef ECHOD_WORKER_REPORT_H
#define ECHOD_WORKER_REPORT_H

#include "worker/state.h"

/* Says something about a connection. */
void report(struct clients *clients, const struct client *client, const char *what);

/* What went wrong, as errno says, and is tried again and again: said only now and then. */
void report_errno(struct clients *clients, const struct client *client, const char *what);

/* Why a connection is closed whose PROXY header is wrong, or does not come: likewise said only now and then. */
void report_refusal(struct clients *clients, const struct client *client, const char *why);

/*
 * Whose a message is that is being said just now, as common/message.h wants it: the client's it is about or, with the
 * worker's own seal, the worker's.
 */
struct record report_origin(const struct clients *clients, uint64_t own_seal);

/* The index of the slot of the client whom that message is about; CHANNEL_NOBODY if it is about none. */
uint64_t report_about(const struct clients *clients);

#endif
