/* How the master comes by what it works with, afresh or from its predecessor. See startup.h. */
#include "master/startup.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/descriptors.h"
#include "common/diag.h"
#include "common/rights.h"
#include "common/sandbox.h"
#include "master/acceptor.h"
#include "master/activation.h"
#include "master/limits.h"
#include "master/listener.h"
#include "master/monitor.h"
#include "master/notify.h"
#include "master/pool.h"
#include "master/user.h"

/* A descriptor that is closed would else become a socket, and get what is written to stderr. */
static int fill_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	return fd < 0 ? -1 : close(fd);
}

static int check_standard_output(void)
{
	int flags = fcntl(STDOUT_FILENO, F_GETFL);

	if (flags >= 0 && (flags & O_ACCMODE) == O_RDONLY)
		errno = EBADF;
	else if (flags >= 0)
		return 0;
	diag_errno("standard output");
	return -1;
}

int startup_descriptors(uint32_t sockets)
{
	int keep[3 + LISTENERS_MAX] = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO };

	for (uint32_t i = 0; i < sockets; i++)
		keep[3 + i] = ACTIVATION_FIRST_FD + (int)i;

	if (check_standard_output() != 0)
		return -1;
	if (fill_standard_descriptors() != 0) {
		diag_errno("/dev/null");
		return -1;
	}
	/* Whatever else was inherited is nobody's here, and would take room from clients. */
	if (descriptors_close_others(keep, 3 + sockets) != 0) {
		diag_errno("inherited descriptors");
		return -1;
	}
	return 0;
}

int startup_signals(void)
{
	static const int caught[] = { SIGCHLD, SIGTERM, SIGINT, SIGUSR1, SIGUSR2 };
	struct sigaction hangup;
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		sigaddset(&set, caught[i]);
	/* nohup(1) asks to live on without a terminal. */
	if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
		sigaddset(&set, SIGHUP);
	/* An ignored SIGCHLD would leave nothing to wait for; EPIPE and EFBIG say enough. */
	if (signal(SIGCHLD, SIG_DFL) == SIG_ERR || signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
	    signal(SIGXFSZ, SIG_IGN) == SIG_ERR || sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -1;
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

void startup_scheduling(void)
{
	struct sched_param no_priority = { .sched_priority = 0 };

	if (sched_getscheduler(0) == SCHED_OTHER)
		(void)sched_setscheduler(0, SCHED_BATCH, &no_priority);
}

static int open_listeners(struct master *master)
{
	struct ledger *ledger = master->ledger;

	if (master->activated > 0)
		return activation_listen(ledger, master->activated);
	for (unsigned i = 0; i < master->options->listen_count; i++) {
		const struct listen_at *at = &master->options->listen[i];
		struct listener_lack lack;
		int count = listener_open(at, &ledger->listener_fds[ledger->listener_count], &lack);

		if (count < 0) {
			char text[ADDRESS_TEXT_BYTES];

			address_text(&at->address, text);
			if (at->any)
				diag_errno("port %u", at->address.port);
			else
				diag_errno("%s", text);
			return -1;
		}
		if (lack.family != NULL) {
			errno = lack.error;
			diag_errno("port %u: not on %s", at->address.port, lack.family);
		}
		ledger->listener_count += (uint32_t)count;
	}
	return 0;
}

/* The region of a worker or, at the end, of the logger. */
static int create_region(struct master *master, uint32_t number)
{
	struct ledger *ledger = master->ledger;
	struct memory *memory = &master->child_memory[number];
	bool is_worker = number < ledger->workers;

	if (memory_create(memory, is_worker ? "echod-worker" : "echod-logger",
			  is_worker ? ledger->sizes.part : ledger->sizes.desk) != 0)
		return -1;
	ledger->children[number].memory_fd = memory->fd;
	if (is_worker)
		part_init(memory->base, number, ledger->worker_slots, ledger->ring_bytes);
	return 0;
}

static int create_regions(struct master *master)
{
	struct ledger *ledger = master->ledger;

	if (memory_create(&master->budget_memory, "echod-budget", ledger->sizes.budget) != 0)
		return -1;
	budget_init(master->budget_memory.base, limits_buffer_total(master->options), ledger->workers);
	ledger->budget_fd = master->budget_memory.fd;
	for (uint32_t i = 0; i <= ledger->workers; i++) {
		if (create_region(master, i) != 0)
			return -1;
	}
	return 0;
}

/* What the logger wrote to a file it may have to read, and who it is then may not be who may open it. */
static int reopen_output(void)
{
	struct stat status;

	if (fstat(STDOUT_FILENO, &status) != 0 || !S_ISREG(status.st_mode))
		return -1;
	/* It was opened for writing only, as a rule. */
	return open("/proc/self/fd/1", O_RDONLY);
}

/* Two pipes; less than the wanted size will do if the system gives no more. */
static int create_pipes(struct ledger *ledger)
{
	if (pipe(ledger->pipe_fds) != 0 || pipe(ledger->relay_fds) != 0)
		return -1;
	if (fcntl(ledger->pipe_fds[1], F_SETPIPE_SZ, RECORD_PIPE_BYTES) < 0 && errno != EPERM)
		return -1;
	if (fcntl(ledger->relay_fds[1], F_SETPIPE_SZ, RECORD_PIPE_BYTES) < 0 && errno != EPERM)
		return -1;
	/*
	 * Workers must not wait for the logger, nor the logger for itself; it waits for workers. Each end has its
	 * own flag.
	 */
	if (fcntl(ledger->relay_fds[1], F_SETFL, O_NONBLOCK) != 0)
		return -1;
	return fcntl(ledger->pipe_fds[1], F_SETFL, O_NONBLOCK);
}

/* Makes the ledger: everything from here on lies in it. */
static int create_ledger(struct master *master, const struct capacity *capacity)
{
	const struct options *options = master->options;
	uint32_t worker_slots = (capacity->clients + capacity->workers - 1) / capacity->workers;
	struct ledger *ledger;

	if (memory_create(&master->ledger_memory, "echod-ledger",
			  ledger_bytes(capacity->workers * worker_slots)) != 0) {
		diag_errno("shared memory");
		return -1;
	}
	ledger = master->ledger = master->ledger_memory.base;
	ledger->layout = LEDGER_LAYOUT;
	ledger->workers = capacity->workers;
	ledger->worker_slots = worker_slots;
	ledger->clients_max = capacity->clients;
	ledger->ring_bytes = options->buffer_bytes;
	ledger->started_at_secs = clock_calendar_usecs() / 1000000;
	ledger->sizes = ledger_sizes(ledger, master->crew->logger_memory_bytes);
	ledger->memory_fd = master->ledger_memory.fd;
	ledger->shutdown = (struct shutdown_state){ .deadline_at = CLOCK_NEVER,
						    .patience_at = CLOCK_NEVER,
						    .tell_at = CLOCK_NEVER };
	ledger->closed_at = CLOCK_NEVER;
	ledger->status_fd = -1;
	ledger->upgrade = (struct upgrade_state){ .program_fd = -1,
						  .replacing = CHILDREN_MAX,
						  .checker_at = CLOCK_NEVER };
	ledger->notify.clients = UINT32_MAX;
	if (getrandom(ledger->record_key, sizeof(ledger->record_key), 0) != sizeof(ledger->record_key)) {
		diag_errno("getrandom");
		return -1;
	}
	for (uint32_t i = 0; i <= ledger->workers; i++)
		ledger->children[i] = (struct child){ .process.channel_fd = -1, .restart_at = clock_msecs() };
	return 0;
}

/* Without its walls echod starts only if that is what its user wants. */
static int check_sandbox(const struct options *options)
{
	if (!sandbox_is_wanted(options) || sandbox_check() == 0)
		return 0;
	diag("seccomp: %s; with --no-sandbox echod does without", strerror(errno));
	return -1;
}

/* What takes rights to open is open: the master needs no more of them than its children have. */
static int close_in(const struct master *master)
{
	if (rights_give_up() == 0 && (!sandbox_is_wanted(master->options) || rights_show(false) == 0))
		return 0;
	diag_errno("giving up rights");
	return -1;
}

/* Says that the options promise a client more than there is for all. */
static void check_buffers(const struct options *options)
{
	uint64_t total_bytes = limits_buffer_total(options);

	if (options->buffer_bytes > total_bytes)
		diag("--buffer=%ju is more than --buffer-total=%ju, which holds for each client, too",
		     (uintmax_t)options->buffer_bytes, (uintmax_t)total_bytes);
}

/* Sockets of no client that the master may have: of those that listen it is more than there will be. */
static uint32_t sockets_of(const struct master *master)
{
	uint32_t sockets = 2 * master->options->listen_count + master->activated + notify_sockets();

	return sockets + (master->options->status_path != NULL ? MONITOR_FDS_MAX : 0);
}

int startup_begin(struct master *master)
{
	const char *user_text = master->options->user;
	struct user user;
	uint64_t descriptors;
	struct capacity capacity;

	if (check_sandbox(master->options) != 0)
		return -1;
	check_buffers(master->options);
	if (user_text != NULL && user_find(user_text, &user) != 0)
		return -1;
	if (limits_descriptors(&descriptors) != 0) {
		diag_errno("the limit on open files");
		return -1;
	}
	if (limits_capacity(master->options, master->crew, descriptors, sockets_of(master), &capacity) != 0 ||
	    create_ledger(master, &capacity) != 0 || open_listeners(master) != 0)
		return -1;
	if (create_regions(master) != 0 || pool_open(master) != 0) {
		diag_errno("memory for %u clients with --buffer=%ju", capacity.clients,
			   (uintmax_t)master->options->buffer_bytes);
		return -1;
	}
	if (create_pipes(master->ledger) != 0) {
		diag_errno("pipe");
		return -1;
	}
	master->ledger->reread_fd = reopen_output();
	/* When all that root's rights are for is done; no child has been started. */
	if (user_text != NULL && user_become(&user) != 0) {
		diag_errno("--user=%s", user_text);
		return -1;
	}
	/* Whoever makes the status socket must be able to remove it. */
	if (close_in(master) != 0)
		return -1;
	return monitor_open(master);
}

static int attach_all(struct master *master, int ledger_fd)
{
	struct ledger *ledger;
	struct stat status;

	if (fstat(ledger_fd, &status) != 0 ||
	    memory_attach(&master->ledger_memory, ledger_fd, (size_t)status.st_size) != 0)
		return -1;
	ledger = master->ledger = master->ledger_memory.base;
	if (!ledger_fits(ledger, master->ledger_memory.bytes, master->crew->logger_memory_bytes)) {
		errno = EINVAL;
		return -1;
	}
	if (memory_attach(&master->budget_memory, ledger->budget_fd, ledger->sizes.budget) != 0)
		return -1;
	for (uint32_t i = 0; i <= ledger->workers; i++) {
		if (memory_attach(&master->child_memory[i], ledger->children[i].memory_fd,
				  i < ledger->workers ? ledger->sizes.part : ledger->sizes.desk) != 0)
			return -1;
	}
	return 0;
}

int startup_attach(struct master *master, int ledger_fd)
{
	return attach_all(master, ledger_fd) == 0 ? pool_open(master) : -1;
}

int startup_resume(struct master *master, int ledger_fd)
{
	if (startup_attach(master, ledger_fd) != 0 || acceptor_pass_on(master, false) != 0) {
		diag_errno("upgrade");
		return -1;
	}
	close(master->ledger->upgrade.program_fd); /* this program */
	master->ledger->upgrade.program_fd = -1;
	master->ledger->upgrade.program++;
	master->ledger->upgrade.replacing = 0;
	return close_in(master);
}
