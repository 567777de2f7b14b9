/*
 * Deaths on demand, linked into a fault build alone (src/common/fault.h).
 *
 * ECHOD_FAULT=POINT:EVERY:DEATHS[:SIGNAL] kills the process that passes POINT for the EVERYth time,
 * counted over all processes together, then again after as many passes, DEATHS times in all, by this
 * signal number, or by SIGKILL.
 * ECHOD_OMIT=STEP leaves a step out.
 */
#include "common/fault.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct counts {
	atomic_ulong passes;
	atomic_ulong deaths;
};

static char point[32];
static unsigned long every, deaths_max;
static int signal_number = SIGKILL;
static struct counts *counts;
static char omitted[32];

/* Runs before main(), so that all processes share the counts. */
__attribute__((constructor)) static void read_request(void)
{
	const char *request = getenv("ECHOD_FAULT");
	const char *step = getenv("ECHOD_OMIT");
	int fields;

	if (step != NULL)
		snprintf(omitted, sizeof(omitted), "%s", step);
	if (request == NULL)
		return;
	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	fields = sscanf(request, "%31[^:]:%lu:%lu:%d", point, &every, &deaths_max, &signal_number);
	if (counts == MAP_FAILED || fields < 3 || every == 0)
		abort();
}

void fault_point(const char *name)
{
	int error = errno;

	if (counts != NULL && strcmp(name, point) == 0 &&
	    atomic_fetch_add(&counts->passes, 1) % every == every - 1 &&
	    atomic_fetch_add(&counts->deaths, 1) < deaths_max)
		kill(getpid(), signal_number);
	errno = error;
}

bool fault_omits(const char *step)
{
	return strcmp(omitted, step) == 0;
}
