/* The audit: which memory of a worker's is taken for a lie, at once or look after look, and which is not. */
#include "master/audit.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/budget.h"
#include "common/commit.h"
#include "common/diag.h"
#include "options.h"
#include "unit.h"

enum { CLIENTS = 1000, LOOKS = 3, MANY_LOOKS = 32 };

#define RING_BYTES       (UINT64_C(64) << 10)
#define LARGE_RING_BYTES (UINT64_C(8) << 20)
#define MIB              (UINT64_C(1) << 20)

static struct options options;
static struct master master = { .options = &options };
static uint64_t page, ring_bytes;

static bool swallow(const void *context, const char *line, size_t length)
{
	(void)context, (void)line, (void)length;
	return true;
}

static void set_up(uint32_t clients, uint64_t bytes)
{
	page = (uint64_t)sysconf(_SC_PAGESIZE);
	ring_bytes = bytes;
	free(master.ledger);
	master.ledger = calloc(1, ledger_bytes(clients));
	CHECK(master.ledger != NULL);
	CHECK(memory_create(&master.child_memory[0], "part", part_bytes(clients, ring_bytes)) == 0);
	CHECK(memory_create(&master.budget_memory, "budget", budget_bytes(1)) == 0);
	master.ledger->workers = 1;
	master.workers[0].part = master.child_memory[0].base;
	part_init(master.workers[0].part, 0, clients, ring_bytes);
	master.ledger->children[0].memory_fd = master.child_memory[0].fd;
	diag_through(swallow, NULL);
}

static void expect(uint32_t clients)
{
	master.workers[0].clients = clients;
	budget_expect(master.budget_memory.base, 0, clients, ring_bytes);
}

/* A worker with so many connections begins, with an account of its own making and so many pages of each of their rings. */
static void begin(enum when_full when_full, uint64_t total, uint32_t clients, uint64_t said, uint64_t pages)
{
	struct process *process = &master.ledger->children[0].process;
	struct budget *budget = master.budget_memory.base;
	struct part *part = master.workers[0].part;

	CHECK(madvise((uint8_t *)part + part->plan.rings_at,
		      master.child_memory[0].bytes - part->plan.rings_at, MADV_REMOVE) == 0);
	for (uint32_t i = 0; i < clients; i++) {
		for (uint64_t at = 0; at < pages * page; at += page)
			slot_ring(part, &part->slots[i]).bytes[at] = 1;
	}
	options.when_full = when_full;
	budget_init(budget, total, 1);
	budget_set(budget, 0, said);
	expect(clients);
	*process = (struct process){ .pid = fork(), .ready = true };
	CHECK(process->pid >= 0);
	while (process->pid == 0)
		pause();
}

/* Between two looks the worker may say something else. */
static void say_nothing(int look)
{
	(void)look;
}

/* At each third look it says what is so, which is nothing. */
static void lie_at_times(int look)
{
	budget_set(master.budget_memory.base, 0, look % 3 == 0 ? 0 : UINT64_MAX);
}

/* As a worker may be that is in the middle of something. */
static void err_at_times(int look)
{
	budget_set(master.budget_memory.base, 0, look % 4 == 0 ? UINT64_MAX : 0);
}

/* At which look it was killed; 0: at none. */
static int killed_with(void (*say)(int look))
{
	struct process *process = &master.ledger->children[0].process;
	int at = 0;

	for (int look = 1; look <= MANY_LOOKS && at == 0; look++) {
		say(look);
		master.audit_at = 0;
		audit_advance(&master);
		at = process->ready ? 0 : look;
	}
	if (at == 0)
		kill(process->pid, SIGKILL);
	CHECK(waitpid(process->pid, NULL, 0) == process->pid);
	return at;
}

static int killed_at(void)
{
	return killed_with(say_nothing);
}

static void check_honest(void)
{
	begin(WHEN_FULL_DROP, 64 * MIB, 0, 0, 0);
	CHECK(killed_at() == 0);
	begin(WHEN_FULL_DROP, 64 * MIB, CLIENTS, CLIENTS * RING_BYTES, RING_BYTES / page);
	CHECK(killed_at() == 0);
	/* A page for each, though there is less in all. */
	begin(WHEN_FULL_PAUSE, RING_BYTES, CLIENTS, RING_BYTES + CLIENTS * page, 1);
	CHECK(killed_at() == 0);
	begin(WHEN_FULL_DROP, 64 * MIB, 1, 0, 0);
	CHECK(killed_with(err_at_times) == 0);
	/* Booked for what is to be received, and not used. */
	begin(WHEN_FULL_PAUSE, 64 * MIB, CLIENTS, CLIENTS * RING_BYTES, 0);
	CHECK(killed_at() == 0);
}

static void check_lies(void)
{
	begin(WHEN_FULL_DROP, 64 * MIB, CLIENTS, CLIENTS * RING_BYTES, 0);
	CHECK(killed_at() == LOOKS);
	begin(WHEN_FULL_DROP, 64 * MIB, CLIENTS, 0, RING_BYTES / page);
	CHECK(killed_at() == LOOKS);
	begin(WHEN_FULL_PAUSE, 64 * MIB, 1, UINT64_MAX, 1);
	CHECK(killed_at() == LOOKS);
	begin(WHEN_FULL_DROP, 64 * MIB, 1, 0, 0);
	CHECK(killed_with(lie_at_times) == 4);
	/* Written down and had, but by no connection. */
	begin(WHEN_FULL_DROP, 64 * MIB, CLIENTS, CLIENTS * RING_BYTES, RING_BYTES / page);
	expect(1);
	CHECK(killed_at() == 1);
}

/* However large a buffer may be, memory of that size that is not written down is noticed. */
static void check_large_buffer(void)
{
	begin(WHEN_FULL_DROP, 64 * MIB, 1, 0, LARGE_RING_BYTES / page);
	CHECK(killed_at() == LOOKS);
	/* It was just given back. */
	begin(WHEN_FULL_DROP, 64 * MIB, 1, LARGE_RING_BYTES, 0);
	CHECK(killed_at() == 0);
}

int main(void)
{
	set_up(CLIENTS, RING_BYTES);
	check_honest();
	check_lies();
	set_up(1, LARGE_RING_BYTES);
	check_large_buffer();
	return unit_result();
}
