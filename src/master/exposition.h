/*
 * The figures as Prometheus reads them, which a person can read, too.
 *
 * Text exposition format 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/): of each metric what
 * it means, its type, and its value or one for each worker. Names follow Prometheus' conventions: base units, and
 * _total for counters.
 */
#ifndef ECHOD_MASTER_EXPOSITION_H
#define ECHOD_MASTER_EXPOSITION_H

#include <stddef.h>

#include "master/figures.h"
#include "options.h"

enum {
	EXPOSITION_LINE_BYTES = 80,   /* at most, for the value of one worker */
	EXPOSITION_WORKER_LINES = 16, /* at most */
	EXPOSITION_REST_BYTES = 8192, /* all else */
	EXPOSITION_BYTES =
		OPTIONS_WORKERS_MAX * EXPOSITION_WORKER_LINES * EXPOSITION_LINE_BYTES + EXPOSITION_REST_BYTES,
};

/* Writes all figures to text, which has room for EXPOSITION_BYTES, and returns how many bytes that were. */
size_t exposition_write(const struct figures *figures, char *text);

#endif
