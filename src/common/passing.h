/* Errors that pass by themselves: the system is short of something just now, or a signal came in between. */
#ifndef ECHOD_PASSING_H
#define ECHOD_PASSING_H

#include <errno.h>
#include <stdbool.h>

/* Does the error say nothing about what the call was for, so that it is worth another try? */
static inline bool error_passes(int error)
{
	return error == EAGAIN || error == EINTR || error == ENOBUFS || error == ENOMEM;
}

#endif
