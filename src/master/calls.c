/* Names of system calls; used by the master. See calls.h. */
#include "master/calls.h"

#include <stddef.h>
#include <sys/syscall.h>

const char *calls_name(uint32_t number)
{
	static const char *const names[] = {
#include "calls.inc" /* the Makefile makes it */
	};

	if (number >= sizeof(names) / sizeof(names[0]) || names[number] == NULL)
		return "unknown";
	return names[number];
}
