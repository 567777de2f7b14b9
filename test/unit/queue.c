/* The queue: first in, first out, each number at most once, whatever is added and taken in whatever order. */
#include "common/queue.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

enum { NUMBERS = 7, STEPS = 20000 };

/* The same without any thought of speed: the numbers in line, the first one in front. */
struct model {
	uint32_t line[NUMBERS];
	uint32_t count;
};

static bool model_has(const struct model *model, uint32_t number)
{
	for (uint32_t at = 0; at < model->count; at++) {
		if (model->line[at] == number)
			return true;
	}
	return false;
}

static void model_add(struct model *model, uint32_t number)
{
	if (!model_has(model, number))
		model->line[model->count++] = number;
}

static uint32_t model_take(struct model *model)
{
	uint32_t number = model->line[0];

	model->count--;
	memmove(model->line, model->line + 1, model->count * sizeof(model->line[0]));
	return number;
}

/* Do both say the same of their length and of every number? */
static bool agree(const struct queue *queue, const struct model *model)
{
	for (uint32_t number = 0; number < NUMBERS; number++) {
		if (queue_has(queue, number) != model_has(model, number))
			return false;
	}
	return queue->count == model->count;
}

/* One number is the least there may be. */
static void check_smallest(void)
{
	struct queue queue;

	CHECK(queue_init(&queue, 1) == 0);
	queue_add(&queue, 0);
	queue_add(&queue, 0);
	CHECK(queue.count == 1 && queue_take(&queue) == 0 && queue.count == 0);
	queue_release(&queue);
}

/* More is added than taken with even seeds, so that the queue is often full; with odd ones it is often empty. */
static void check_against_model(unsigned seed)
{
	struct queue queue;
	struct model model = { .count = 0 };

	CHECK(queue_init(&queue, NUMBERS) == 0);
	srandom(seed);
	for (int i = 0; i < STEPS; i++) {
		uint32_t number = (uint32_t)random() % NUMBERS;
		bool adds = random() % 8 < (seed % 2 == 0 ? 6 : 4);

		if (adds) {
			queue_add(&queue, number);
			model_add(&model, number);
		} else if (model.count > 0) {
			CHECK(queue_take(&queue) == model_take(&model));
		}
		CHECK(agree(&queue, &model));
	}
	queue_release(&queue);
}

static void check_release(void)
{
	struct queue queue = { .next = NULL };

	queue_release(&queue);
	CHECK(queue.next == NULL);
	CHECK(queue_init(&queue, NUMBERS) == 0);
	queue_add(&queue, 4);
	queue_release(&queue);
	CHECK(queue.next == NULL);
	queue_release(&queue);
	/* What was in line before is not in line afterwards. */
	CHECK(queue_init(&queue, NUMBERS) == 0);
	CHECK(queue.count == 0 && !queue_has(&queue, 4));
	queue_release(&queue);
}

int main(void)
{
	check_smallest();
	for (unsigned seed = 1; seed <= 10; seed++)
		check_against_model(seed);
	check_release();
	return unit_result();
}
