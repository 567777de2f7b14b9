/*
 * A worker process: one loop that adopts connections, serves them, and forwards what they send.
 *
 * It is disposable. It never waits for a client, and whatever instant it is killed at, another one
 * started on the same part of the table goes on where it was.
 */
#include "worker/worker.h"

#include <errno.h>
#include <sched.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/clock.h"
#include "common/diag.h"
#include "options.h"
#include "worker/client.h"
#include "worker/tap.h"

enum {
	EVENTS_MAX = 256,
	TRIM_MSECS = 1000, /* how long an empty ring keeps its memory, at least */
	RETRY_MSECS = 20,  /* between attempts to serve clients for which there was no memory */
	ADOPT_MAX = 64,    /* connections adopted before others are served again */
	LINGER_USECS = 50, /* how long to look for more before sleeping */
	LINGER_SKIP = 63,  /* where that was in vain again and again, so many waits go without it */
};

/* Event data that is no client's: a client's has a generation in its upper half, which is never 0. */
#define CHANNEL_EVENT ((uint64_t)1)
#define PIPE_EVENT    ((uint64_t)2)

struct worker {
	const struct seat *seat;
	struct part *part;
	struct tap tap;
	struct clients clients;
	int epoll_fd;
	bool waits_for_pipe;     /* the pipe is registered with epoll */
	bool dismissed;          /* end-of-file on the channel: no more connections will come */
	uint64_t deadline_at;    /* of the shutdown; CLOCK_NEVER: there is none */
	uint64_t retry_at;       /* when starved and stalled clients try again; CLOCK_NEVER: none are */
	uint64_t trim_at;        /* when to trim next; CLOCK_NEVER: nothing to trim */
	uint64_t single;         /* event data, if the last event came alone and from a client; else 0 */
	bool single_again;       /* so did the one before, and from the same client */
	uint32_t linger_in_vain; /* doubles with each lingering that was in vain */
	uint32_t linger_skip;    /* waits until the next lingering */
};

static bool is_client(uint64_t event_data)
{
	return event_data > UINT32_MAX;
}

static int watch(struct worker *worker, int operation, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event event = { .events = events, .data.u64 = data };

	return epoll_ctl(worker->epoll_fd, operation, fd, &event);
}

static int attach(struct worker *worker, const struct seat *seat)
{
	struct channel_message ready = { .type = CHANNEL_READY };

	*worker = (struct worker){ .seat = seat,
				   .part = seat->memory.base,
				   .deadline_at = seat->deadline_at,
				   .retry_at = CLOCK_NEVER,
				   .trim_at = CLOCK_NEVER };
	if (!tap_init(&worker->tap, worker->part, seat->pipe_fd))
		diag("worker %u: the batch it was left is damaged, log bytes are lost", seat->number);
	if (part_in_hand(worker->part, worker->part->slot_count) == PART_NOBODY)
		tap_abandon_in_hand(&worker->tap);
	worker->epoll_fd = epoll_create1(0);
	if (worker->epoll_fd < 0 ||
	    watch(worker, EPOLL_CTL_ADD, seat->channel_fd, EPOLLIN, CHANNEL_EVENT) != 0)
		return -1;
	if (clients_init(&worker->clients, seat, &worker->tap, worker->epoll_fd) != 0)
		return -1;
	worker->clients.draining = worker->deadline_at != CLOCK_NEVER;
	clients_check_memory(&worker->clients);
	return channel_send_patiently(seat->channel_fd, &ready);
}

/* ---- the channel ---- */

static void refuse(struct worker *worker, uint32_t index)
{
	struct channel_message refused = { .type = CHANNEL_REFUSED, .count = 1, .slots = { index } };

	if (channel_send_patiently(worker->seat->channel_fd, &refused) != 0)
		diag_errno("worker %u: to the master", worker->seat->number);
}

static void adopt(struct worker *worker, const struct channel_message *message, int fd)
{
	uint32_t index = message->slots[0];
	uint32_t in_hand = part_in_hand(worker->part, worker->part->slot_count);

	if (fd >= 0 && in_hand != PART_NOBODY && in_hand != index) {
		close(fd); /* the chunk in hand must be settled first */
		fd = -1;
	}
	if (fd < 0) {
		refuse(worker, index);
		return;
	}
	if (message->count != 1 || index >= worker->part->slot_count || worker->clients.each[index].fd >= 0) {
		close(fd);
		return;
	}
	client_adopt(&worker->clients, index, fd);
}

static void drain(struct worker *worker, uint64_t deadline_at)
{
	if (worker->clients.draining)
		return;
	worker->deadline_at = deadline_at;
	worker->clients.draining = true;
	for (uint32_t i = 0; i < worker->clients.reach; i++)
		if (worker->clients.each[i].fd >= 0)
			client_drain(&worker->clients, i);
}

/* Without a master there is nobody to keep a deadline but this process. */
static void dismiss(struct worker *worker)
{
	worker->dismissed = true;
	if (part_in_hand(worker->part, worker->part->slot_count) != PART_NOBODY)
		tap_abandon_in_hand(&worker->tap); /* its descriptor will not come any more */
	if (watch(worker, EPOLL_CTL_DEL, worker->seat->channel_fd, 0, CHANNEL_EVENT) != 0)
		diag_errno("epoll_ctl");
	drain(worker, clock_msecs() + (uint64_t)worker->seat->options->drain_timeout_msecs);
}

static void read_channel(struct worker *worker)
{
	struct channel_message message;
	int fd = -1;

	for (int i = 0; i < ADOPT_MAX && !worker->dismissed; i++) {
		switch (channel_receive(worker->seat->channel_fd, &message, &fd)) {
		case CHANNEL_MESSAGE:
			if (message.type == CHANNEL_CLIENT)
				adopt(worker, &message, fd);
			else if (message.type == CHANNEL_DRAIN)
				drain(worker, message.deadline_at);
			break;
		case CHANNEL_EMPTY:
			return;
		case CHANNEL_FAILED:
			diag_errno("worker %u: from the master", worker->seat->number);
			return;
		case CHANNEL_CLOSED:
			dismiss(worker);
			break;
		}
	}
}

static void report_done(struct worker *worker)
{
	struct channel_message done = { .type = CHANNEL_DONE };

	while (worker->clients.finished_count > 0) {
		done.count = clients_take_finished(&worker->clients, done.slots, CHANNEL_SLOTS_MAX);
		/* A master that is gone needs not be told. */
		if (channel_send_patiently(worker->seat->channel_fd, &done) != 0 && !worker->dismissed)
			dismiss(worker);
	}
}

/* ---- the log ---- */

/* Writes the batch; while the pipe has no room nothing is received, and echoes go on. */
static void flush(struct worker *worker)
{
	bool empty;

	/* What a predecessor had in hand is settled first: its place is where the batch ends now. */
	if (part_in_hand(worker->part, worker->part->slot_count) != PART_NOBODY)
		return;
	empty = tap_flush(&worker->tap);
	if (empty == worker->waits_for_pipe) {
		int operation = empty ? EPOLL_CTL_DEL : EPOLL_CTL_ADD;

		if (watch(worker, operation, worker->seat->pipe_fd, EPOLLOUT, PIPE_EVENT) == 0)
			worker->waits_for_pipe = !empty;
		else
			diag_errno("epoll_ctl");
	}
	if (empty)
		report_done(worker);
}

/* ---- time ---- */

static void cut_all(struct worker *worker)
{
	for (uint32_t i = 0; i < worker->clients.reach; i++)
		if (worker->clients.each[i].fd >= 0)
			client_cut(&worker->clients, i);
}

/* Is it time for what is wanted, which is put off for a while whenever it begins to be? */
static bool is_due(uint64_t *due_at, bool wanted, uint64_t delay_msecs)
{
	if (!wanted)
		*due_at = CLOCK_NEVER;
	else if (*due_at == CLOCK_NEVER)
		*due_at = clock_msecs() + delay_msecs;
	if (!clock_reached(*due_at))
		return false;
	*due_at = CLOCK_NEVER;
	return true;
}

static void keep_time(struct worker *worker)
{
	if (clock_reached(worker->deadline_at))
		cut_all(worker);
	if (is_due(&worker->trim_at, worker->clients.drained_count > 0, TRIM_MSECS))
		clients_trim(&worker->clients);
	if (is_due(&worker->retry_at, worker->clients.starved, RETRY_MSECS))
		clients_retry(&worker->clients);
}

static int timeout_msecs(const struct worker *worker)
{
	uint64_t next_at = clock_sooner(worker->trim_at, worker->retry_at);

	if (clients_have_work(&worker->clients))
		return 0;
	/* Beyond the deadline there is nobody left whom it could concern. */
	if (worker->clients.count > 0)
		next_at = clock_sooner(next_at, worker->deadline_at);
	return clock_timeout(next_at);
}

/* ---- the loop ---- */

static void dispatch(struct worker *worker, const struct epoll_event *event)
{
	uint32_t index = (uint32_t)event->data.u64;

	if (event->data.u64 == CHANNEL_EVENT)
		read_channel(worker);
	else if (is_client(event->data.u64) && event->data.u64 == client_event_data(&worker->clients, index))
		client_notice(&worker->clients, index, event->events);
}

static bool is_finished(const struct worker *worker)
{
	return worker->dismissed && worker->clients.count == 0 && worker->clients.finished_count == 0 &&
	       tap_is_empty(&worker->tap);
}

/*
 * Looks for events for a while without sleeping, but lets others go first. Being put to sleep and
 * woken costs more than to echo a short message, on both sides; a client that waits for each echo
 * gets 2.6 times as many, for less processor time each. Where messages come seldom that is in vain,
 * and left out more and more often.
 */
static int linger(struct worker *worker, struct epoll_event *events)
{
	uint64_t start;
	int count;

	if (worker->linger_skip > 0) {
		worker->linger_skip--;
		return 0;
	}
	start = clock_usecs();
	do {
		sched_yield(); /* cannot fail: sched_yield(2) */
		count = epoll_wait(worker->epoll_fd, events, EVENTS_MAX, 0);
	} while (count == 0 && clock_usecs() - start < LINGER_USECS);
	if (count != 0)
		worker->linger_in_vain = 0;
	else if (worker->linger_in_vain < LINGER_SKIP)
		worker->linger_in_vain = worker->linger_in_vain * 2 + 1;
	worker->linger_skip = worker->linger_in_vain;
	return count;
}

/* With several clients at work sleeping pays: then there is more to do at once. */
static int await_events(struct worker *worker, struct epoll_event *events)
{
	int timeout = timeout_msecs(worker);
	uint64_t single = worker->single;
	int count = 0;

	if (timeout != 0 && worker->single_again)
		count = linger(worker, events);
	if (count == 0)
		count = epoll_wait(worker->epoll_fd, events, EVENTS_MAX, timeout);
	worker->single = count == 1 && is_client(events[0].data.u64) ? events[0].data.u64 : 0;
	worker->single_again = worker->single != 0 && worker->single == single;
	return count;
}

static int loop(struct worker *worker)
{
	struct epoll_event events[EVENTS_MAX];

	while (!is_finished(worker)) {
		int count = await_events(worker, events);

		if (count < 0 && errno != EINTR)
			return -1;
		for (int i = 0; i < count; i++)
			dispatch(worker, &events[i]);
		clients_serve(&worker->clients);
		keep_time(worker);
		flush(worker);
	}
	return 0;
}

int worker_run(struct seat *seat)
{
	static struct worker worker; /* too large for a stack */
	int result = -1;

	if (seat_take(seat) == 0 && attach(&worker, seat) == 0)
		result = loop(&worker);
	if (result != 0)
		diag_errno("worker %u", seat->number);
	clients_release(&worker.clients);
	return result == 0 ? 0 : 1;
}
