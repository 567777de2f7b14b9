/* When to look at whom; run by a worker. See timers.h. */
#include "worker/timers.h"

enum {
	LOOKS_A_TIME =
		8, /* at one, where only the kernel knows what its peer has acknowledged, and since when */
	ROUNDING_MSECS = 1, /* that clock_msecs() may be behind */
};

uint64_t timers_msecs(const struct clients *clients, enum timeout timeout)
{
	return (uint64_t)(timeout == TIMEOUT_IDLE ? clients->options->idle_timeout_msecs
						  : clients->options->stall_timeout_msecs);
}

int timers_init(struct clients *clients)
{
	for (enum timeout timeout = 0; timeout < TIMEOUTS; timeout++) {
		uint64_t msecs = timers_msecs(clients, timeout);

		if (msecs > 0 &&
		    wheel_init(&clients->timers[timeout], clients->part->plan.slot_count, msecs) != 0)
			return -1;
	}
	return 0;
}

void timers_release(struct clients *clients)
{
	for (enum timeout timeout = 0; timeout < TIMEOUTS; timeout++)
		wheel_release(&clients->timers[timeout]);
}

uint64_t timers_due(const struct clients *clients, const struct client *client, enum timeout timeout)
{
	const struct slot *slot = client->slot;
	uint64_t since = committed(&slot->moved_at);
	uint64_t heard_at = committed(&slot->heard_at);

	if (client->fd < 0 || slot_has(slot, SLOT_ENDED))
		return CLOCK_NEVER;
	if (timeout == TIMEOUT_STALL && (slot_backlog(slot) == 0 || slot_has(slot, SLOT_BROKEN)))
		return CLOCK_NEVER;
	if (timeout == TIMEOUT_IDLE && heard_at > since)
		since = heard_at;
	return since + timers_msecs(clients, timeout) + ROUNDING_MSECS;
}

void timers_set(struct clients *clients, const struct client *client, enum timeout timeout, uint64_t at)
{
	if (at != CLOCK_NEVER)
		wheel_set(&clients->timers[timeout], client_number(clients, client), at);
}

uint64_t timers_soon(const struct clients *clients, const struct client *client, enum timeout timeout)
{
	uint64_t at = timers_due(clients, client, timeout);

	if (at == CLOCK_NEVER)
		return at;
	return clock_sooner(at, clock_msecs() + timers_msecs(clients, timeout) / LOOKS_A_TIME);
}

/* An instant that is yet to come is no word of an honest predecessor, and its sum with a timeout may come round. */
static void put_right(_Atomic uint64_t *instant)
{
	uint64_t now = clock_msecs();

	if (committed(instant) > now + TIMERS_JIFFY_MSECS)
		commit(instant, now);
}

void timers_begin(struct clients *clients, const struct client *client)
{
	put_right(&client->slot->moved_at);
	put_right(&client->slot->heard_at);
	for (enum timeout timeout = 0; timeout < TIMEOUTS; timeout++) {
		if (timers_msecs(clients, timeout) == 0)
			continue;
		timers_set(clients, client, timeout, timers_soon(clients, client, timeout));
	}
}

void timers_note_queued(struct clients *clients, const struct client *client)
{
	uint64_t msecs = timers_msecs(clients, TIMEOUT_STALL);
	uint64_t now;

	if (msecs == 0)
		return;
	now = clock_msecs();
	commit(&client->slot->moved_at, now);
	timers_set(clients, client, TIMEOUT_STALL, now + msecs / LOOKS_A_TIME);
}

uint64_t timers_next(const struct clients *clients)
{
	return clock_sooner(wheel_next(&clients->timers[TIMEOUT_IDLE]),
			    wheel_next(&clients->timers[TIMEOUT_STALL]));
}
