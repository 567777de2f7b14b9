/*
 * Numbers waiting in line, first in first out; each stands in a queue at most once.
 *
 * Which numbers there are is said once: a queue takes its memory at the beginning and never fails
 * afterwards.
 */
#ifndef ECHOD_QUEUE_H
#define ECHOD_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

struct queue {
	uint32_t
		*next; /* for each number, one more than the next one's; its own at the end; 0: not in line */
	uint32_t first; /* valid like `last` while there are any */
	uint32_t last;
	uint32_t count;
};

/* Makes an empty queue for the numbers below `most`. -1 with errno (ENOMEM). */
int queue_init(struct queue *queue, uint32_t most);

/* Frees what queue_init() took; does nothing to a queue of zeros. */
void queue_release(struct queue *queue);

/* Does the number stand in line? */
bool queue_has(const struct queue *queue, uint32_t number);

/* Adds a number at the end, unless it stands in line already. */
void queue_add(struct queue *queue, uint32_t number);

/* The first number; there must be one. */
static inline uint32_t queue_first(const struct queue *queue)
{
	return queue->first;
}

/* Takes the first number out; there must be one. */
uint32_t queue_take(struct queue *queue);

#endif
