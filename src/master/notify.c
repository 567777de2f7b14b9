/* Telling the service manager; run by the master. See notify.h. */
#include "master/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/diag.h"
#include "master/environment.h"
#include "master/pool.h"

enum {
	STATUS_MSECS = 1000, /* between two numbers of clients */
	PAUSE_MSECS = 1000,  /* after a failure */
	MESSAGE_BYTES = 64,
};

static const char variable_socket[] = "NOTIFY_SOCKET";
static const char variable_watchdog[] = "WATCHDOG_USEC";
static const char variable_watched[] = "WATCHDOG_PID";

/* ---- the way ---- */

/* Is there something to complain about for the first time? An upgrade does not make it new. */
static bool is_first_complaint(struct master *master)
{
	bool first = !master->ledger->notify.complained;

	master->ledger->notify.complained = true;
	return first;
}

/* A path, or "@" and an abstract name (unix(7)); false if it is neither or too long. */
static bool find_manager(struct notifier *notifier, const char *name)
{
	size_t length = strlen(name);

	if ((name[0] != '/' && name[0] != '@') || name[1] == '\0' ||
	    length >= sizeof(notifier->manager.sun_path))
		return false;
	notifier->manager = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(notifier->manager.sun_path, name, length);
	if (name[0] == '@')
		notifier->manager.sun_path[0] = '\0';
	notifier->manager_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
	return true;
}

static void open_socket(struct master *master)
{
	const char *name = getenv(variable_socket);

	if (name == NULL)
		return;
	if (!find_manager(&master->notifier, name)) {
		if (is_first_complaint(master))
			diag("%s: '%s' is not a path or @NAME of at most %zu bytes", variable_socket, name,
			     sizeof(master->notifier.manager.sun_path) - 1);
		return;
	}
	master->notifier.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (master->notifier.fd < 0 && is_first_complaint(master))
		diag_errno("%s", variable_socket);
}

/* A number that the manager may have set; 0 if it has not, or after a message. */
static uint64_t number(struct master *master, const char *variable, uint64_t max)
{
	uint64_t value;

	switch (environment_number(variable, max, &value)) {
	case ENVIRONMENT_NUMBER:
		return value;
	case ENVIRONMENT_WRONG:
		if (is_first_complaint(master))
			diag("%s: '%s' is not a number from 1 to %" PRIu64, variable, getenv(variable), max);
		break;
	case ENVIRONMENT_MISSING:
		break;
	}
	return 0;
}

/* Half of the time after which the manager loses its patience, as sd_watchdog_enabled(3) recommends. */
static void set_watchdog(struct master *master)
{
	uint64_t usecs = number(master, variable_watchdog, INT64_MAX);
	uint64_t pid = number(master, variable_watched, INT_MAX);

	if (usecs == 0 || (getenv(variable_watched) != NULL && pid != (uint64_t)getpid()))
		return;
	master->notifier.watchdog_msecs = usecs / 2000 > 0 ? usecs / 2000 : 1;
	master->notifier.watchdog_at = clock_msecs();
}

unsigned notify_sockets(void)
{
	return getenv(variable_socket) != NULL ? 1 : 0;
}

void notify_open(struct master *master)
{
	master->notifier =
		(struct notifier){ .fd = -1, .watchdog_at = CLOCK_NEVER, .resume_at = CLOCK_NEVER };
	open_socket(master);
	if (master->notifier.fd >= 0)
		set_watchdog(master);
}

/* ---- messages ---- */

static bool tell(struct master *master, const char *message)
{
	struct notifier *notifier = &master->notifier;
	ssize_t sent;

	do
		sent = sendto(notifier->fd, message, strlen(message), MSG_DONTWAIT | MSG_NOSIGNAL,
			      (const struct sockaddr *)&notifier->manager, notifier->manager_bytes);
	while (sent < 0 && errno == EINTR);
	if (sent >= 0)
		return true;
	notifier->resume_at = clock_msecs() + PAUSE_MSECS;
	if (is_first_complaint(master))
		diag_errno("%s: %s", variable_socket, getenv(variable_socket));
	return false;
}

static void tell_state(struct master *master, enum notify_told state)
{
	char reloading[MESSAGE_BYTES];
	const char *message = reloading;

	if (state == NOTIFY_READY)
		message = "READY=1";
	else if (state == NOTIFY_STOPPING)
		message = "STOPPING=1";
	else
		snprintf(reloading, sizeof(reloading), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_usecs());
	if (tell(master, message))
		master->ledger->notify.told = (uint8_t)state;
}

/* What the manager should take echod to be doing. */
static enum notify_told state_now(const struct master *master)
{
	switch (master->ledger->phase) {
	case PHASE_STARTING:
		return NOTIFY_NOTHING;
	case PHASE_SERVING:
		return ledger_is_upgrading(master->ledger) ? NOTIFY_RELOADING : NOTIFY_READY;
	default:
		return NOTIFY_STOPPING;
	}
}

void notify_reloading(struct master *master)
{
	if (master->notifier.fd >= 0)
		tell_state(master, NOTIFY_RELOADING);
}

static bool has_other_clients(const struct master *master)
{
	const struct notify_state *notify = &master->ledger->notify;

	return notify->told != NOTIFY_NOTHING && pool_clients(master) != notify->clients;
}

static void tell_clients(struct master *master)
{
	struct notify_state *notify = &master->ledger->notify;
	uint32_t clients = pool_clients(master);
	char message[MESSAGE_BYTES];

	snprintf(message, sizeof(message), "STATUS=%u of %u clients", clients, master->ledger->clients_max);
	if (!tell(master, message))
		return;
	notify->clients = clients;
	notify->status_at = clock_msecs() + STATUS_MSECS;
}

static void show_life(struct master *master)
{
	struct notifier *notifier = &master->notifier;
	uint64_t wait_msecs = notifier->watchdog_msecs;

	if (!tell(master, "WATCHDOG=1") && wait_msecs > PAUSE_MSECS)
		wait_msecs = PAUSE_MSECS;
	notifier->watchdog_at = clock_msecs() + wait_msecs;
}

uint64_t notify_next(const struct master *master)
{
	const struct notifier *notifier = &master->notifier;

	if (notifier->resume_at != CLOCK_NEVER)
		return clock_sooner(notifier->watchdog_at, notifier->resume_at);
	if (notifier->fd >= 0 && has_other_clients(master))
		return clock_sooner(notifier->watchdog_at, master->ledger->notify.status_at);
	return notifier->watchdog_at;
}

void notify_advance(struct master *master)
{
	struct notifier *notifier = &master->notifier;
	enum notify_told state = state_now(master);

	if (notifier->fd < 0)
		return;
	if (clock_reached(notifier->watchdog_at))
		show_life(master);
	if (notifier->resume_at != CLOCK_NEVER && !clock_reached(notifier->resume_at))
		return;
	notifier->resume_at = CLOCK_NEVER;
	if (state != master->ledger->notify.told)
		tell_state(master, state);
	if (has_other_clients(master) && clock_reached(master->ledger->notify.status_at))
		tell_clients(master);
}
