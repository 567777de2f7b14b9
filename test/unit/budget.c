/* The budget: what is taken and given back, and how little of what a worker claims the others believe. */
#include "common/budget.h"

#include "unit.h"

enum { WORKERS = 3, PAGE = 4096, BUFFER = 16 * PAGE, TOTAL = 40 * PAGE };

static struct budget *new_budget(struct memory *memory)
{
	CHECK(memory_create(memory, "budget", budget_bytes(WORKERS)) == 0);
	budget_init(memory->base, TOTAL, WORKERS);
	return memory->base;
}

static void check_honest(void)
{
	struct memory memory;
	struct budget *budget = new_budget(&memory);

	for (uint32_t i = 0; i < WORKERS; i++)
		budget_expect(budget, i, 2, BUFFER);
	CHECK(budget_take(budget, 0, 20 * PAGE, PAGE) == 20 * PAGE);
	CHECK(budget_take(budget, 1, 16 * PAGE + 1, PAGE) == 16 * PAGE + 1);
	CHECK(budget_take(budget, 2, 5 * PAGE, PAGE) == 3 * PAGE);
	CHECK(budget_take(budget, 2, PAGE, PAGE) == 0);
	budget_give(budget, 0, 20 * PAGE);
	CHECK(budget_held(budget, 0) == 0);
	CHECK(budget_take(budget, 2, PAGE, PAGE) == PAGE);
	budget_take_anyway(budget, 2, TOTAL);
	CHECK(budget_take(budget, 1, PAGE, PAGE) == 0);
	budget_set(budget, 2, PAGE);
	CHECK(budget_take(budget, 1, PAGE, PAGE) == PAGE);
	memory_release(&memory);
}

static void check_lies(void)
{
	struct memory memory;
	struct budget *budget = new_budget(&memory);

	budget_expect(budget, 0, 1, BUFFER);
	budget_expect(budget, 1, 4, BUFFER);
	budget_set(budget, 0, UINT64_MAX);
	budget_set(budget, 2, UINT64_MAX);
	CHECK(budget_said(budget, 0) == UINT64_MAX);
	CHECK(budget_held(budget, 0) == BUFFER + PAGE); /* a page that an empty buffer gets in any case */
	CHECK(budget_held(budget, 2) == 0);
	CHECK(budget_take(budget, 1, TOTAL, PAGE) == TOTAL - BUFFER - PAGE);
	/* However many clients it has, it is no more than the total, but for their pages. */
	budget_expect(budget, 0, 1000, BUFFER);
	CHECK(budget_most(budget, 0) == TOTAL + 1000 * PAGE);
	CHECK(budget_held(budget, 0) == TOTAL);
	memory_release(&memory);
}

int main(void)
{
	check_honest();
	check_lies();
	return unit_result();
}
