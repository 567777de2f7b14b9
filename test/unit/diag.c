/*
 * Messages: one line and one write each, whatever they contain, and never a stall.
 *
 * stderr is a pipe in packet mode here (O_DIRECT, pipe(2)), so that a read gives back just what one write
 * put in.
 */
#include "common/diag.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

enum { HANG_SECS = 30 }; /* a test that stalls for so long is killed by SIGALRM */

static int reader_fd;

/* Puts stderr on the writing end of a new pipe. */
static bool open_stderr(void)
{
	int ends[2];

	if (pipe2(ends, O_DIRECT) != 0 || dup2(ends[1], STDERR_FILENO) < 0)
		return false;
	reader_fd = ends[0];
	return close(ends[1]) == 0 && fcntl(reader_fd, F_SETFL, O_NONBLOCK) == 0;
}

/* Is this what exactly one write has put into the pipe? */
static bool written(const char *expected)
{
	char line[2 * DIAG_LINE_BYTES];
	ssize_t length = read(reader_fd, line, sizeof(line));

	return length == (ssize_t)strlen(expected) && memcmp(line, expected, (size_t)length) == 0 &&
	       read(reader_fd, line, sizeof(line)) < 0 && errno == EAGAIN;
}

static void test_one_line(void)
{
	diag("%s has %d", "it", 3);
	CHECK(written("echod: it has 3\n"));
	diag("%s", "");
	CHECK(written("echod: \n"));
	errno = ENOENT;
	diag_errno("opening %s", "x");
	CHECK(errno == ENOENT);
	CHECK(written("echod: opening x: No such file or directory\n"));
	errno = EPERM;
	diag("done");
	CHECK(errno == EPERM);
	CHECK(written("echod: done\n"));
}

/* Nothing in a message can end its line early or move the cursor of a terminal. */
static void test_control_characters(void)
{
	diag("%s", "a\nechod: b\r\t\033[2Jc\x7f");
	CHECK(written("echod: a?echod: b???[2Jc?\n"));
	diag("%s", "\303\251 \344\275\240");
	CHECK(written("echod: \303\251 \344\275\240\n"));
}

/* Makes the line of DIAG_LINE_BYTES bytes that starts with "echod: xxx" and ends with this. */
static void make_line(char line[DIAG_LINE_BYTES + 1], const char *end)
{
	memset(line, 'x', DIAG_LINE_BYTES);
	memcpy(line, "echod: ", strlen("echod: "));
	memcpy(line + DIAG_LINE_BYTES - strlen(end), end, strlen(end) + 1);
}

/* A message that is too long is cut and says so; the reason after it is not. */
static void test_long_message(void)
{
	char text[2 * DIAG_LINE_BYTES];
	char line[DIAG_LINE_BYTES + 1];
	size_t fits = DIAG_LINE_BYTES - strlen("echod: \n");

	memset(text, 'x', sizeof(text));
	text[fits] = '\0';
	diag("%s", text);
	make_line(line, "\n");
	CHECK(written(line));

	text[fits] = 'x';
	text[fits + 1] = '\0';
	diag("%s", text);
	make_line(line, "...\n");
	CHECK(written(line));

	errno = ENOENT;
	diag_errno("%s", text);
	make_line(line, "...: No such file or directory\n");
	CHECK(written(line));
}

static char taken[DIAG_LINE_BYTES + 1];

/* As its context says, takes the line or, not without having changed errno, does not. */
static bool take(const void *context, const char *line, size_t length)
{
	memcpy(taken, line, length);
	taken[length] = '\0';
	errno = EAGAIN;
	return *(const bool *)context;
}

/* What another way takes is not on stderr, what it does not take is, and none of it costs errno. */
static void test_route(void)
{
	bool takes = true;

	diag_through(take, &takes);
	errno = EPERM;
	diag("one");
	CHECK(errno == EPERM && strcmp(taken, "echod: one\n") == 0);
	takes = false;
	diag_errno("two");
	CHECK(errno == EPERM && strcmp(taken, "echod: two: Operation not permitted\n") == 0);
	CHECK(written("echod: two: Operation not permitted\n"));
	diag_through(NULL, NULL);
	diag("three");
	CHECK(written("echod: three\n"));
	CHECK(strcmp(taken, "echod: two: Operation not permitted\n") == 0);
}

/* A stderr that nobody reads loses the message, not the time. */
static void test_full_pipe(void)
{
	char bytes[4096] = { 0 };
	int flags = fcntl(STDERR_FILENO, F_GETFL);
	unsigned writes = 0;

	CHECK(fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK) == 0);
	while (write(STDERR_FILENO, bytes, sizeof(bytes)) > 0)
		writes++;
	CHECK(writes > 0 && errno == EAGAIN);
	CHECK(fcntl(STDERR_FILENO, F_SETFL, flags) == 0);
	diag("lost");
	for (; writes > 0; writes--)
		CHECK(read(reader_fd, bytes, sizeof(bytes)) == sizeof(bytes));
	diag("heard");
	CHECK(written("echod: heard\n"));
}

/* A stderr that takes nothing, like a full disk, leaves errno alone. */
static void test_failing_write(void)
{
	int pipe_fd = dup(STDERR_FILENO);
	int full_fd = open("/dev/full", O_WRONLY);

	CHECK(pipe_fd >= 0 && full_fd >= 0 && dup2(full_fd, STDERR_FILENO) >= 0);
	errno = ENOENT;
	diag("lost");
	CHECK(errno == ENOENT);
	diag_errno("lost");
	CHECK(errno == ENOENT);
	CHECK(dup2(pipe_fd, STDERR_FILENO) >= 0 && close(pipe_fd) == 0 && close(full_fd) == 0);
}

/* A stderr that is gone does neither kill with SIGPIPE nor disturb. */
static void test_no_reader(void)
{
	CHECK(close(reader_fd) == 0);
	errno = 0;
	diag("nobody reads this");
	CHECK(errno == 0);
	CHECK(close(STDERR_FILENO) == 0);
	diag("there is no stderr");
	CHECK(errno == 0);
}

int main(void)
{
	alarm(HANG_SECS);
	CHECK(open_stderr());
	test_one_line();
	test_control_characters();
	test_long_message();
	test_route();
	test_full_pipe();
	test_failing_write();
	test_no_reader();
	return unit_result();
}
