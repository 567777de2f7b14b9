/* `recover`: how soon every client is served again after a worker was killed. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "load.h"

enum { PING_INTERVAL_MSECS = 100 }; /* of each client while it waits */

/* Milliseconds from `recover_start` to the last echo, for clients that were served so far. */
static uint64_t recover_start;
static uint64_t recover_last;
static uint32_t recover_served;

static void recover_serve(struct client *client, uint32_t events)
{
	(void)events;
	client_receive(client);
	if (!client_done(client)) {
		client_send(client);
		return;
	}
	if (recover_start == 0 || client->resumed)
		return;
	if (!client->fresh) {
		client->fresh = true;
		client_ping(client, bytes_wanted);
		return;
	}
	client->resumed = true;
	recover_last = now_nsecs();
	latency_record(recover_last - recover_start);
	recover_served++;
}

/* Each client pings ten times a second, one after another, until the time has come. */
static void recover_ping_until(uint64_t end)
{
	const uint64_t begin = now_nsecs();
	uint64_t pinged = 0;

	for (uint64_t now = begin; now < end; now = now_nsecs()) {
		uint64_t due = (now - begin) * clients_wanted / (PING_INTERVAL_MSECS * NSECS_PER_MSEC);

		for (; pinged < due; pinged++) {
			struct client *client = &clients[pinged % clients_wanted];

			if (client_done(client))
				client_ping(client, bytes_wanted);
		}
		serve_events(recover_serve, 1);
	}
}

/* Every client pings from now on, and the time counts from `start`, until all have been served. */
static double recover_msecs(uint64_t start)
{
	recover_start = start;
	recover_served = 0;
	latency_reset();
	for (uint32_t i = 0; i < clients_wanted; i++) {
		clients[i].resumed = false;
		clients[i].fresh = client_done(&clients[i]);
		if (clients[i].fresh)
			client_ping(&clients[i], bytes_wanted);
	}
	while (recover_served < clients_wanted)
		serve_events(recover_serve, STALL_MSECS);
	recover_start = 0;
	return (double)(recover_last - start) / (double)NSECS_PER_MSEC;
}

/* Kills the victim and waits until it is dead: no ping sent after that can have been served by it. */
static void recover_kill(void)
{
	struct pollfd death = { .fd = -1, .events = POLLIN };

	death.fd = (int)syscall(SYS_pidfd_open, victim_pid, 0);
	if (death.fd < 0)
		fail("process %d: %s", (int)victim_pid, strerror(errno));
	if (kill((pid_t)victim_pid, SIGKILL) != 0)
		fail("kill %d: %s", (int)victim_pid, strerror(errno));
	if (poll(&death, 1, STALL_MSECS) != 1)
		fail("process %d does not die", (int)victim_pid);
	close(death.fd);
}

/* What pinging by all costs without a kill is measured first. */
void recover(void)
{
	uint64_t start;
	double undisturbed, dead, resumed;

	if (victim_pid == 0)
		fail("-k PID is missing");
	clients_open(clients_wanted);
	recover_ping_until(now_nsecs() + nsecs(seconds_wanted));
	undisturbed = recover_msecs(now_nsecs());
	recover_ping_until(now_nsecs() + PING_INTERVAL_MSECS * NSECS_PER_MSEC);
	start = now_nsecs();
	recover_kill();
	dead = (double)(now_nsecs() - start) / (double)NSECS_PER_MSEC;
	resumed = recover_msecs(start);
	printf("workload=%s clients=%u resumed_ms=%.3f p50_ms=%.3f dead_ms=%.3f undisturbed_ms=%.3f\n",
	       workload, clients_wanted, resumed, latency_usecs(0.5) / 1000, dead, undisturbed);
	recover_ping_until(now_nsecs() + PING_INTERVAL_MSECS * NSECS_PER_MSEC);
}
