/* Telling the master what is not so, or too much. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/clock.h"
#include "common/diag.h"
#include "hostile.h"

enum {
	TIMES = 5000,
	FLOOD_MSECS = 1000,
	PATIENCE_MSECS = 10000,
	LINES = 3000,
	KEPT_MAX = 1000,
	WAIT_MSECS = 200,
	GATHER_MSECS = 25000,
	HOARD = 45,
	HOLD_MSECS = 110, /* a little longer than the master waits before it sends one again */
};

static void tell(const struct seat *seat, const struct channel_message *message)
{
	(void)channel_send_patiently(seat->channel_fd, message);
}

static void flood_with(const struct seat *seat, struct channel_message *message)
{
	uint64_t until = clock_msecs() + FLOOD_MSECS;

	while (!clock_reached(until))
		(void)channel_send(seat->channel_fd, message, -1);
}

static void flood_ready(const struct seat *seat, uint32_t slot)
{
	(void)slot;
	flood_with(seat, &(struct channel_message){ .type = CHANNEL_READY });
}

/* Its client is sent back to it, and again. */
static void flood_refused(const struct seat *seat, uint32_t slot)
{
	flood_with(seat, &(struct channel_message){ .type = CHANNEL_REFUSED, .count = 1, .slots = { slot } });
}

/* All slots there are, and more: those of others, those of nobody. */
static void any_slots(const struct seat *seat, uint32_t slot)
{
	static const enum channel_type types[] = { CHANNEL_DONE, CHANNEL_REFUSED, CHANNEL_KNOWN,
						   CHANNEL_CLIENT, CHANNEL_DRAIN };
	struct channel_message message = { .type = CHANNEL_DONE };

	for (int i = 0; i < TIMES; i++) {
		message.type = types[(size_t)random() % (sizeof(types) / sizeof(types[0]))];
		message.count = message.type == CHANNEL_DONE ? CHANNEL_SLOTS_MAX : 1;
		for (uint32_t at = 0; at < message.count; at++) {
			do
				message.slots[at] = (uint32_t)random() << (random() % 2);
			while (message.slots[at] == slot);
		}
		tell(seat, &message);
	}
}

/* That its client is done, which it is not. */
static void give_up_client(const struct seat *seat, uint32_t slot)
{
	atomic_store(&part_of(seat)->slots[slot].state, SLOT_DONE);
	tell(seat, &(struct channel_message){ .type = CHANNEL_DONE, .count = 1, .slots = { slot } });
	_exit(1);
}

/* Bytes that are no message. */
static void nonsense(const struct seat *seat, uint32_t slot)
{
	static const char bytes[] = "nonsense";

	(void)slot;
	(void)!send(seat->channel_fd, bytes, sizeof(bytes), MSG_NOSIGNAL);
}

/* Hangs up, as if it had ended, and lives on. */
static void hang_up(const struct seat *seat, uint32_t slot)
{
	(void)slot;
	(void)!send(seat->channel_fd, "", 0, MSG_NOSIGNAL);
	for (;;)
		(void)poll(NULL, 0, -1);
}

/* Has the master think that its client is gone, and talks on with him: ends with status 2 if it can. */
static void keep_client(const struct seat *seat, uint32_t slot)
{
	uint64_t until = clock_msecs() + PATIENCE_MSECS;
	int fd = client_fd();

	atomic_store(&part_of(seat)->slots[slot].state, SLOT_DONE);
	tell(seat, &(struct channel_message){ .type = CHANNEL_DONE, .count = 1, .slots = { slot } });
	while (send(fd, "!", 1, MSG_NOSIGNAL) == 1) {
		if (clock_reached(until))
			_exit(2);
		(void)poll(NULL, 0, 1);
	}
	_exit(1);
}

/* That it made a call which ends it, again and again. */
static void pretend_forbidden(const struct seat *seat, uint32_t slot)
{
	(void)slot;
	for (int i = 0; i < TIMES; i++)
		tell(seat,
		     &(struct channel_message){ .type = CHANNEL_FORBIDDEN, .count = 1, .slots = { 0 } });
	for (;;)
		(void)poll(NULL, 0, -1);
}

static void say(const struct seat *seat, uint64_t about, const char *line)
{
	struct channel_message message = { .type = CHANNEL_TEXT, .about = about };

	message.count = (uint32_t)strlen(line);
	memcpy(message.text, line, message.count);
	tell(seat, &message);
}

void say_word(const struct seat *seat, const char *word)
{
	char line[64];

	snprintf(line, sizeof(line), DIAG_PREFIX "worker %u: %s\n", seat->number, word);
	say(seat, CHANNEL_NOBODY, line);
}

/* Hears the master no more, says so, and lives on. */
static void deaf(const struct seat *seat, uint32_t slot)
{
	(void)slot;
	(void)shutdown(seat->channel_fd, SHUT_RD);
	say_word(seat, "deaf");
	for (;;)
		(void)poll(NULL, 0, -1);
}

/* That it has refused its client, which the master is to send again at once. */
static void refuse(const struct seat *seat, uint32_t slot)
{
	tell(seat, &(struct channel_message){ .type = CHANNEL_REFUSED, .count = 1, .slots = { slot } });
	tell(seat, &(struct channel_message){ .type = CHANNEL_DONE });
}

/* Has its client's descriptor sent again and again, keeps all of them, and says how many. */
static void gather(const struct seat *seat, uint32_t slot)
{
	uint64_t until = clock_msecs() + GATHER_MSECS;
	struct channel_message message;
	char line[64];
	int kept = 0, lost = 0, fd = -1;

	while (lost == 0 && kept < KEPT_MAX && !clock_reached(until)) {
		refuse(seat, slot);
		(void)poll(&(struct pollfd){ .fd = seat->channel_fd, .events = POLLIN }, 1, WAIT_MSECS);
		while (channel_receive(seat->channel_fd, &message, &fd) == CHANNEL_MESSAGE) {
			kept += fd >= 0;
			lost += fd < 0;
		}
	}
	snprintf(line, sizeof(line), "%d descriptors kept, %s lost", kept, lost > 0 ? "one" : "none");
	say_word(seat, line);
	_exit(1);
}

/* Leaves its client's descriptor on the way to it, as often as the channel has room for that. */
static void hoard(const struct seat *seat, uint32_t slot)
{
	for (int i = 0; i < HOARD; i++) {
		refuse(seat, slot);
		(void)poll(NULL, 0, HOLD_MSECS);
	}
	say_word(seat, "hoarding");
	for (;;)
		(void)poll(NULL, 0, -1);
}

/* Lines in the names of others, and such as would do something to a terminal. */
static void forge(const struct seat *seat, uint32_t slot)
{
	say(seat, slot, DIAG_PREFIX "127.0.0.1:1: forged\n");
	say(seat, CHANNEL_NOBODY, DIAG_PREFIX "forged\n");
	say(seat, slot + 1, DIAG_PREFIX "127.0.0.1:1: forged\n");
	say(seat, UINT64_MAX - 1, DIAG_PREFIX "127.0.0.1:1: forged\n");
	say(seat, CHANNEL_NOBODY, DIAG_PREFIX "worker 0: \nechod: forged\n");
	say(seat, CHANNEL_NOBODY, DIAG_PREFIX "worker 1: \nechod: forged\n");
	say(seat, CHANNEL_NOBODY, DIAG_PREFIX "worker 0: \033[2Jforged\n");
	say(seat, CHANNEL_NOBODY, DIAG_PREFIX "worker 1: \033[2Jforged\n");
	say(seat, CHANNEL_NOBODY, DIAG_PREFIX "worker 0: \302\2332Jforged\n");
	say(seat, CHANNEL_NOBODY, DIAG_PREFIX "worker 1: \302\2332Jforged\n");
}

/* More than anybody can read. */
static void chatter(const struct seat *seat, uint32_t slot)
{
	(void)slot;
	for (int i = 0; i < LINES; i++)
		say_word(seat, "chatter");
}

const struct deed channel_deeds[] = {
	{ "flood-ready", flood_ready },
	{ "flood-refused", flood_refused },
	{ "any-slots", any_slots },
	{ "give-up", give_up_client },
	{ "no-message", nonsense },
	{ "forge-line", forge },
	{ "chatter", chatter },
	{ "hang-up", hang_up },
	{ "keep-client", keep_client },
	{ "deaf", deaf },
	{ "pretend", pretend_forbidden },
	{ "gather", gather },
	{ "hoard", hoard },
	{ NULL, NULL },
};
