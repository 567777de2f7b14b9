/* How a forked child becomes a worker or the logger. See seat.h. */
#include "common/seat.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/descriptors.h"
#include "common/rights.h"
#include "common/sandbox.h"

#define OOM_SCORE_MORE 500L
#define OOM_SCORE_MAX  1000L /* proc(5) */

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

/*
 * When memory runs out a child goes before the master, whose memory is what all others live on. It is
 * allowed to everyone who is shown in /proc; where there is none, or no descriptor left, it stays as it is.
 */
static void offer_to_be_killed(void)
{
	int fd = open("/proc/self/oom_score_adj", O_RDWR);
	char score[24] = "";

	if (fd < 0)
		return;
	if (read(fd, score, sizeof(score) - 1) > 0) {
		long more = strtol(score, NULL, 10) + OOM_SCORE_MORE;

		snprintf(score, sizeof(score), "%ld", more < OOM_SCORE_MAX ? more : OOM_SCORE_MAX);
		(void)!write(fd, score, strlen(score));
	}
	close(fd);
}

int seat_take(struct seat *seat)
{
	bool is_logger = seat->relay_fds[0] >= 0;
	bool is_walled = sandbox_is_wanted(seat->options);
	int keep[] = { STDIN_FILENO,  STDOUT_FILENO,      STDERR_FILENO,      seat->channel_fd,
		       seat->pipe_fd, seat->relay_fds[0], seat->relay_fds[1], seat->reread_fd };

	(void)prctl(PR_SET_NAME, seat->name); /* nothing depends on it */
	if (descriptors_close_others(keep, sizeof(keep) / sizeof(keep[0])) != 0)
		return -1;
	seat->memory.fd = seat->budget.fd = -1; /* the mappings are enough */
	(void)rights_show(true);                /* without it the score stays as it is */
	offer_to_be_killed();
	if ((is_walled && rights_show(false) != 0) || discard_standard(STDIN_FILENO) != 0)
		return -1;
	if (is_logger)
		return 0;
	if (discard_standard(STDOUT_FILENO) != 0)
		return -1;
	return is_walled ? discard_standard(STDERR_FILENO) : 0;
}
