/* How a forked child becomes a worker or the logger. See seat.h. */
#include "common/seat.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

static int discard_standard(int fd)
{
	int null_fd = open("/dev/null", O_RDWR);

	if (null_fd < 0)
		return -1;
	if (null_fd == fd)
		return 0;
	if (dup2(null_fd, fd) < 0)
		return -1;
	return close(null_fd);
}

static int ascending(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Closes all but the standard descriptors and the seat's; the table may be full, so none is moved. */
static int close_others(const struct seat *seat)
{
	int keep[] = { STDERR_FILENO, seat->channel_fd, seat->pipe_fd, seat->relay_fds[0],
		       seat->relay_fds[1] };
	size_t count = sizeof(keep) / sizeof(keep[0]);

	qsort(keep, count, sizeof(keep[0]), ascending);
	for (size_t i = 1; i < count; i++) {
		if (keep[i - 1] >= STDERR_FILENO && keep[i] > keep[i - 1] + 1 &&
		    close_range((unsigned)keep[i - 1] + 1, (unsigned)keep[i] - 1, 0) != 0)
			return -1;
	}
	return close_range((unsigned)keep[count - 1] + 1, ~0U, 0);
}

int seat_take(struct seat *seat)
{
	bool is_logger = seat->relay_fds[0] >= 0;

	if (prctl(PR_SET_NAME, seat->name) != 0 || close_others(seat) != 0)
		return -1;
	seat->memory.fd = -1; /* the mapping is enough */
	if (discard_standard(STDIN_FILENO) != 0)
		return -1;
	return is_logger ? 0 : discard_standard(STDOUT_FILENO);
}
