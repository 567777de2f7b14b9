/*
 * Connections that send their payload in chunks and compare every byte of the echo with it, as many at once as a
 * command likes.
 */
#ifndef CONNECTION_H
#define CONNECTION_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>

#include "client.h"
#include "payload.h"

/* What all connections of a command share. */
struct traffic {
	struct target target;
	uint64_t seed;
	const char *kind_name;     /* of the payload; or NULL */
	enum payload_kind kind;    /* of that name */
	bool proxied;              /* each connection begins with a PROXY header (header.h) */
	const char *manifest_path; /* or NULL */
	FILE *manifest;            /* or NULL */
	unsigned echoes_expected;  /* it says "all echo" once so many connections have had something back */
	unsigned echoing;          /* connections that have */
	unsigned started, ended;   /* connections: ever opened, done */
	uint64_t sent, echoed;     /* bytes of all of them */
	uint64_t random_state;
	int epoll_fd;
};

struct connection {
	int socket_fd;              /* -1: there is none */
	char source[ADDRESS_BYTES]; /* the log's name for it */
	unsigned stream;            /* its number */
	char *chunk;                /* what is being sent */
	size_t chunk_bytes;         /* in chunk */
	size_t chunk_sent;          /* of these */
	uint64_t sent;              /* bytes that the kernel took */
	uint64_t echoed;            /* bytes that came back */
	uint32_t interest;          /* what epoll watches for */
	bool half_closed;           /* our side */
	struct payload out;         /* stands behind chunk */
	struct payload back;        /* stands at echoed */
};

/* Begins with a target, a kind and a seed, or fails; nothing is connected yet. */
void traffic_start(struct traffic *traffic, const char *target);

/* Writes the manifest's end. */
void traffic_end(struct traffic *traffic);

/* Waits for events for so long at most, returns how many came. */
int traffic_wait(const struct traffic *traffic, struct epoll_event *events, int most, int msecs);

/*
 * Opens the next connection in the place of one that has ended, or in zeroed memory; epoll tells of it by this
 * pointer. segment_bytes and turn are those of struct target and target_connect().
 */
void connection_open(struct traffic *traffic, struct connection *connection, int segment_bytes,
		     unsigned turn);

/* Closes it; the log must have what was sent, at least as much as `least` of it. */
void connection_close(struct traffic *traffic, struct connection *connection, uint64_t least);

/* Fails, saying how far it came. */
void connection_fail(const struct connection *connection, const char *what) __attribute__((noreturn));

/* Has epoll look for these events from now on. */
void connection_watch(const struct traffic *traffic, struct connection *connection, uint32_t interest);

/* Makes the next so many bytes the chunk, when the last one is sent. */
void connection_fill(struct connection *connection, uint64_t bytes);

/* Sends what it can of the chunk; returns how many bytes. */
size_t connection_send(struct traffic *traffic, struct connection *connection, int flags);

/* Ends our side. */
void connection_half_close(struct connection *connection);

/* Takes what has come back; returns how many bytes, 0 at end-of-file, -1 if there is nothing. */
ssize_t connection_receive(struct traffic *traffic, struct connection *connection);

#endif
