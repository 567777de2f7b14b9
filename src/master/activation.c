/* Sockets that were handed over; run by the master, at the start. See activation.h. */
#include "master/activation.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/diag.h"
#include "master/environment.h"
#include "master/listener.h"

static const char variable_pid[] = "LISTEN_PID";
static const char variable_count[] = "LISTEN_FDS";
static const char variable_names[] = "LISTEN_FDNAMES";

static int refuse(const char *variable, int max)
{
	diag("%s: '%s' is not a number from 1 to %d", variable, getenv(variable), max);
	return -1;
}

/* They are separated by colons. Which is which makes no difference here. */
static bool names_are_as_many(uint64_t sockets)
{
	const char *names = getenv(variable_names);
	uint64_t count = 1;

	if (names == NULL)
		return true;
	for (; *names != '\0'; names++)
		count += *names == ':';
	return count == sockets;
}

static int read_variables(void)
{
	uint64_t pid = 0, sockets = 0;

	if (environment_number(variable_pid, INT_MAX, &pid) == ENVIRONMENT_WRONG)
		return refuse(variable_pid, INT_MAX);
	if (pid != (uint64_t)getpid())
		return 0;
	if (environment_number(variable_count, LISTENERS_MAX, &sockets) == ENVIRONMENT_WRONG)
		return refuse(variable_count, LISTENERS_MAX);
	if (sockets > 0 && !names_are_as_many(sockets)) {
		diag("%s: '%s' does not have a name for each of %s=%ju", variable_names,
		     getenv(variable_names), variable_count, (uintmax_t)sockets);
		return -1;
	}
	return (int)sockets;
}

int activation_sockets(void)
{
	int sockets = read_variables();

	(void)unsetenv(variable_pid);
	(void)unsetenv(variable_count);
	(void)unsetenv(variable_names);
	return sockets;
}

int activation_listen(struct ledger *ledger, uint32_t sockets)
{
	for (int fd = ACTIVATION_FIRST_FD; fd < ACTIVATION_FIRST_FD + (int)sockets; fd++) {
		if (!listener_is_one(fd)) {
			diag("%s: descriptor %d is not a listening TCP socket", variable_count, fd);
			return -1;
		}
		if (listener_adopt(fd) != 0) {
			diag_errno("%s: descriptor %d", variable_count, fd);
			return -1;
		}
		ledger->listener_fds[ledger->listener_count++] = fd;
	}
	ledger->activated = true;
	return 0;
}
