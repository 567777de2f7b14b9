/* How far the log has come: what the logger's region begins with, for the master to read. */
#ifndef ECHOD_LOG_PROGRESS_H
#define ECHOD_LOG_PROGRESS_H

#include <stdint.h>

struct log_progress {
	_Atomic uint64_t written; /* bytes put out, or lost, ever; logger */
	_Atomic uint64_t lost;    /* of these, those for which standard output was gone; logger */
};

#endif
