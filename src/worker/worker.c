/*
 * A worker process: one loop that adopts connections, serves them, and forwards what they send.
 *
 * It is disposable. It never waits for a client, and whatever instant it is killed at, another one
 * started on the same part of the table goes on where it was.
 */
#include "worker/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/clock.h"
#include "common/commit.h"
#include "common/diag.h"
#include "common/hostile.h"
#include "common/message.h"
#include "common/sandbox.h"
#include "worker/adopt.h"
#include "worker/buffer.h"
#include "worker/client.h"
#include "worker/events.h"
#include "worker/header.h"
#include "worker/linger.h"
#include "worker/report.h"
#include "worker/timeouts.h"
#include "worker/timers.h"
#include "worker/turns.h"

enum {
	EVENTS_MAX = 256,
	TRIM_MSECS = 1000, /* how long an empty ring keeps its memory, at least */
	RETRY_MSECS = 20,  /* between attempts at what the system had no memory for */
	RETRY_MAX = 64,    /* clients tried again, and */
	ADOPT_MAX = 64,    /* connections adopted, before others are served again */
};

/* Event data that is no client's (events_is_of_client()). */
#define CHANNEL_EVENT ((uint64_t)1)
#define PIPE_EVENT    ((uint64_t)2)

struct worker {
	const struct seat *seat;
	struct tap tap;
	uint64_t *seals; /* the tap's */
	struct clients clients;
	struct linger_state linger;
	int epoll_fd;
	struct channel_message done; /* on its way to the master, if it names any slots */
	bool waits_for_pipe;         /* the pipe is registered with epoll */
	bool dismissed;              /* end-of-file on the channel: no more connections will come */
	bool failed;                 /* this process cannot go on; its successor may */
	uint64_t deadline_at;        /* of the shutdown; CLOCK_NEVER: there is none */
	uint64_t retry_at;           /* when to try again what failed; CLOCK_NEVER: nothing did */
	uint32_t retry_left;         /* clients that are to be tried again now */
	uint64_t trim_at;            /* when to trim next; CLOCK_NEVER: nothing to trim */
};

static int watch(struct worker *worker, int operation, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event event = { .events = events, .data.u64 = data };

	return epoll_ctl(worker->epoll_fd, operation, fd, &event);
}

static struct tap_scope scope_of(const struct options *options)
{
	return (struct tap_scope){
		.bytes_max = options->log_bytes,
		.times = options_show_times(options),
		.ends = options_show_ends(options),
		.echo = options->echo,
		.drops = options->when_log_stalls == LOG_STALLS_DROP,
	};
}

static bool tell_master_to_say(const void *context, const char *line, size_t length)
{
	const struct worker *worker = context;

	return message_tell(worker->seat->channel_fd, report_about(&worker->clients), line, length);
}

static bool send_message(const void *context, const char *line, size_t length)
{
	const struct worker *worker = context;
	const struct seat *seat = worker->seat;
	struct record origin = report_origin(&worker->clients, seat->message_seal);

	return message_send_patiently(seat->pipe_fd, &origin, seat->options, line, length) ||
	       tell_master_to_say(context, line, length);
}

/* The seal of the chunk that a predecessor had in hand is needed until that is settled, by its connection or without. */
static int inherit_batch(struct worker *worker, struct seat *seat, struct part *part)
{
	uint32_t in_hand = committed(&part->batch.in_hand.slot);
	bool is_slot = in_hand < part->plan.slot_count;

	worker->seals = calloc(part->plan.slot_count, sizeof(*worker->seals));
	if (worker->seals == NULL)
		return -1;
	if (is_slot)
		worker->seals[in_hand] = seat->in_hand_seal;
	seat->in_hand_seal = 0;
	if (!tap_init(&worker->tap, part, seat->pipe_fd, scope_of(seat->options), worker->seals))
		diag("worker %u: the batch it was left is damaged, log bytes are lost", seat->number);
	if (is_slot && tap_in_hand(&worker->tap) == NULL)
		worker->seals[in_hand] = 0;
	return 0;
}

static int attach(struct worker *worker, struct seat *seat)
{
	struct channel_message ready = { .type = CHANNEL_READY };
	struct part *part = seat->memory.base;

	*worker = (struct worker){
		.seat = seat,
		.epoll_fd = epoll_create1(0),
		.deadline_at = seat->deadline_at,
		.retry_at = CLOCK_NEVER,
		.trim_at = CLOCK_NEVER,
		.done = { .type = CHANNEL_DONE },
	};
	worker->clients.part = part;
	diag_through(seat->options->messages_in_log ? send_message : tell_master_to_say, worker);
	if (worker->epoll_fd < 0 ||
	    watch(worker, EPOLL_CTL_ADD, seat->channel_fd, EPOLLIN, CHANNEL_EVENT) != 0)
		return -1;
	if (inherit_batch(worker, seat, part) != 0)
		return -1;
	if (clients_init(&worker->clients, seat, &worker->tap, worker->epoll_fd) != 0)
		return -1;
	worker->clients.draining = seat->deadline_at != CLOCK_NEVER;
	buffers_check(&worker->clients);
	if (sandbox_enter(seat, part->plan.slot_count) != 0)
		return -1;
	return channel_send_patiently(seat->channel_fd, &ready);
}

/* ---- trouble ---- */

static void retry_soon(struct worker *worker)
{
	if (worker->retry_at == CLOCK_NEVER)
		worker->retry_at = clock_msecs() + RETRY_MSECS;
}

/* What failed, as errno says, is tried again. */
static void put_off(struct worker *worker, const char *what)
{
	diag_errno_seldom(&worker->clients.complain_at, "worker %u: %s, trying again", worker->seat->number,
			  what);
	retry_soon(worker);
}

/* What failed, as errno says, leaves this process without its means: the master starts another. */
static void fail(struct worker *worker, const char *what)
{
	diag_errno("worker %u: %s", worker->seat->number, what);
	worker->failed = true;
}

/* ---- the channel ---- */

static bool master_is_gone(void)
{
	return errno == EPIPE || errno == ECONNRESET;
}

static void refuse(struct worker *worker, uint32_t index)
{
	struct channel_message refused = { .type = CHANNEL_REFUSED, .count = 1, .slots = { index } };

	/* Unless it is told the master believes that the connection is served. */
	if (channel_send_patiently(worker->seat->channel_fd, &refused) != 0 && !master_is_gone())
		fail(worker, "to the master");
}

/* Takes over the connection of a slot; false with errno if it must be sent again. */
static bool take_over(struct worker *worker, uint32_t index, int fd)
{
	struct clients *clients = &worker->clients;
	struct client *client;
	bool taken;

	commit(&clients->part->adopting, index);
	fault_point("adopt");
	client = adopt(clients, index, fd);
	taken = client != NULL && turns_begin(clients, client);
	commit(&clients->part->adopting, PART_NOBODY);
	return taken;
}

static void take_in(struct worker *worker, const struct channel_message *message, int fd)
{
	struct clients *clients = &worker->clients;
	const struct chunk *in_hand = tap_in_hand(&worker->tap);
	uint32_t index = message->slots[0];

	if (message->count != 1 || index >= clients->part->plan.slot_count || clients->each[index].fd >= 0) {
		if (fd >= 0)
			close(fd);
		return;
	}
	if (fd >= 0 && in_hand != NULL && committed(&in_hand->slot) != index) {
		close(fd); /* the chunk in hand must be settled first */
		refuse(worker, index);
		return;
	}
	worker->seals[index] = message->seal;
	if (fd < 0)
		errno = EMFILE; /* the one reason to lose it: channel_receive() */
	if (fd < 0 || !take_over(worker, index, fd)) {
		report_errno(clients, &clients->each[index], "has to wait");
		refuse(worker, index);
	}
}

static void answer(struct worker *worker, const struct channel_message *message, int fd)
{
	struct part *part = worker->clients.part;

	take_in(worker, message, fd);
	commit(&part->taken, committed(&part->taken) + 1); /* the master sees that this process runs */
}

static void drain(struct worker *worker, uint64_t deadline_at)
{
	if (worker->clients.draining)
		return;
	worker->deadline_at = deadline_at;
	turns_drain(&worker->clients);
}

/* Without a master there is nobody to keep a deadline but this process. */
static void dismiss(struct worker *worker)
{
	worker->dismissed = true;
	tap_abandon_in_hand(&worker->tap); /* its descriptor will not come any more */
	if (watch(worker, EPOLL_CTL_DEL, worker->seat->channel_fd, 0, CHANNEL_EVENT) != 0)
		fail(worker, "epoll_ctl");
	drain(worker, clock_msecs() + (uint64_t)worker->seat->options->drain_timeout_msecs);
}

static void read_channel(struct worker *worker)
{
	struct channel_message message;
	int fd = -1;

	for (int i = 0; i < ADOPT_MAX && !worker->dismissed && !worker->failed; i++) {
		switch (channel_receive(worker->seat->channel_fd, &message, &fd)) {
		case CHANNEL_MESSAGE:
			if (message.type == CHANNEL_CLIENT)
				answer(worker, &message, fd);
			else if (message.type == CHANNEL_DRAIN)
				drain(worker, message.deadline_at);
			break;
		case CHANNEL_EMPTY:
			return;
		case CHANNEL_FAILED:
			fail(worker, "from the master");
			return;
		case CHANNEL_CLOSED:
			dismiss(worker);
			break;
		}
	}
}

/* Tells the master something; false if that must wait. One that is gone needs not be told. */
static bool tell_master(struct worker *worker, const struct channel_message *message)
{
	if (channel_send(worker->seat->channel_fd, message, -1) == 0)
		return true;
	if (errno == EAGAIN) { /* a master that is stopped holds up nobody */
		retry_soon(worker);
		return false;
	}
	if (!master_is_gone()) {
		put_off(worker, "to the master");
		return false;
	}
	if (!worker->dismissed)
		dismiss(worker);
	return true;
}

static void report_done(struct worker *worker)
{
	struct channel_message *done = &worker->done;

	while (done->count > 0 || worker->clients.finished.count > 0) {
		if (done->count == 0)
			done->count = clients_take_finished(&worker->clients, done->slots, CHANNEL_SLOTS_MAX);
		if (!tell_master(worker, done))
			return;
		done->count = 0;
	}
}

/* Gives those back to the master of whom it is to judge whether they may stay. */
static void ask_for_admission(struct worker *worker)
{
	struct clients *clients = &worker->clients;

	for (; clients->known.count > 0; queue_take(&clients->known)) {
		struct client *client = &clients->each[queue_first(&clients->known)];
		struct channel_message known = { .type = CHANNEL_KNOWN,
						 .count = 1,
						 .slots = { client_number(clients, client) } };

		if (client->fd < 0 || !header_is_to_be_judged(clients, client->slot))
			continue;
		if (!tell_master(worker, &known))
			return;
		fault_point("known");
		if (!worker->dismissed) /* else nobody will give it back */
			client_let_go(clients, client);
	}
}

/* ---- the log ---- */

/* Has epoll tell when the pipe has room, or no longer. */
static void wait_for_pipe(struct worker *worker, bool wanted)
{
	int operation = wanted ? EPOLL_CTL_ADD : EPOLL_CTL_DEL;

	if (wanted == worker->waits_for_pipe)
		return;
	if (watch(worker, operation, worker->seat->pipe_fd, EPOLLOUT, PIPE_EVENT) == 0)
		worker->waits_for_pipe = wanted;
	else if (wanted)
		put_off(worker, "epoll_ctl");
	else
		fail(worker, "epoll_ctl");
}

/* Writes the batch; while the pipe has no room nothing is received, and echoes go on. */
static void flush(struct worker *worker)
{
	bool empty;

	/* What a predecessor had in hand is settled first: its place is where the batch ends now. */
	if (tap_in_hand(&worker->tap) != NULL)
		return;
	/* Where the pipe has room there may be more to put into it. */
	while ((empty = tap_flush(&worker->tap))) {
		clients_catch_up(&worker->clients);
		clients_conclude(&worker->clients);
		if (tap_is_empty(&worker->tap))
			break;
	}
	if (worker->tap.is_failing)
		put_off(worker, "the pipe to the logger");
	wait_for_pipe(worker, !empty && !worker->tap.is_failing);
	if (empty)
		report_done(worker);
}

/* ---- time ---- */

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

/* Whom the system had no memory for is tried again, each once, and if in vain, not before the next time. */
static void retry(struct worker *worker)
{
	struct clients *clients = &worker->clients;
	uint32_t count;

	if (clients->lacking.count > worker->retry_left)
		retry_soon(worker);
	if (worker->retry_left == 0 && clock_reached(worker->retry_at)) {
		worker->retry_at = CLOCK_NEVER;
		worker->retry_left = clients->lacking.count;
	}
	count = worker->retry_left < RETRY_MAX ? worker->retry_left : RETRY_MAX;
	turns_retry(clients, count);
	worker->retry_left -= count;
}

static void keep_time(struct worker *worker)
{
	struct clients *clients = &worker->clients;

	if (clock_reached(worker->deadline_at) && !clients->cutting)
		clients_cut(clients);
	turns_expire(clients);
	/* What is left over follows soon, but others are served in between. */
	if (is_due(&worker->trim_at, clients->idle_rings.count > 0, TRIM_MSECS) && !buffers_trim(clients))
		worker->trim_at = clock_msecs();
	retry(worker);
	timeouts_advance(clients);
}

static int timeout_msecs(const struct worker *worker)
{
	uint64_t next_at = clock_sooner(worker->trim_at, worker->retry_at);

	if (turns_wanted(&worker->clients) || worker->retry_left > 0)
		return 0;
	next_at = clock_sooner(next_at, timers_next(&worker->clients));
	if (worker->clients.held_up.count > 0)
		next_at = clock_sooner(next_at, tap_drops_at(&worker->tap));
	next_at = clock_sooner(next_at, header_next(&worker->clients));
	/* Beyond the deadline it concerns nobody but who comes then. */
	if (worker->clients.count > 0 && !clock_reached(worker->deadline_at))
		next_at = clock_sooner(next_at, worker->deadline_at);
	return clock_timeout(next_at);
}

/* ---- the loop ---- */

static void dispatch(struct worker *worker, const struct epoll_event *event)
{
	struct client *client;

	if (event->data.u64 == CHANNEL_EVENT)
		read_channel(worker);
	client = events_client(&worker->clients, event->data.u64);
	if (client == NULL)
		return;
	events_note(client, event->events);
	turns_enlist(&worker->clients, client);
}

static bool is_finished(const struct worker *worker)
{
	return worker->dismissed && worker->clients.count == 0 && worker->clients.ended.count == 0 &&
	       worker->clients.finished.count == 0 && worker->done.count == 0 && tap_is_empty(&worker->tap);
}

static int loop(struct worker *worker)
{
	struct epoll_event events[EVENTS_MAX];

	while (!is_finished(worker)) {
		int count = linger_wait(&worker->linger, worker->epoll_fd, events, EVENTS_MAX,
					timeout_msecs(worker));

		if (count < 0 && errno != EINTR) {
			fail(worker, "epoll_wait");
			return -1;
		}
		linger_note(&worker->linger,
			    count == 1 && events_is_of_client(events[0].data.u64) ? events[0].data.u64 : 0);
		for (int i = 0; i < count; i++)
			dispatch(worker, &events[i]);
		turns_serve(&worker->clients);
		ask_for_admission(worker);
		keep_time(worker);
		flush(worker);
		hostile_turn(worker->seat, worker->seals);
		if (worker->failed)
			return -1;
	}
	return 0;
}

/* As long as there are descriptors of them. */
static int protect_memory(const struct seat *seat)
{
	return part_protect(&seat->memory) == 0 ? budget_protect(&seat->budget, seat->number) : -1;
}

int worker_run(struct seat *seat)
{
	static struct worker worker; /* too large for a stack */
	int result = -1;

	if (protect_memory(seat) == 0 && seat_take(seat) == 0 && attach(&worker, seat) == 0)
		result = loop(&worker);
	else
		diag_errno("worker %u", seat->number);
	clients_release(&worker.clients);
	free(worker.seals);
	return result == 0 ? 0 : 1;
}
