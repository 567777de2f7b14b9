/*
 * A worker that was taken over, linked into a hostile build alone (src/common/hostile.h).
 *
 * ECHOD_HOSTILE=DEED: the first worker of which a client has sent TRIGGER_BYTES and no more does it, once. What is by
 * chance in it depends on ECHOD_HOSTILE_SEED.
 */
#include "common/hostile.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/commit.h"
#include "hostile.h"

enum { TRIGGER_BYTES = 13 };

static const struct deed *deed;
static const uint64_t *seals; /* of its slots' connections */
static atomic_uint *done;     /* by all processes together */

static const struct deed *find_deed(const char *name)
{
	static const struct deed *const lists[] = { call_deeds, memory_deeds, pipe_deeds, channel_deeds };

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		for (const struct deed *at = lists[i]; at->name != NULL; at++) {
			if (strcmp(at->name, name) == 0)
				return at;
		}
	}
	fprintf(stderr, "hostile: there is no deed '%s'\n", name);
	abort();
}

/* Runs before main(), so that all processes share the count. */
__attribute__((constructor)) static void read_request(void)
{
	const char *name = getenv("ECHOD_HOSTILE"), *seed = getenv("ECHOD_HOSTILE_SEED");

	if (name == NULL)
		return;
	if (seed != NULL)
		srandom((unsigned)strtoul(seed, NULL, 10));
	deed = find_deed(name);
	done = mmap(NULL, sizeof(*done), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (done == MAP_FAILED)
		abort();
}

struct part *part_of(const struct seat *seat)
{
	return seat->memory.base;
}

struct record record_of_client(const struct seat *seat, uint32_t slot, uint16_t length)
{
	const struct part *part = part_of(seat);

	return (struct record){ .mark = RECORD_MARK,
				.type = RECORD_DATA,
				.length = length,
				.padding = RECORD_TAIL_BYTES,
				.peer = part->slots[slot].peer,
				.slot = part->plan.first_slot + slot,
				.generation = part->slots[slot].generation,
				.seal = seals[slot],
				.offset = committed(&part->slots[slot].received) };
}

/* The only socket that has an address of the network. */
int client_fd(void)
{
	struct sockaddr_storage name = { .ss_family = AF_UNSPEC };

	for (int fd = 3;; fd++) {
		socklen_t bytes = sizeof(name);

		if (getsockname(fd, (struct sockaddr *)&name, &bytes) == 0 && name.ss_family != AF_UNIX)
			return fd;
	}
}

void hostile_turn(const struct seat *seat, const uint64_t *known_seals)
{
	struct part *part = part_of(seat);

	if (deed == NULL || atomic_load(done) > 0)
		return;
	seals = known_seals;
	for (uint32_t i = 0; i < committed(&part->plan.reach); i++) {
		const struct slot *slot = &part->slots[i];

		if (committed(&slot->state) == SLOT_OPEN && committed(&slot->received) == TRIGGER_BYTES &&
		    atomic_fetch_add(done, 1) == 0) {
			deed->act(seat, i);
			return;
		}
	}
}
