/* Exactly-once writing to whatever standard output is; run by the logger. See output.h. */
#include "logger/output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fault.h"

static void count_written(struct desk *desk, size_t bytes)
{
	atomic_store(&desk->account.written, atomic_load(&desk->account.written) + bytes);
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

/* What the predecessor's write came to, between `written` and `goal`. */
static int settle_file(struct desk *desk)
{
	off_t offset = lseek(STDOUT_FILENO, 0, SEEK_CUR);
	uint64_t written = atomic_load(&desk->account.written);
	uint64_t goal = atomic_load(&desk->goal);
	uint64_t reached;

	if (offset < 0)
		return -1;
	reached = (uint64_t)offset - atomic_load(&desk->file_origin);
	if (reached > written)
		atomic_store(&desk->account.written, reached < goal ? reached : goal);
	return 0;
}

static int settle_stream(struct output *output)
{
	struct desk *desk = output->desk;
	int capacity = fcntl(output->relay_write_fd, F_GETPIPE_SZ);
	int in_relay;

	if (capacity <= 0 || ioctl(output->relay_read_fd, FIONREAD, &in_relay) != 0)
		return -1;
	output->most_bytes = (size_t)capacity;
	/* Bytes reach the relay only while it is empty, so all of it belongs to the write in hand. */
	if (atomic_load(&desk->account.written) < atomic_load(&desk->goal))
		count_written(desk, (size_t)in_relay);
	return empty_relay(output);
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
	if (S_ISREG(status.st_mode)) {
		output->kind = OUTPUT_FILE;
		return settle_file(desk);
	}
	if (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode)) {
		output->kind = OUTPUT_STREAM;
		return settle_stream(output);
	}
	return 0;
}

static int write_stream(const struct output *output, const struct iovec *pieces, size_t count)
{
	ssize_t written = writev(output->relay_write_fd, pieces, (int)count);

	fault_point("relay");
	/* An empty pipe takes whatever is not more than its capacity. */
	if (written < 0)
		return -1;
	count_written(output->desk, (size_t)written);
	return empty_relay(output);
}

static int write_directly(const struct output *output, struct iovec *pieces, size_t count)
{
	while (count > 0) {
		ssize_t written = writev(STDOUT_FILENO, pieces, (int)count);

		fault_point("write");
		if (written < 0) {
			if (passing() != 0)
				return -1;
			continue;
		}
		count_written(output->desk, (size_t)written);
		while (count > 0 && (size_t)written >= pieces->iov_len) {
			written -= (ssize_t)pieces->iov_len;
			pieces++;
			count--;
		}
		if (written > 0) {
			pieces->iov_base = (char *)pieces->iov_base + written;
			pieces->iov_len -= (size_t)written;
		}
	}
	return 0;
}

int output_write(struct output *output, struct iovec *pieces, size_t count)
{
	struct desk *desk = output->desk;
	uint64_t written = atomic_load(&desk->account.written);
	uint64_t total = 0;

	for (size_t i = 0; i < count; i++)
		total += pieces[i].iov_len;
	if (output->kind == OUTPUT_FILE) {
		off_t offset = lseek(STDOUT_FILENO, 0, SEEK_CUR);

		if (offset < 0)
			return -1;
		atomic_store(&desk->file_origin, (uint64_t)offset - written);
	}
	atomic_store(&desk->goal, written + total);
	if (output->kind == OUTPUT_STREAM)
		return write_stream(output, pieces, count);
	return write_directly(output, pieces, count);
}
