/* The listening sockets. The master alone accepts. */
#ifndef ECHOD_MASTER_LISTENER_H
#define ECHOD_MASTER_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/address.h"
#include "options.h"

/* The family that a port on every address has to do without. */
struct listener_lack {
	const char *family; /* "IPv4" or "IPv6"; NULL: none */
	int error;          /* why, an errno */
};

/*
 * Opens what one --listen asks for, one or two non-blocking sockets that close on exec, into fds, whose
 * descriptors are the caller's. "Every address" is that of IPv4 and that of IPv6, on the same port; if the system
 * does not have one of the two, or a policy refuses it (EAFNOSUPPORT, EADDRNOTAVAIL, EACCES, EPERM),
 * the other will do, and *lack says what is missing. What accepted sockets inherit is set here:
 * TCP_NODELAY, since an echo waits for nobody; SO_OOBINLINE, since an urgent byte apart from the
 * stream would upset the recovery's arithmetic; SO_KEEPALIVE, since a client may vanish. Returns how
 * many, or -1 with errno, that of IPv4 if both are missing; then nothing is left open.
 */
int listener_open(const struct listen_at *at, int32_t fds[2], struct listener_lack *lack);

/* Is this descriptor a TCP socket, of IPv4 or IPv6, that listens? Others (SCTP, MPTCP) cannot be recovered. */
bool listener_is_one(int fd);

/*
 * Makes a listening socket that another process has opened like those of listener_open(): non-blocking, to
 * be closed on exec, and with the options that connections inherit. -1 with errno.
 */
int listener_adopt(int fd);

/* Is a program that is executed to have this listener, too? Not unless this says so. -1 with errno. */
int listener_pass_on(int fd, bool pass);

/* The address a listener is bound to; -1 with errno. */
int listener_address(int fd, struct address *address);

enum listener_result {
	LISTENER_ACCEPTED,  /* *fd, non-blocking, is the caller's, *peer is set */
	LISTENER_EMPTY,     /* nobody waits */
	LISTENER_ABORTED,   /* that client has gone already; there may be others */
	LISTENER_EXHAUSTED, /* out of descriptors or memory, or not allowed: errno is set, try later */
};

/*
 * Accepts a client from a non-blocking listener. From one that was `activated`, opened by another process and
 * adopted later, there may be connections that are older than what they should have inherited (the kernel makes
 * them before anybody accepts), so it is set on each of them.
 */
enum listener_result listener_accept(int listener_fd, bool activated, int *fd, struct address *peer);

#endif
