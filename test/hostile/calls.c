/* Calling the system for what no worker calls it for; each of these must end it. */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "hostile.h"

static void call_open(const struct seat *seat, uint32_t slot)
{
	(void)seat, (void)slot;
	(void)open("/etc/passwd", O_RDONLY);
}

static void call_open_memory(const struct seat *seat, uint32_t slot)
{
	(void)seat, (void)slot;
	(void)open("/proc/self/mem", O_RDWR);
}

static void call_unlink(const struct seat *seat, uint32_t slot)
{
	(void)seat, (void)slot;
	(void)unlink("/nowhere/nothing");
}

static void call_socket(const struct seat *seat, uint32_t slot)
{
	(void)seat, (void)slot;
	(void)socket(AF_INET, SOCK_STREAM, 0);
}

static void call_connect(const struct seat *seat, uint32_t slot)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	(void)slot;
	(void)connect(seat->channel_fd, (struct sockaddr *)&to, sizeof(to));
}

/* On a socket that was reset this connects (tcp(7)). */
static void call_fast_open(const struct seat *seat, uint32_t slot)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	(void)slot;
	(void)sendto(seat->channel_fd, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&to, sizeof(to));
}

/* A message may carry descriptors. */
static void call_sendmsg(const struct seat *seat, uint32_t slot)
{
	struct msghdr header = { .msg_iov = NULL };

	(void)slot;
	(void)sendmsg(seat->channel_fd, &header, 0);
}

static void call_accept(const struct seat *seat, uint32_t slot)
{
	(void)slot;
	(void)accept4(seat->channel_fd, NULL, NULL, 0);
}

static void call_setsockopt(const struct seat *seat, uint32_t slot)
{
	int bytes = 1;

	(void)slot;
	(void)setsockopt(seat->channel_fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

static void call_execve(const struct seat *seat, uint32_t slot)
{
	char *const nothing[] = { NULL };

	(void)seat, (void)slot;
	(void)execve("/bin/true", nothing, nothing);
}

static void call_fork(const struct seat *seat, uint32_t slot)
{
	(void)seat, (void)slot;
	if (fork() == 0)
		_exit(0);
}

/* Signal 0 does nothing, should it come to that. */
static void call_kill(const struct seat *seat, uint32_t slot)
{
	(void)seat, (void)slot;
	(void)kill(1, 0);
}

static void call_ptrace(const struct seat *seat, uint32_t slot)
{
	(void)seat, (void)slot;
	(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static void call_write_memory(const struct seat *seat, uint32_t slot)
{
	(void)seat, (void)slot;
	(void)process_vm_writev(1, NULL, 0, NULL, 0, 0);
}

static void call_mmap(const struct seat *seat, uint32_t slot)
{
	(void)seat, (void)slot;
	(void)mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* To write where a part can only be read. */
static void call_mprotect(const struct seat *seat, uint32_t slot)
{
	(void)slot;
	(void)mprotect(seat->memory.base, MEMORY_WALL_BYTES, PROT_READ | PROT_WRITE);
}

static void call_memfd(const struct seat *seat, uint32_t slot)
{
	(void)seat, (void)slot;
	(void)memfd_create("x", 0);
}

static void call_fcntl(const struct seat *seat, uint32_t slot)
{
	(void)slot;
	(void)fcntl(seat->pipe_fd, F_SETPIPE_SZ, 4096);
}

/* The handler at which a forbidden call ends. */
static void call_sigaction(const struct seat *seat, uint32_t slot)
{
	(void)seat, (void)slot;
	(void)signal(SIGSYS, SIG_IGN);
}

static void call_prctl(const struct seat *seat, uint32_t slot)
{
	(void)seat, (void)slot;
	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static void call_setrlimit(const struct seat *seat, uint32_t slot)
{
	(void)seat, (void)slot;
	(void)syscall(SYS_prlimit64, 0, RLIMIT_DATA, NULL, NULL);
}

static void call_read(const struct seat *seat, uint32_t slot)
{
	char byte;

	(void)slot;
	if (read(seat->channel_fd, &byte, 1) < 0)
		return;
}

const struct deed call_deeds[] = {
	{ "openat", call_open },
	{ "openat-memory", call_open_memory },
	{ "unlink", call_unlink },
	{ "socket", call_socket },
	{ "connect", call_connect },
	{ "sendto", call_fast_open },
	{ "sendmsg", call_sendmsg },
	{ "accept4", call_accept },
	{ "setsockopt", call_setsockopt },
	{ "execve", call_execve },
	{ "clone", call_fork },
	{ "kill", call_kill },
	{ "ptrace", call_ptrace },
	{ "process_vm_writev", call_write_memory },
	{ "mmap", call_mmap },
	{ "mprotect", call_mprotect },
	{ "memfd_create", call_memfd },
	{ "fcntl", call_fcntl },
	{ "rt_sigaction", call_sigaction },
	{ "prctl", call_prctl },
	{ "prlimit64", call_setrlimit },
	{ "read", call_read },
	{ NULL, NULL },
};
