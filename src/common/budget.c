/* The memory of all echo buffers; the workers use it. See budget.h. */
#include "common/budget.h"

#include <unistd.h>

#include "common/number.h"

size_t budget_bytes(uint32_t workers)
{
	return sizeof(struct budget) + workers * sizeof(struct budget_account);
}

int budget_protect(const struct memory *memory, uint32_t worker)
{
	size_t own = budget_bytes(worker);
	size_t next = budget_bytes(worker + 1);

	if (memory_protect(memory, 0, own) != 0)
		return -1;
	return next == memory->bytes ? 0 : memory_protect(memory, next, memory->bytes - next);
}

void budget_init(struct budget *budget, uint64_t total_bytes, uint32_t workers)
{
	budget->plan.total_bytes = total_bytes;
	budget->plan.workers = workers;
}

void budget_expect(struct budget *budget, uint32_t worker, uint64_t clients, uint64_t buffer_bytes)
{
	uint64_t buffers = number_lesser(clients * buffer_bytes, budget->plan.total_bytes);

	atomic_store(&budget->plan.most[worker], buffers + clients * (uint64_t)sysconf(_SC_PAGESIZE));
}

uint64_t budget_most(const struct budget *budget, uint32_t worker)
{
	return atomic_load(&budget->plan.most[worker]);
}

uint64_t budget_said(const struct budget *budget, uint32_t worker)
{
	return atomic_load(&budget->accounts[worker].held);
}

uint64_t budget_held(const struct budget *budget, uint32_t worker)
{
	return number_lesser(budget_said(budget, worker),
			     number_lesser(budget_most(budget, worker), budget->plan.total_bytes));
}

static uint64_t held_by_all(const struct budget *budget)
{
	uint64_t held = 0;

	for (uint32_t i = 0; i < budget->plan.workers; i++)
		held += budget_held(budget, i);
	return held;
}

void budget_take_anyway(struct budget *budget, uint32_t worker, uint64_t bytes)
{
	atomic_fetch_add(&budget->accounts[worker].held, bytes);
}

uint64_t budget_take(struct budget *budget, uint32_t worker, uint64_t wanted, uint64_t unit)
{
	uint64_t held = held_by_all(budget);
	uint64_t left = held < budget->plan.total_bytes ? budget->plan.total_bytes - held : 0;
	uint64_t taken = wanted <= left ? wanted : left / unit * unit;

	if (taken == 0)
		return 0;
	budget_take_anyway(budget, worker, taken);
	if (held_by_all(budget) <= budget->plan.total_bytes)
		return taken;
	budget_give(budget, worker, taken);
	return 0;
}

void budget_give(struct budget *budget, uint32_t worker, uint64_t bytes)
{
	atomic_fetch_sub(&budget->accounts[worker].held, bytes);
}

void budget_set(struct budget *budget, uint32_t worker, uint64_t bytes)
{
	atomic_store(&budget->accounts[worker].held, bytes);
}
