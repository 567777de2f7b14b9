/*
 * What children have to say on stderr: the master says it for them.
 *
 * A line is one of the worker's own or of one of its connections, or it is left out. So is what is too much: a worker
 * says no more than a thousand lines at once and a hundred a second. And so is, where messages go through the log, what
 * has no room there. How much was left out is told, every ten seconds at most.
 */
#ifndef ECHOD_MASTER_HEARSAY_H
#define ECHOD_MASTER_HEARSAY_H

#include <stdint.h>

#include "common/channel.h"
#include "master/state.h"

/* A worker, by its number, has sent CHANNEL_TEXT. */
void hearsay_text(struct master *master, uint32_t number, const struct channel_message *message);

/* A child, by its place in the ledger, has sent CHANNEL_FORBIDDEN. */
void hearsay_forbidden(struct master *master, uint32_t number, const struct channel_message *message);

/* When to tell next what was left out of what a child has to say; CLOCK_NEVER: nothing was. */
uint64_t hearsay_next(const struct process *process);

/* Tells it, if it is time. */
void hearsay_advance(struct master *master, uint32_t number);

/* A child is dead: tells how much was left out of what it had to say, if that was not told yet. */
void hearsay_end(struct master *master, uint32_t number);

/* Who a child is, in a message. */
enum { HEARSAY_NAME_BYTES = 32 };
void hearsay_name(const struct master *master, uint32_t number, char name[HEARSAY_NAME_BYTES]);

#endif
