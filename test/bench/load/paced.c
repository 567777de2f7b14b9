/*
 * The workload `paced`: an open loop. Each message is due at an instant of its own, whatever has come back until
 * then, and its latency counts from there: who is late makes those behind wait, and that is not hidden.
 */
#include <sys/prctl.h>

#include "load.h"

static uint64_t origin;        /* when the first message was due */
static uint64_t measured_from; /* messages that were due before do not count */
static uint64_t sent;          /* messages, by all clients in turn */
static uint64_t answered;

static uint64_t due_at(uint64_t message)
{
	return origin + (uint64_t)((double)message / rate_wanted * (double)NSECS_PER_SEC);
}

static void paced_serve(struct client *client, uint32_t events)
{
	uint64_t now;

	(void)events;
	client->returned += client_receive(client);
	now = now_nsecs();
	for (; client->returned >= bytes_wanted; client->returned -= bytes_wanted) {
		uint64_t due = due_at(client->index + client->answered++ * clients_wanted);

		answered++;
		if (due >= measured_from)
			latency_record(now - due);
	}
	client_send(client);
}

static void send_due(void)
{
	uint64_t now = now_nsecs();

	for (; due_at(sent) <= now; sent++) {
		struct client *client = &clients[sent % clients_wanted];

		client->allowed += bytes_wanted;
		client_send(client);
	}
}

static void keep_pace_until(uint64_t end)
{
	while (due_at(sent) < end) {
		send_due();
		wait_for_events(due_at(sent));
		serve_events(paced_serve, 0);
	}
}

void paced(void)
{
	if (rate_wanted <= 0)
		fail("wrong arguments");
	clients_open(clients_wanted);
	(void)prctl(PR_SET_TIMERSLACK, 1UL); /* or each wait takes 50 microseconds more */
	origin = now_nsecs();
	keep_pace_until(origin + nsecs(seconds_wanted / 10));
	measured_from = due_at(sent);
	measure_begin();
	keep_pace_until(measured_from + nsecs(seconds_wanted));
	while (answered < sent)
		serve_events(paced_serve, STALL_MSECS);
	measure_end(false);
}
