/* What a worker that was taken over can do: the deeds, by what they are done to. */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <stdint.h>

#include "common/seat.h"
#include "common/table.h"

struct deed {
	const char *name;
	void (*act)(const struct seat *seat, uint32_t slot); /* the slot of the client that has told it to */
};

/* Each list ends with a deed without a name. */
extern const struct deed call_deeds[], memory_deeds[], pipe_deeds[], channel_deeds[];

/* The worker's part. */
struct part *part_of(const struct seat *seat);

/* The beginning of a record of this client, with its own seal, for so many bytes. */
struct record record_of_client(const struct seat *seat, uint32_t slot, uint16_t length);

/* The connection with the worker's only client. */
int client_fd(void);

/* Has the master say a word about this worker. */
void say_word(const struct seat *seat, const char *word);

#endif
