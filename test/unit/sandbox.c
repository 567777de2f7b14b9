/* The filters on system calls: each call that there is, by a worker and by the logger behind theirs. */
#include "common/sandbox.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/rights.h"
#include "options.h"
#include "unit.h"

enum { CALLS = 600, ARGUMENTS = 6, PIPE_FD = 40, OTHER_FD = 41 };

/*
 * No filter sees what the kernel has put into a program's code by itself, at its probes, which is of no use anywhere
 * else; the C library does not name these calls.
 */
static bool is_probe(long number)
{
#ifdef __x86_64__
	return number == 335 || number == 336;
#else
	(void)number;
	return false;
#endif
}

#define X32_BIT 0x40000000L

static const struct options options = { .sandbox = true };
static int ends[2];

static struct seat seat_of(bool is_logger)
{
	return (struct seat){ .options = &options,
			      .channel_fd = ends[1],
			      .pipe_fd = PIPE_FD,
			      .relay_fds = { is_logger ? OTHER_FD : -1, -1 } };
}

_Noreturn static void make_call(bool is_logger, long number, const long *with)
{
	struct seat seat = seat_of(is_logger);

	if (sandbox_enter(&seat, 0) != 0)
		_exit(99);
	(void)syscall(number, with[0], with[1], with[2], with[3], with[4], with[5]);
	_exit(0);
}

/* Is a process ended at this call, and does it say at which? */
static bool is_forbidden(bool is_logger, long number, const long *with)
{
	struct channel_message message;
	pid_t pid = fork();
	int status = 0;

	if (pid == 0)
		make_call(is_logger, number, with);
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK(!WIFEXITED(status) || WEXITSTATUS(status) != 99);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != SEAT_FORBIDDEN)
		return false;
	CHECK(channel_receive(ends[0], &message, NULL) == CHANNEL_MESSAGE &&
	      message.type == CHANNEL_FORBIDDEN && message.slots[0] == (uint32_t)number);
	return true;
}

static bool is_among(const long *calls, size_t count, long number)
{
	for (size_t i = 0; i < count; i++) {
		if (calls[i] == number)
			return true;
	}
	return false;
}

/* With arguments that none may have, and of which the kernel makes nothing. */
static void check_all(bool is_logger, const long *calls, size_t count)
{
	static const long nonsense[ARGUMENTS] = { -1, -1, -1, -1, -1, -1 };

	for (long number = 0; number < CALLS; number++) {
		bool forbidden = is_forbidden(is_logger, number, nonsense);

		if (!is_probe(number) && forbidden == is_among(calls, count, number)) {
			fprintf(stderr, "%s, call %ld\n", is_logger ? "logger" : "worker", number);
			CHECK(false);
		}
	}
}

static void check_every_call(void)
{
	static const long worker[] = {
		SYS_recvfrom,   SYS_write,         SYS_readv,       SYS_writev,          SYS_epoll_pwait,
		SYS_epoll_ctl,  SYS_recvmsg,       SYS_getsockname, SYS_shutdown,        SYS_sched_yield,
#ifdef SYS_epoll_wait
		SYS_epoll_wait,
#endif
#ifdef SYS_poll
		SYS_poll,
#endif
		SYS_ppoll,      SYS_clock_gettime, SYS_nanosleep,   SYS_clock_nanosleep, SYS_restart_syscall,
		SYS_close,      SYS_munmap,        SYS_brk,         SYS_exit_group
	};
	static const long logger[] = {
		SYS_read,    SYS_write,         SYS_writev,    SYS_lseek,           SYS_splice,
		SYS_pread64, SYS_getppid,       SYS_getrandom,
#ifdef SYS_poll
		SYS_poll,
#endif
		SYS_ppoll,   SYS_clock_gettime, SYS_nanosleep, SYS_clock_nanosleep, SYS_restart_syscall,
		SYS_close,   SYS_munmap,        SYS_brk,       SYS_exit_group
	};

	check_all(false, worker, sizeof(worker) / sizeof(worker[0]));
	check_all(true, logger, sizeof(logger) / sizeof(logger[0]));
}

/* A call that is let through, and what of it is not when this argument is another. */
struct narrow {
	bool is_logger;
	long call;
	long with[ARGUMENTS];
	long argument;
	long other;
};

static void check_arguments(void)
{
	static char byte;
	const struct narrow calls[] = {
		{ false, SYS_sendto, { OTHER_FD, 0, 0, MSG_NOSIGNAL, 0, 0 }, 3, MSG_NOSIGNAL | MSG_FASTOPEN },
		{ false, SYS_sendto, { OTHER_FD, 0, 0, MSG_NOSIGNAL, 0, 0 }, 4, (long)&byte },
		{ false, SYS_ioctl, { OTHER_FD, SIOCINQ, 0, 0, 0, 0 }, 1, TIOCSTI },
		{ false, SYS_ioctl, { OTHER_FD, SIOCOUTQ, 0, 0, 0, 0 }, 1, FIOASYNC },
		{ false, SYS_getsockopt, { OTHER_FD, IPPROTO_TCP, TCP_INFO, 0, 0, 0 }, 2, TCP_MD5SIG },
		{ false, SYS_getsockopt, { OTHER_FD, IPPROTO_TCP, TCP_INFO, 0, 0, 0 }, 1, SOL_SOCKET },
		{ false, SYS_setsockopt, { OTHER_FD, IPPROTO_TCP, TCP_INQ, 0, 0, 0 }, 2, TCP_ULP },
		{ false, SYS_setsockopt, { OTHER_FD, IPPROTO_TCP, TCP_INQ, 0, 0, 0 }, 1, SOL_SOCKET },
		{ false, SYS_madvise, { 0, 0, MADV_REMOVE, 0, 0, 0 }, 2, MADV_DONTNEED },
		{ false, SYS_vmsplice, { OTHER_FD, 0, 0, SPLICE_F_NONBLOCK, 0, 0 }, 3, 0 },
		{ true, SYS_sendto, { OTHER_FD, 0, 0, MSG_NOSIGNAL, 0, 0 }, 4, (long)&byte },
		{ true, SYS_ioctl, { OTHER_FD, FIONREAD, 0, 0, 0, 0 }, 1, TIOCSTI },
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		struct narrow call = calls[i];

		CHECK(!is_forbidden(call.is_logger, call.call, call.with));
		call.with[call.argument] = call.other;
		CHECK(is_forbidden(call.is_logger, call.call, call.with));
	}
}

#ifdef __x86_64__

/* The same calls by other numbers and other ways, which would be others behind the filter. */
static void check_other_kinds(void)
{
	static const long nothing[ARGUMENTS];
	pid_t pid;
	int status = 0;

	CHECK(is_forbidden(false, SYS_readv | X32_BIT, nothing));
	pid = fork();
	if (pid == 0) {
		struct seat seat = seat_of(false);
		long result = 20; /* getpid(2), of 32-bit programs */

		if (sandbox_enter(&seat, 0) != 0)
			_exit(99);
		__asm__ volatile("int $0x80" : "+a"(result) : : "memory");
		_exit(0);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	/* A kernel without such calls ends the process by itself. */
	CHECK(WIFSIGNALED(status));
}

#else

static void check_other_kinds(void)
{
}

#endif

int main(void)
{
	if (!sandbox_is_wanted(&options)) { /* a build with sanitizers */
		struct seat seat = seat_of(false);

		CHECK(sandbox_enter(&seat, 0) == 0);
		return unit_result();
	}
	CHECK(sandbox_check() == 0);
	CHECK(rights_give_up() == 0);
	CHECK(channel_open(ends) == 0);
	check_every_call();
	check_arguments();
	check_other_kinds();
	return unit_result();
}
