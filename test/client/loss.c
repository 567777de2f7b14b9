/*
 * client loss: makes a running server lose some of what its clients send.
 *
 * PERCENT PID: from now on so many of the segments that arrive for the listening sockets of process PID, and for the
 * connections that they let in from now on, are lost. It needs the right to trace that process
 * (pidfd_getfd(2)).
 */
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "client.h"
#include "options.h"

enum { FDS = 1024 }; /* the listening sockets are among the first */

static bool is_listening(int fd)
{
	int listening = 0;
	socklen_t length = sizeof(listening);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) == 0 && listening != 0;
}

int loss_main(int argc, char *argv[])
{
	const struct command_option table[] = { { .kind = OPTION_END } };
	char **words = parse_options(argc, argv, table, 2);
	unsigned percent = (unsigned)number(words[0], 50);
	int pid_fd = (int)syscall(SYS_pidfd_open, (pid_t)number(words[1], INT32_MAX), 0);
	unsigned found = 0;

	if (pid_fd < 0)
		fail_errno("process %s", words[1]);
	for (int theirs = 0; theirs < FDS; theirs++) {
		int fd = (int)syscall(SYS_pidfd_getfd, pid_fd, theirs, 0);

		if (fd < 0)
			continue;
		if (is_listening(fd)) {
			lose_segments(fd, percent);
			found++;
		}
		close(fd);
	}
	if (found == 0)
		fail("no listening socket of process %s can be had", words[1]);
	return 0;
}
