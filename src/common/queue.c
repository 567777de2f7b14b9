/* First in, first out; the master and the workers use it. See queue.h. */
#include "common/queue.h"

#include <stdlib.h>

int queue_init(struct queue *queue, uint32_t most)
{
	*queue = (struct queue){ .next = calloc(most, sizeof(*queue->next)) };
	return queue->next != NULL ? 0 : -1;
}

void queue_release(struct queue *queue)
{
	free(queue->next);
	queue->next = NULL;
}

bool queue_has(const struct queue *queue, uint32_t number)
{
	return queue->next[number] != 0;
}

void queue_add(struct queue *queue, uint32_t number)
{
	if (queue_has(queue, number))
		return;
	if (queue->count++ == 0)
		queue->first = number;
	else
		queue->next[queue->last] = number + 1;
	queue->next[number] = number + 1;
	queue->last = number;
}

uint32_t queue_take(struct queue *queue)
{
	uint32_t number = queue->first;

	queue->first = queue->next[number] - 1;
	queue->next[number] = 0;
	queue->count--;
	return number;
}
