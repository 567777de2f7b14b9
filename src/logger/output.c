/* Exactly-once writing to whatever standard output is; run by the logger. See output.h. */
#include "logger/output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/commit.h"
#include "common/diag.h"
#include "common/passing.h"

enum {
	PAUSE_MSECS = 20, /* before a call that failed is tried again */
	/* To which it doubles while there is no room: made before a shutdown's deadline, it is to be found in time. */
	PAUSE_MOST_MSECS = 320,
	PATIENCE_MSECS = 1000, /* with an error that may last or not */
	READ_BYTES = 65536,
	/* What is written at once to a terminal, which may be slow: the master must see that it moves. */
	TERMINAL_BYTES = 512,
};

static void count_written(struct desk *desk, size_t bytes)
{
	commit(&desk->progress.written, committed(&desk->progress.written) + bytes);
}

/* Standard output may be non-blocking: whoever opened it decided that, and shares it. */
static void wait_for_room(void)
{
	struct pollfd room = { .fd = STDOUT_FILENO, .events = POLLOUT };

	if (poll(&room, 1, -1) < 0)
		clock_pause(PAUSE_MSECS);
}

/* Errors that say that standard output takes no more. */
static bool is_final(int error)
{
	return error == EPIPE || error == ECONNRESET || error == EBADF || error == EFBIG;
}

/* Errors that say that there is no room now, which somebody may make. */
static bool is_full(int error)
{
	return error == ENOSPC || error == EDQUOT;
}

static void wait_for_disk(struct output *output)
{
	struct log_progress *progress = &output->desk->progress;

	/* In this order: a logger that is killed in between leaves a line too many, not one too few. */
	if (committed(&progress->full_at) == 0) {
		diag("standard output: %s, waiting for room", strerror(errno));
		commit(&progress->full_at, clock_msecs());
	}
	output->failing_until = CLOCK_NEVER;
	clock_pause(output->pause_msecs);
	output->pause_msecs *= 2;
	if (output->pause_msecs > PAUSE_MOST_MSECS)
		output->pause_msecs = PAUSE_MOST_MSECS;
}

void output_caught_up(struct output *output)
{
	struct log_progress *progress = &output->desk->progress;
	uint64_t full_at = committed(&progress->full_at);

	if (full_at == 0 || output->gone)
		return;
	diag("standard output: goes on after %ju s", (uintmax_t)(clock_msecs() - full_at + 999) / 1000);
	commit(&progress->full_at, 0);
}

/* A call has done something. */
static void note_success(struct output *output)
{
	output->failing_until = CLOCK_NEVER;
	output->pause_msecs = PAUSE_MSECS;
}

/*
 * After a call that failed, waits until it may be tried again. -1 if it may not: errno says that standard
 * output is gone, or something unknown that has lasted.
 */
static int passing(struct output *output)
{
	if (errno == EINTR)
		return 0;
	if (errno == EAGAIN) {
		wait_for_room();
		return 0;
	}
	if (is_full(errno)) {
		wait_for_disk(output);
		return 0;
	}
	if (!error_passes(errno) && output->failing_until == CLOCK_NEVER)
		output->failing_until = clock_msecs() + PATIENCE_MSECS;
	if (is_final(errno) || (!error_passes(errno) && clock_reached(output->failing_until)))
		return -1;
	diag_errno_seldom(&output->complain_at, "standard output, trying again");
	clock_pause(PAUSE_MSECS);
	return 0;
}

/* How many bytes are in the relay; -1 with errno if that cannot be found out. */
static int in_relay(struct output *output)
{
	int bytes;

	while (ioctl(output->relay_read_fd, FIONREAD, &bytes) != 0) {
		if (passing(output) != 0)
			return -1;
	}
	return bytes;
}

/* Moves what is in the relay on to standard output. */
static int empty_relay(struct output *output)
{
	int left;

	while ((left = in_relay(output)) > 0) {
		ssize_t moved = splice(output->relay_read_fd, NULL, STDOUT_FILENO, NULL, (size_t)left, 0);

		fault_point("splice");
		if (moved >= 0)
			note_success(output);
		else if (passing(output) != 0)
			return -1;
	}
	return left;
}

/* Where standard output is, having been put to `whence` first. -1 with errno. */
static off_t offset_from(struct output *output, int whence)
{
	off_t offset;

	while ((offset = lseek(STDOUT_FILENO, 0, whence)) < 0) {
		if (passing(output) != 0)
			return -1;
	}
	return offset;
}

/* Finds out how much the relay takes at a time. */
static int measure_relay(struct output *output)
{
	int capacity;

	while ((capacity = fcntl(output->relay_write_fd, F_GETPIPE_SZ)) <= 0) {
		if (passing(output) != 0)
			return -1;
	}
	output->most_bytes = (size_t)capacity;
	return 0;
}

/* A pipe of the usual size would have the logger wait for the reader after every 64 KiB. */
static void enlarge_pipe(void)
{
	int capacity = fcntl(STDOUT_FILENO, F_GETPIPE_SZ);

	if (capacity > 0 && capacity < RECORD_PIPE_BYTES)
		(void)fcntl(STDOUT_FILENO, F_SETPIPE_SZ, RECORD_PIPE_BYTES);
}

int output_open(struct output *output, struct desk *desk, const struct seat *seat)
{
	bool gone = seat->discard;
	struct stat status;
	int flags;

	*output = (struct output){
		.desk = desk,
		.kind = OUTPUT_OTHER,
		.relay_read_fd = seat->relay_fds[0],
		.relay_write_fd = seat->relay_fds[1],
		.reread_fd = seat->reread_fd,
		.most_bytes = SIZE_MAX,
		.failing_until = CLOCK_NEVER,
		.pause_msecs = PAUSE_MSECS,
		.gone = gone,
	};
	while (fstat(STDOUT_FILENO, &status) != 0 || (flags = fcntl(STDOUT_FILENO, F_GETFL)) < 0) {
		if (passing(output) != 0)
			return gone ? 0 : -1;
	}
	output->appends = flags & O_APPEND;
	if (S_ISREG(status.st_mode))
		output->kind = OUTPUT_FILE;
	else if (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode))
		output->kind = OUTPUT_STREAM;
	if (S_ISFIFO(status.st_mode))
		enlarge_pipe();
	output->is_terminal = isatty(STDOUT_FILENO);
	if (output->kind == OUTPUT_STREAM && measure_relay(output) != 0 && !gone)
		return -1;
	return 0;
}

int output_resume(struct output *output)
{
	struct desk *desk = output->desk;
	uint64_t reached;
	int left;

	if (output->kind != OUTPUT_STREAM)
		return 0;
	left = in_relay(output);
	if (left < 0)
		return output->gone ? 0 : -1;
	/* Bytes reach the relay only while it is empty, so what it holds came after that. */
	reached = committed(&desk->relay_origin) + (uint64_t)left;
	if (reached > committed(&desk->progress.written))
		commit(&desk->progress.written, reached);
	return output->gone ? 0 : empty_relay(output);
}

/* ---- what came of a write to a file ---- */

static uint64_t sum_of(const struct iovec *pieces, size_t count)
{
	uint64_t total = 0;

	for (size_t i = 0; i < count; i++)
		total += pieces[i].iov_len;
	return total;
}

/*
 * Notes where the write in hand will go, from which a successor can tell how much of it was done. An append
 * goes to the end of the file, which is not where the last one ended if somebody else wrote or truncated it.
 */
static int note_place(struct output *output, uint64_t total)
{
	struct desk *desk = output->desk;
	uint64_t written = committed(&desk->progress.written);
	off_t offset = offset_from(output, output->appends ? SEEK_END : SEEK_CUR);

	if (offset < 0)
		return -1;
	commit(&desk->file_origin, (uint64_t)offset - written);
	commit(&desk->goal, written + total);
	return 0;
}

/* Are the file's bytes from `at` on those of the pieces? What cannot be read is not told apart. */
static bool file_has(int file_fd, uint64_t at, uint64_t count, const struct iovec *pieces)
{
	static uint8_t bytes[READ_BYTES];

	for (size_t from = 0; count > 0;) {
		size_t left = pieces->iov_len - from;
		size_t wanted = left < count ? left : (size_t)count;
		ssize_t had = pread(file_fd, bytes, wanted < READ_BYTES ? wanted : READ_BYTES, (off_t)at);

		if (had < 0 && errno == EINTR)
			continue;
		if (had <= 0 || memcmp(bytes, (const uint8_t *)pieces->iov_base + from, (size_t)had) != 0)
			return had < 0;
		at += (uint64_t)had;
		count -= (uint64_t)had;
		from += (size_t)had;
		if (from == pieces->iov_len) {
			from = 0;
			pieces++;
		}
	}
	return true;
}

/*
 * How far the file's offset has moved tells how much of the write was done, if nobody else wrote in that
 * instant to a file that is appended to, or by the same offset: then the bytes are not ours.
 */
static int settle_file(struct output *output, const struct iovec *pieces, size_t count)
{
	struct desk *desk = output->desk;
	uint64_t written = committed(&desk->progress.written);
	uint64_t origin = committed(&desk->file_origin);
	off_t offset = offset_from(output, SEEK_CUR);
	uint64_t reached;

	if (offset < 0)
		return output->gone ? 0 : -1;
	reached = (uint64_t)offset - origin;
	if (reached <= written || reached > committed(&desk->goal) ||
	    reached - written > sum_of(pieces, count))
		return 0;
	if (output->reread_fd < 0 || file_has(output->reread_fd, written + origin, reached - written, pieces))
		commit(&desk->progress.written, reached);
	return 0;
}

/* From now on what is written is lost, and so is what the relay holds. */
static void note_end(struct output *output)
{
	struct log_progress *progress = &output->desk->progress;
	int left = output->kind == OUTPUT_STREAM ? in_relay(output) : 0;

	if (committed(&progress->end) == 0)
		commit(&progress->end, committed(&progress->written) - (uint64_t)(left > 0 ? left : 0) + 1);
}

int output_settle(struct output *output, const struct iovec *pieces, size_t count)
{
	if (output->kind == OUTPUT_FILE && settle_file(output, pieces, count) != 0)
		return -1;
	if (output->gone)
		note_end(output);
	return 0;
}

/* ---- writing ---- */

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
static ssize_t write_some(struct output *output, const struct iovec *pieces, size_t count)
{
	struct desk *desk = output->desk;
	ssize_t written;

	if (output->kind == OUTPUT_FILE && note_place(output, sum_of(pieces, count)) != 0)
		return -1;
	if (output->kind == OUTPUT_STREAM) {
		commit(&desk->relay_origin, committed(&desk->progress.written));
		written = writev(output->relay_write_fd, pieces, (int)count);
		fault_point("relay");
	} else {
		struct iovec little = *pieces;

		if (output->is_terminal) {
			little.iov_len = little.iov_len < TERMINAL_BYTES ? little.iov_len : TERMINAL_BYTES;
			pieces = &little;
			count = 1;
		}
		written = writev(STDOUT_FILENO, pieces, (int)count);
		fault_point("write");
	}
	if (written > 0)
		count_written(desk, (size_t)written);
	return written;
}

int output_write(struct output *output, struct iovec *pieces, size_t count)
{
	if (output->gone) {
		count_written(output->desk, sum_of(pieces, count));
		return 0;
	}
	count = pass_over(&pieces, count, 0); /* no write is of nothing */
	while (count > 0) {
		ssize_t written = write_some(output, pieces, count);

		if (written < 0 && passing(output) != 0)
			return -1;
		if (output->kind == OUTPUT_STREAM && empty_relay(output) != 0)
			return -1;
		if (written <= 0)
			continue;
		note_success(output);
		count = pass_over(&pieces, count, (size_t)written);
	}
	return 0;
}
