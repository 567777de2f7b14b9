/* Memory for what slow clients have not read yet; run by a worker. See buffer.h. */
#include "worker/buffer.h"

#include <sys/mman.h>

#include "common/commit.h"

/* At once: each takes a system call, in which nobody is served. A page of each is more than anybody needs at once. */
enum { TRIM_RINGS = 64 };

/* ---- what a predecessor left ---- */

/* Gives the memory from one position in the part to another back to the system; if that fails the next start does. */
static void give_back_between(struct part *part, uint64_t from, uint64_t to)
{
	if (to > from)
		(void)madvise((uint8_t *)part + from, to - from, MADV_REMOVE);
}

/* The memory in which an echo waits for its client, in whole pages. */
static uint64_t waiting_bytes(const struct clients *clients, struct slot *slot)
{
	struct ring ring = slot_ring(clients->part, slot);

	if (slot_backlog(slot) == 0 || slot_has(slot, SLOT_BROKEN))
		return 0;
	return memory_whole_pages(ring_reach(&ring, slot_queued(slot)), clients->page_bytes);
}

/* What is booked is had, or the master would take it for a lie: a predecessor may have booked what it never wrote. */
static void touch(const struct clients *clients, uint64_t from, uint64_t to)
{
	for (uint64_t at = from; at < to; at += clients->page_bytes)
		atomic_fetch_or((_Atomic uint8_t *)((uint8_t *)clients->part + at), 0);
}

void buffers_check(struct clients *clients)
{
	struct part *part = clients->part;
	uint64_t given_back = part->plan.rings_at;
	uint64_t held = 0;
	/* And a page for each: an empty buffer gets one even if there is none left. */
	uint64_t most = clients->budget->plan.total_bytes;

	for (uint32_t i = 0; i < committed(&part->plan.reach); i++) {
		struct slot *slot = &part->slots[i];
		uint64_t ring_at = part->plan.rings_at + i * part->plan.ring_stride;
		uint64_t waiting = 0;

		if (committed(&slot->state) == SLOT_OPEN) {
			most += clients->page_bytes;
			if (!slot_is_sound(part, slot) || held + waiting_bytes(clients, slot) > most)
				slot_set(slot, SLOT_DAMAGED);
			else
				waiting = waiting_bytes(clients, slot);
		}
		commit(&slot->ring_held, waiting);
		if (waiting == 0)
			continue;
		give_back_between(part, given_back, ring_at);
		given_back = ring_at + waiting;
		touch(clients, ring_at, given_back);
		held += waiting;
	}
	give_back_between(part, given_back, clients->part_bytes);
	budget_set(clients->budget, clients->account, held);
}

/* ---- taking ---- */

static uint64_t take(const struct clients *clients, uint64_t bytes)
{
	return budget_take(clients->budget, clients->account, bytes, clients->page_bytes);
}

/* Lets a ring hold as much of what is needed as can be had. */
static void take_memory(struct clients *clients, struct slot *slot, uint64_t needed)
{
	uint64_t held = committed(&slot->ring_held);
	uint64_t taken = take(clients, needed - held);

	if (held + taken < needed) {
		(void)buffers_trim(clients);
		held = committed(&slot->ring_held);
		taken += take(clients, needed - held - taken);
	}
	if (held + taken == 0 && clients->options->when_full == WHEN_FULL_PAUSE) {
		taken = clients->page_bytes;
		budget_take_anyway(clients->budget, clients->account, taken);
	}
	commit(&slot->ring_held, held + taken);
}

uint64_t buffer_make_room(struct clients *clients, struct slot *slot, uint64_t wanted)
{
	uint64_t queued = slot_queued(slot);
	uint64_t backlog = slot_backlog(slot);
	uint64_t left = clients->part->plan.ring_bytes - backlog;
	uint64_t needed, held;
	struct ring ring;

	if (wanted > left)
		wanted = left;
	if (backlog == 0)
		commit(&slot->ring_base, queued);
	ring = slot_ring(clients->part, slot);
	needed = ring_reach(&ring, queued + wanted);
	needed = memory_whole_pages(needed, clients->page_bytes);
	if (needed > committed(&slot->ring_held))
		take_memory(clients, slot, needed);
	held = committed(&slot->ring_held);
	if (held >= needed)
		return wanted;
	return held > queued - ring.base ? held - (queued - ring.base) : 0;
}

/* ---- giving back ---- */

void buffer_give_back(struct clients *clients, struct slot *slot)
{
	uint64_t freed = slot_give_ring_back(clients->part, slot);

	if (freed > 0)
		budget_give(clients->budget, clients->account, freed);
}

void buffer_note_idle(struct clients *clients, const struct client *client)
{
	if (committed(&client->slot->ring_held) > 0 && slot_backlog(client->slot) == 0)
		queue_add(&clients->idle_rings, client_number(clients, client));
}

bool buffers_trim(struct clients *clients)
{
	for (int rings = 0; clients->idle_rings.count > 0 && rings < TRIM_RINGS;) {
		struct slot *slot = clients->each[queue_take(&clients->idle_rings)].slot;

		if (slot_backlog(slot) == 0 && committed(&slot->ring_held) > 0) {
			buffer_give_back(clients, slot);
			rings++;
		}
	}
	return clients->idle_rings.count == 0;
}
