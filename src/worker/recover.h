/*
 * What a dead worker had received and sent on a connection, asked of the kernel.
 *
 * A worker counts a system call's bytes just after it, so one that was killed in between leaves a
 * count that lags behind the truth. The truth is in the socket.
 */
#ifndef ECHOD_WORKER_RECOVER_H
#define ECHOD_WORKER_RECOVER_H

#include <stdbool.h>
#include <stdint.h>

struct recovered {
	uint64_t received; /* bytes that were taken from the socket since it was accepted */
	uint64_t sent;     /* bytes that were given to it */
	bool closed;       /* the connection is over (TCP_CLOSE), and `sent` is not known */
	bool at_end;       /* nothing is left to be read but the peer's end-of-file */
};

/*
 * Asks how far the stream of socket_fd has come. Only to be trusted when no other process uses the
 * socket any more. -1 with errno of getsockopt(2) or ioctl(2); EAGAIN if the connection did not
 * hold still for long enough to be read.
 */
int recover_stream(int socket_fd, struct recovered *recovered);

#endif
