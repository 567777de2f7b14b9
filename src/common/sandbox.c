/* Filters on system calls; every child enters one. See sandbox.h. */
#include "common/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/rights.h"
#include "options.h"

/* They call the system for what no rule knows. */
#if defined(__SANITIZE_ADDRESS__)
#define SANDBOX_SANITIZERS true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANDBOX_SANITIZERS true
#endif
#endif
#ifndef SANDBOX_SANITIZERS
#define SANDBOX_SANITIZERS false
#endif

#if defined(__x86_64__)
#define SANDBOX_PROCESSOR AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define SANDBOX_PROCESSOR AUDIT_ARCH_AARCH64
#else
#define SANDBOX_PROCESSOR 0 /* none for which the rules were tried */
#endif

/* ---- the rules ---- */

/* Standard ones, the channel, a pipe or more, epoll's, and one on its way. */
enum { OWN_DESCRIPTORS_MAX = 16 };

enum { CONDITIONS_MAX = 2, RULES_MAX = 64, RULE_INSTRUCTIONS_MAX = 3 + 4 * CONDITIONS_MAX };

/* What an argument of a call must be. Of an int the kernel looks at the lower half alone. */
struct condition {
	enum { ANY, INT_IS, NULL_POINTER } what;
	uint8_t argument;
	uint32_t value;
};

/* A call that is let through if all is as it must be. */
struct rule {
	uint32_t call;
	struct condition conditions[CONDITIONS_MAX];
};

#define ALWAYS              \
	{                   \
		.what = ANY \
	}
#define IF_INT(number, is)                                                    \
	{                                                                     \
		.what = INT_IS, .argument = (number), .value = (uint32_t)(is) \
	}
#define IF_NULL(number)                                    \
	{                                                  \
		.what = NULL_POINTER, .argument = (number) \
	}

/*
 * A call for which no argument matters costs next to nothing: from 5.11 on Linux knows that without asking the filter.
 * So are those that a worker makes for each message, but for send(2), which comes first: it is faster than what it can
 * be replaced by. An address to send to would have a socket that was reset connect anywhere (MSG_FASTOPEN), and
 * sendmsg(2) may have one, and descriptors.
 */
static const struct rule worker_rules[] = {
	{ SYS_sendto, { IF_INT(3, MSG_NOSIGNAL), IF_NULL(4) } },
	{ SYS_recvfrom, { ALWAYS } },
	{ SYS_writev, { ALWAYS } },
	{ SYS_write, { ALWAYS } },
#ifdef SYS_epoll_wait
	{ SYS_epoll_wait, { ALWAYS } },
#endif
	{ SYS_epoll_pwait, { ALWAYS } },
	{ SYS_sched_yield, { ALWAYS } },
	/* One that may wait in the pipe is taken by some kernels for a reason to keep its reader there. */
	{ SYS_vmsplice, { IF_INT(3, SPLICE_F_NONBLOCK) } },
	{ SYS_readv, { ALWAYS } },
	{ SYS_epoll_ctl, { ALWAYS } },
	{ SYS_recvmsg, { ALWAYS } },
	{ SYS_getsockopt, { IF_INT(1, IPPROTO_TCP), IF_INT(2, TCP_INFO) } },
	{ SYS_setsockopt, { IF_INT(1, IPPROTO_TCP), IF_INT(2, TCP_INQ) } },
	{ SYS_getsockname, { ALWAYS } },
	{ SYS_shutdown, { ALWAYS } },
	{ SYS_ioctl, { IF_INT(1, SIOCINQ) } },
	{ SYS_ioctl, { IF_INT(1, SIOCOUTQ) } },
	{ SYS_madvise, { IF_INT(2, MADV_REMOVE) } },
};

static const struct rule logger_rules[] = {
	{ SYS_read, { ALWAYS } },
	{ SYS_writev, { ALWAYS } },
	{ SYS_lseek, { ALWAYS } },
	{ SYS_splice, { ALWAYS } },
	{ SYS_write, { ALWAYS } },
	{ SYS_pread64, { ALWAYS } },
	{ SYS_sendto, { IF_INT(3, MSG_NOSIGNAL), IF_NULL(4) } },
	{ SYS_ioctl, { IF_INT(1, FIONREAD) } },
	{ SYS_getppid, { ALWAYS } },
	{ SYS_getrandom, { ALWAYS } },
};

/* What any process does. */
static const struct rule common_rules[] = {
#ifdef SYS_poll
	{ SYS_poll, { ALWAYS } },
#endif
	{ SYS_ppoll, { ALWAYS } },
	{ SYS_clock_gettime, { ALWAYS } },
	{ SYS_nanosleep, { ALWAYS } },
	{ SYS_clock_nanosleep, { ALWAYS } },
	{ SYS_restart_syscall, { ALWAYS } },
	{ SYS_close, { ALWAYS } },
	{ SYS_munmap, { ALWAYS } },
	{ SYS_brk, { ALWAYS } },
	{ SYS_exit_group, { ALWAYS } },
#ifdef ECHOD_FAULTS
	{ SYS_getpid, { ALWAYS } },
	{ SYS_kill, { ALWAYS } },
#endif
};

/* ---- the filter ---- */

/* A program for the kernel's filter machine (BPF, bpf(4)); longer than it can be none gets. */
struct program {
	struct sock_filter instructions[8 + RULES_MAX * RULE_INSTRUCTIONS_MAX];
	unsigned short count;
};

static void add(struct program *program, struct sock_filter instruction)
{
	program->instructions[program->count++] = instruction;
}

static void add_load(struct program *program, size_t offset)
{
	add(program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

/* Goes on only with this value, else behind so many instructions more. */
static void add_unless(struct program *program, uint32_t value, size_t skip)
{
	add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, (uint8_t)skip));
}

static void add_answer(struct program *program, uint32_t answer)
{
	add(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, answer));
}

/* The lower half of an argument, or the upper one: both processors are little-endian. */
static size_t half_of(uint8_t argument, size_t upper)
{
	return offsetof(struct seccomp_data, args) + 8 * argument + 4 * upper;
}

static size_t length_of(const struct condition *condition)
{
	return condition->what == ANY ? 0 : condition->what == INT_IS ? 2 : 4;
}

/* `left` instructions of the rule follow behind the condition. */
static void add_condition(struct program *program, const struct condition *condition, size_t left)
{
	if (condition->what == ANY)
		return;
	if (condition->what == NULL_POINTER) {
		add_load(program, half_of(condition->argument, 1));
		add_unless(program, 0, left + 2);
	}
	add_load(program, half_of(condition->argument, 0));
	add_unless(program, condition->value, left);
}

/* With the call's number loaded, which is so behind the rule, too. */
static void add_rule(struct program *program, const struct rule *rule)
{
	size_t left = 1;

	for (size_t i = 0; i < CONDITIONS_MAX; i++)
		left += length_of(&rule->conditions[i]);
	add_unless(program, rule->call, left + (left > 1));
	for (size_t i = 0; i < CONDITIONS_MAX; i++) {
		left -= length_of(&rule->conditions[i]);
		add_condition(program, &rule->conditions[i], left);
	}
	add_answer(program, SECCOMP_RET_ALLOW);
	if (rule->conditions[0].what != ANY)
		add_load(program, offsetof(struct seccomp_data, nr));
}

static void add_rules(struct program *program, const struct rule *rules, size_t count)
{
	for (size_t i = 0; i < count; i++)
		add_rule(program, &rules[i]);
}

/* A call is known by its number only together with the kind of call; numbers of x32 are none of these. */
static void begin(struct program *program, uint32_t processor)
{
	program->count = 0;
	add_load(program, offsetof(struct seccomp_data, arch));
	add_unless(program, processor, 1);
	add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0));
	add_answer(program, SECCOMP_RET_KILL_PROCESS);
	add_load(program, offsetof(struct seccomp_data, nr));
}

/* ---- entering ---- */

static int channel_fd;

/* Tells the master what the call was; after a call that was let through this process would go on. */
static void end(int signal_number, siginfo_t *info, void *context)
{
	struct channel_message message = { .type = CHANNEL_FORBIDDEN,
					   .count = 1,
					   .slots = { (uint32_t)info->si_syscall } };

	(void)signal_number, (void)context;
	(void)channel_send(channel_fd, &message, -1); /* the exit status says it, too */
	_exit(SEAT_FORBIDDEN);
}

static int catch_calls(void)
{
	struct sigaction action = { .sa_sigaction = end, .sa_flags = SA_SIGINFO };

	return sigaction(SIGSYS, &action, NULL);
}

static int load(struct program *program)
{
	struct sock_fprog filter = { .len = program->count, .filter = program->instructions };

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0);
}

bool sandbox_is_wanted(const struct options *options)
{
	return options->sandbox && !SANDBOX_SANITIZERS;
}

int sandbox_check(void)
{
	if (SANDBOX_PROCESSOR == 0)
		errno = ENOSYS;
	/* A system that has filters looks for one where there is none (prctl(2)). */
	else if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0) != 0 && errno == EFAULT)
		return 0;
	return -1;
}

int sandbox_enter(const struct seat *seat, uint32_t descriptors)
{
	static struct program program;
	bool is_logger = seat->relay_fds[0] >= 0;

	if (!sandbox_is_wanted(seat->options))
		return 0;
	channel_fd = seat->channel_fd;
	begin(&program, SANDBOX_PROCESSOR);
	if (is_logger)
		add_rules(&program, logger_rules, sizeof(logger_rules) / sizeof(logger_rules[0]));
	else
		add_rules(&program, worker_rules, sizeof(worker_rules) / sizeof(worker_rules[0]));
	add_rules(&program, common_rules, sizeof(common_rules) / sizeof(common_rules[0]));
	add_answer(&program, SECCOMP_RET_TRAP);
	rights_limit(is_logger, OWN_DESCRIPTORS_MAX + (uint64_t)descriptors);
	return catch_calls() == 0 ? load(&program) : -1;
}
