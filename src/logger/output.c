/* Exactly-once writing to whatever standard output is; run by the logger. See output.h. */
#include "logger/output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/commit.h"

static void count_written(struct desk *desk, size_t bytes)
{
	commit(&desk->progress.written, committed(&desk->progress.written) + bytes);
}

/* Standard output may be non-blocking: whoever opened it decided that, and shares it. */
static int wait_for_room(void)
{
	struct pollfd room = { .fd = STDOUT_FILENO, .events = POLLOUT };

	return poll(&room, 1, -1) < 0 && errno != EINTR ? -1 : 0;
}

static int passing(void)
{
	if (errno == EAGAIN)
		return wait_for_room();
	return errno == EINTR ? 0 : -1;
}

/* Moves what is in the relay on to standard output. */
static int empty_relay(const struct output *output)
{
	int left;

	for (;;) {
		ssize_t moved;

		if (ioctl(output->relay_read_fd, FIONREAD, &left) != 0)
			return -1;
		if (left == 0)
			return 0;
		moved = splice(output->relay_read_fd, NULL, STDOUT_FILENO, NULL, (size_t)left, 0);
		fault_point("splice");
		if (moved < 0 && passing() != 0)
			return -1;
	}
}

/* Was standard output opened for appending? */
static bool appends(void)
{
	int flags = fcntl(STDOUT_FILENO, F_GETFL);

	return flags >= 0 && (flags & O_APPEND) != 0;
}

/* What the predecessor's write came to, between `written` and `goal`. */
static int settle_file(struct desk *desk)
{
	off_t offset = lseek(STDOUT_FILENO, 0, SEEK_CUR);
	uint64_t written = committed(&desk->progress.written);
	uint64_t goal = committed(&desk->goal);
	uint64_t reached;

	if (offset < 0)
		return -1;
	reached = (uint64_t)offset - committed(&desk->file_origin);
	if (reached > written)
		commit(&desk->progress.written, reached < goal ? reached : goal);
	return 0;
}

static int settle_stream(struct output *output)
{
	struct desk *desk = output->desk;
	int capacity = fcntl(output->relay_write_fd, F_GETPIPE_SZ);
	uint64_t reached;
	int in_relay;

	if (capacity <= 0 || ioctl(output->relay_read_fd, FIONREAD, &in_relay) != 0)
		return -1;
	output->most_bytes = (size_t)capacity;
	/* Bytes reach the relay only while it is empty, so what it holds came after that. */
	reached = committed(&desk->relay_origin) + (uint64_t)in_relay;
	if (reached > committed(&desk->progress.written))
		commit(&desk->progress.written, reached);
	return empty_relay(output);
}

/*
 * Standard error in the same file moves its offset, too, if it was opened once for both (2>&1); what
 * is written through the relay does not depend on that.
 */
static enum output_kind kind_of_file(const struct stat *status)
{
	struct stat error_status;

	if (fstat(STDERR_FILENO, &error_status) != 0 || error_status.st_dev != status->st_dev ||
	    error_status.st_ino != status->st_ino)
		return OUTPUT_FILE;
	return appends() ? OUTPUT_OTHER : OUTPUT_STREAM; /* splice(2) does not append */
}

/* A pipe of the usual size would have the logger wait for the reader after every 64 KiB. */
static void enlarge_pipe(void)
{
	int capacity = fcntl(STDOUT_FILENO, F_GETPIPE_SZ);

	if (capacity > 0 && capacity < RECORD_PIPE_BYTES)
		(void)fcntl(STDOUT_FILENO, F_SETPIPE_SZ, RECORD_PIPE_BYTES);
}

int output_open(struct output *output, struct desk *desk, const int relay_fds[2])
{
	struct stat status;

	*output = (struct output){
		.desk = desk,
		.kind = OUTPUT_OTHER,
		.relay_read_fd = relay_fds[0],
		.relay_write_fd = relay_fds[1],
		.most_bytes = SIZE_MAX,
	};
	if (fstat(STDOUT_FILENO, &status) != 0)
		return -1;
	if (S_ISREG(status.st_mode))
		output->kind = kind_of_file(&status);
	else if (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode))
		output->kind = OUTPUT_STREAM;
	if (output->kind == OUTPUT_FILE)
		return settle_file(desk);
	if (S_ISFIFO(status.st_mode))
		enlarge_pipe();
	if (output->kind == OUTPUT_STREAM)
		return settle_stream(output);
	return 0;
}

/* Passes over what was written of the pieces; returns how many are left. */
static size_t pass_over(struct iovec **pieces, size_t count, size_t written)
{
	while (count > 0 && written >= (*pieces)->iov_len) {
		written -= (*pieces)->iov_len;
		(*pieces)++;
		count--;
	}
	if (written > 0) {
		(*pieces)->iov_base = (char *)(*pieces)->iov_base + written;
		(*pieces)->iov_len -= written;
	}
	return count;
}

/* One write of what is left; a short one is followed by another. */
static ssize_t write_some(const struct output *output, const struct iovec *pieces, size_t count)
{
	struct desk *desk = output->desk;
	ssize_t written;

	if (output->kind == OUTPUT_STREAM) {
		commit(&desk->relay_origin, committed(&desk->progress.written));
		written = writev(output->relay_write_fd, pieces, (int)count);
		fault_point("relay");
	} else {
		written = writev(STDOUT_FILENO, pieces, (int)count);
		fault_point("write");
	}
	if (written > 0)
		count_written(desk, (size_t)written);
	return written;
}

/* Where the next write to a regular file goes, from which a successor can tell how much of it was done. */
static int note_offset(struct desk *desk, uint64_t total)
{
	uint64_t written = committed(&desk->progress.written);
	/* An append goes to the end, which is not where the last one ended if the file was truncated. */
	off_t offset = lseek(STDOUT_FILENO, 0, appends() ? SEEK_END : SEEK_CUR);

	if (offset < 0)
		return -1;
	commit(&desk->file_origin, (uint64_t)offset - written);
	commit(&desk->goal, written + total);
	return 0;
}

int output_write(struct output *output, struct iovec *pieces, size_t count)
{
	uint64_t total = 0;

	for (size_t i = 0; i < count; i++)
		total += pieces[i].iov_len;
	if (output->kind == OUTPUT_FILE && note_offset(output->desk, total) != 0)
		return -1;
	while (count > 0) {
		ssize_t written = write_some(output, pieces, count);

		if (written < 0 && passing() != 0)
			return -1;
		if (output->kind == OUTPUT_STREAM && empty_relay(output) != 0)
			return -1;
		if (written > 0)
			count = pass_over(&pieces, count, (size_t)written);
	}
	return 0;
}
