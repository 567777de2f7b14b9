/* How far the log has come: what the logger's region begins with, for the master to read. */
#ifndef ECHOD_LOG_PROGRESS_H
#define ECHOD_LOG_PROGRESS_H

#include <stdint.h>

#include "common/commit.h"

struct log_progress {
	_Atomic uint64_t written; /* bytes put out, or lost, ever; logger */
	_Atomic uint64_t end; /* 0, or one more than had been put out when standard output was gone; logger */
	_Atomic uint64_t in_hand; /* bytes of records that were read and are not all written; logger */
	_Atomic uint64_t full_at; /* since when it has no room, as was said; 0: that is not so; logger */
};

/* How many bytes have been put out. */
static inline uint64_t log_delivered(const struct log_progress *progress)
{
	uint64_t end = committed(&progress->end);

	return end > 0 ? end - 1 : committed(&progress->written);
}

/* How many bytes are lost since standard output is gone. */
static inline uint64_t log_lost(const struct log_progress *progress)
{
	uint64_t end = committed(&progress->end);

	return end > 0 ? committed(&progress->written) - (end - 1) : 0;
}

#endif
