/* Answers on the status socket; run by the master. See monitor.h. */
#include "master/monitor.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/diag.h"
#include "master/exposition.h"
#include "master/figures.h"

enum {
	BACKLOG = 64,
	READER_MSECS = 1000,
	SHORT_MSECS = 100, /* a pause when the system is out of descriptors or memory */
	PAUSE_FACTOR = 9,  /* times what the last answers took */
	PAUSE_MOST_MSECS = 5000,
};

void monitor_init(struct master *master)
{
	master->monitor.resume_at = CLOCK_NEVER;
	for (int i = 0; i < MONITOR_READERS_MAX; i++)
		master->monitor.readers[i] = (struct monitor_reader){ .fd = -1, .close_at = CLOCK_NEVER };
}

/* ---- the socket ---- */

/* 0 if nobody listens there any more and it is gone; -1 with errno, ENOTSOCK if it is no socket at all. */
static int remove_stale(const struct sockaddr_un *address)
{
	struct stat status;
	int fd, result, error;

	if (lstat(address->sun_path, &status) != 0)
		return -1;
	if (!S_ISSOCK(status.st_mode)) {
		errno = ENOTSOCK;
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	result = connect(fd, (const struct sockaddr *)address, sizeof(*address));
	error = result == 0 || errno == EAGAIN ? EADDRINUSE : errno;
	close(fd);
	if (error == ECONNREFUSED)
		return unlink(address->sun_path);
	errno = error;
	return -1;
}

static int bind_to(int fd, const struct sockaddr_un *address)
{
	int result = bind(fd, (const struct sockaddr *)address, sizeof(*address));

	if (result != 0 && errno == EADDRINUSE && remove_stale(address) == 0)
		result = bind(fd, (const struct sockaddr *)address, sizeof(*address));
	return result;
}

static int listen_at(struct ledger *ledger, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat status;

	memcpy(address.sun_path, path, strlen(path)); /* which has room: see options.c */
	ledger->status_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (ledger->status_fd < 0 || bind_to(ledger->status_fd, &address) != 0 || lstat(path, &status) != 0)
		return -1;
	ledger->status_device = status.st_dev;
	ledger->status_inode = status.st_ino;
	return listen(ledger->status_fd, BACKLOG);
}

int monitor_open(struct master *master)
{
	const char *path = master->options->status_path;

	if (path == NULL || listen_at(master->ledger, path) == 0)
		return 0;
	if (errno == ENOTSOCK)
		diag("--status-socket=%s: what is there is no socket", path);
	else
		diag_errno("--status-socket=%s", path);
	monitor_close(master);
	return -1;
}

static bool is_ours(const struct ledger *ledger, const struct stat *status)
{
	return ledger->status_inode != 0 && status->st_dev == ledger->status_device &&
	       status->st_ino == ledger->status_inode;
}

void monitor_close(struct master *master)
{
	struct ledger *ledger = master->ledger;
	const char *path = master->options->status_path;
	struct stat status;

	if (ledger->status_fd < 0)
		return;
	if (lstat(path, &status) == 0 && is_ours(ledger, &status) && unlink(path) != 0)
		diag_errno("--status-socket=%s", path);
	close(ledger->status_fd);
	ledger->status_fd = -1;
}

/* ---- readers ---- */

static void dismiss(struct monitor_reader *reader)
{
	if (reader->fd >= 0)
		close(reader->fd);
	*reader = (struct monitor_reader){ .fd = -1, .close_at = CLOCK_NEVER };
}

/* It has its answer, or as much as there was room for; the one that has been here longest makes place for it. */
static void keep(struct monitor *monitor, int fd)
{
	struct monitor_reader *reader = &monitor->readers[monitor->next++ % MONITOR_READERS_MAX];

	dismiss(reader);
	*reader = (struct monitor_reader){ .fd = fd, .close_at = clock_msecs() + READER_MSECS };
}

static void answer(int fd, const char *text, size_t length)
{
	int bytes = EXPOSITION_BYTES;

	/* Without, a short text fits all the same. If the reader has gone, so has the need for an answer. */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	(void)send(fd, text, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)shutdown(fd, SHUT_WR);
}

/* Answers those who have connected, all alike, but only so many at once. */
static void answer_all(struct master *master)
{
	static struct figures figures;
	static char text[EXPOSITION_BYTES];
	size_t length = 0;
	int fd = -1;

	for (int i = 0; i < MONITOR_READERS_MAX; i++) {
		/* An upgrade closes it. */
		fd = accept4(master->ledger->status_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			break;
		if (length == 0) {
			figures_gather(master, &figures);
			length = exposition_write(&figures, text);
		}
		answer(fd, text, length);
		keep(&master->monitor, fd);
	}
	if (fd < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
		master->monitor.resume_at = clock_msecs() + SHORT_MSECS;
}

static void answer_in_turn(struct master *master)
{
	uint64_t started_usecs = clock_usecs();
	uint64_t pause_msecs;

	answer_all(master);
	pause_msecs = (clock_usecs() - started_usecs) * PAUSE_FACTOR / 1000;
	if (pause_msecs > PAUSE_MOST_MSECS)
		pause_msecs = PAUSE_MOST_MSECS;
	if (pause_msecs > 0 && master->monitor.resume_at == CLOCK_NEVER)
		master->monitor.resume_at = clock_msecs() + pause_msecs;
}

/* ---- the loop ---- */

nfds_t monitor_watch(const struct master *master, struct pollfd *watch)
{
	bool listens = master->monitor.resume_at == CLOCK_NEVER;

	if (master->ledger->status_fd < 0)
		return 0;
	watch[0] = (struct pollfd){ .fd = listens ? master->ledger->status_fd : -1, .events = POLLIN };
	return 1;
}

nfds_t monitor_serve(struct master *master, const struct pollfd *watch)
{
	if (master->ledger->status_fd < 0)
		return 0;
	if (watch[0].revents != 0)
		answer_in_turn(master);
	return 1;
}

uint64_t monitor_next(const struct master *master)
{
	uint64_t at = master->monitor.resume_at;

	for (int i = 0; i < MONITOR_READERS_MAX; i++)
		at = clock_sooner(at, master->monitor.readers[i].close_at);
	return at;
}

void monitor_advance(struct master *master)
{
	struct monitor *monitor = &master->monitor;

	if (clock_reached(monitor->resume_at))
		monitor->resume_at = CLOCK_NEVER;
	for (int i = 0; i < MONITOR_READERS_MAX; i++) {
		if (clock_reached(monitor->readers[i].close_at))
			dismiss(&monitor->readers[i]);
	}
}
