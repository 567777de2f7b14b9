/*
 * The channel between the master and a worker: whole messages, which may carry a descriptor.
 *
 * A SEQPACKET socket pair. Messages are doorbells: what they speak of is in the table, and a
 * message that was lost with its receiver is made good by looking there.
 */
#ifndef ECHOD_CHANNEL_H
#define ECHOD_CHANNEL_H

#include <stdint.h>

#include "common/diag.h"

enum channel_type {
	CHANNEL_READY = 1, /* child to master: it serves */
	CHANNEL_CLIENT,    /* master to worker: adopt the connection of slots[0]; carries its descriptor */
	CHANNEL_DRAIN,     /* master to worker: finish all connections until deadline_at */
	CHANNEL_DONE,      /* worker to master: these slots are done */
	CHANNEL_REFUSED,   /* worker to master: the descriptor of slots[0] did not fit; send it again later */
	CHANNEL_KNOWN,     /* worker to master: who slots[0] is is known; send it again if it may stay */
	CHANNEL_TEXT,      /* worker to master: say this (common/message.h) */
	CHANNEL_FORBIDDEN, /* child to master: it ends, having called the system by number slots[0] (sandbox.h) */
};

enum { CHANNEL_SLOTS_MAX = 60, CHANNEL_TEXT_BYTES = DIAG_LINE_BYTES };

struct channel_message {
	uint32_t type;  /* enum channel_type */
	uint32_t count; /* slots, or bytes of the text, that are set */
	union {
		uint64_t deadline_at; /* CHANNEL_DRAIN (clock.h) */
		uint64_t seal;        /* CHANNEL_CLIENT: of the connection's records (record.h) */
		uint64_t about;       /* CHANNEL_TEXT: the slot, or CHANNEL_NOBODY if it is about none */
	};
	union {
		uint32_t slots[CHANNEL_SLOTS_MAX]; /* index in the worker's part */
		char text[CHANNEL_TEXT_BYTES];     /* a line with its newline */
	};
};

#define CHANNEL_NOBODY UINT64_MAX

/* Makes a pair of non-blocking ends; -1 with errno of socketpair(2). */
int channel_open(int ends[2]);

/*
 * Sends a message and, unless it is -1, a duplicate of passed_fd, which stays the caller's.
 * -1 with errno: EAGAIN if the channel is full, EPIPE or ECONNRESET if the other side is gone.
 */
int channel_send(int channel_fd, const struct channel_message *message, int passed_fd);

/*
 * The same without a descriptor, waiting while the channel is full: for children, whose master
 * always comes round to read. -1 with errno: EPIPE or ECONNRESET if the master is gone.
 */
int channel_send_patiently(int channel_fd, const struct channel_message *message);

enum channel_result {
	CHANNEL_MESSAGE, /* *message is set; *passed_fd is the caller's to close, or -1 if none came */
	CHANNEL_EMPTY,   /* nothing there now */
	CHANNEL_CLOSED,  /* the other side is gone or has shut its half */
	CHANNEL_FAILED,  /* errno is set */
};

/*
 * Takes the next message. A descriptor for which the caller's table has no room is lost
 * (MSG_CTRUNC, unix(7)): the message then comes with *passed_fd at -1. With NULL for passed_fd none is taken.
 */
enum channel_result channel_receive(int channel_fd, struct channel_message *message, int *passed_fd);

#endif
