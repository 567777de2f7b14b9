/*
 * loss: makes a running server lose some of what its clients send.
 *
 *     loss PERCENT PID
 *
 * From now on so many of the segments that arrive for the listening sockets of process PID, and for the
 * connections that they let in from now on, are lost. It needs the right to trace that process
 * (pidfd_getfd(2)).
 */
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../client/client.h"

enum { FDS = 1024 }; /* the listening sockets are among the first */

static bool is_listening(int fd)
{
	int listening = 0;
	socklen_t length = sizeof(listening);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) == 0 && listening;
}

int main(int argc, char *argv[])
{
	unsigned percent, found = 0;
	int pid_fd;

	if (argc != 3)
		fail("usage: loss PERCENT PID");
	percent = (unsigned)number(argv[1], 50);
	pid_fd = (int)syscall(SYS_pidfd_open, (pid_t)number(argv[2], INT32_MAX), 0);
	if (pid_fd == -1)
		fail_errno("process %s", argv[2]);
	for (int theirs = 0; theirs < FDS; theirs++) {
		int fd = (int)syscall(SYS_pidfd_getfd, pid_fd, theirs, 0);

		if (fd == -1)
			continue;
		if (is_listening(fd)) {
			lose_segments(fd, percent);
			found++;
		}
		close(fd);
	}
	if (!found)
		fail("no listening socket of process %s can be had", argv[2]);
	return 0;
}
