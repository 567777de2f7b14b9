/* The listening sockets. The master alone accepts. */
#ifndef ECHOD_MASTER_LISTENER_H
#define ECHOD_MASTER_LISTENER_H

#include <stdint.h>

#include "common/address.h"
#include "options.h"

/* The family that a port on every address has to do without. */
struct listener_lack {
	const char *family; /* "IPv4" or "IPv6"; NULL: none */
	int error;          /* why, an errno */
};

/*
 * Opens what one --listen asks for, one or two non-blocking sockets, into fds, whose descriptors
 * are the caller's. "Every address" is that of IPv4 and that of IPv6, on the same port; if the system
 * does not have one of the two, or a policy refuses it (EAFNOSUPPORT, EADDRNOTAVAIL, EACCES, EPERM),
 * the other will do, and *lack says what is missing. What accepted sockets inherit is set here:
 * TCP_NODELAY, since an echo waits for nobody; SO_OOBINLINE, since an urgent byte apart from the
 * stream would upset the recovery's arithmetic; SO_KEEPALIVE, since a client may vanish. Returns how
 * many, or -1 with errno, that of IPv4 if both are missing; then nothing is left open.
 */
int listener_open(const struct listen_at *at, int32_t fds[2], struct listener_lack *lack);

/* The address a listener is bound to; -1 with errno. */
int listener_address(int fd, struct address *address);

enum listener_result {
	LISTENER_ACCEPTED,  /* *fd, non-blocking, is the caller's, *peer is set */
	LISTENER_EMPTY,     /* nobody waits */
	LISTENER_ABORTED,   /* that client has gone already; there may be others */
	LISTENER_EXHAUSTED, /* out of descriptors or memory, or not allowed: errno is set, try later */
};

/* Accepts a client from a non-blocking listener. */
enum listener_result listener_accept(int listener_fd, int *fd, struct address *peer);

#endif
