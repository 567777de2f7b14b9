/* Figures as text for Prometheus; run by the master. See exposition.h. */
#include "master/exposition.h"

#include <stdarg.h>
#include <stdio.h>

#define COUNTER "counter"
#define GAUGE   "gauge"

struct metric {
	const char *name; /* without the "echod_" that all begin with */
	const char *type;
	const char *help;
	size_t field; /* offset of its uint64_t in struct worker_figures or struct figures */
};

#define WORKER_FIELD(name) .field = offsetof(struct worker_figures, name)
#define FIELD(name)        .field = offsetof(struct figures, name)

/* Each worker has a value of these. */
static const struct metric worker_metrics[] = {
	{ "connections", GAUGE, "Connections served now.", WORKER_FIELD(connections) },
	{ "connections_accepted_total", COUNTER, "Connections accepted.", WORKER_FIELD(accepted) },
	{ "connections_closed_total", COUNTER, "Connections that have ended.", WORKER_FIELD(closed) },
	{ "connections_idle_total", COUNTER, "Connections closed by the idle timeout.", WORKER_FIELD(idle) },
	{ "connections_stalled_total", COUNTER, "Connections closed by the stall timeout.",
	  WORKER_FIELD(stalled) },
	{ "received_bytes_total", COUNTER, "Bytes received from clients.", WORKER_FIELD(received) },
	{ "sent_bytes_total", COUNTER, "Bytes sent to clients: those echoed, and those unacknowledged.",
	  WORKER_FIELD(sent) },
	{ "unacknowledged_bytes_total", COUNTER,
	  "Bytes sent that clients had not acknowledged when echod closed the connection.",
	  WORKER_FIELD(unacked) },
	{ "dropped_bytes_total", COUNTER, "Bytes received that were not echoed.", WORKER_FIELD(dropped) },
	{ "waiting_bytes", GAUGE, "Bytes in echo buffers.", WORKER_FIELD(waiting) },
	{ "buffer_memory_bytes", GAUGE, "Memory that echo buffers take.", WORKER_FIELD(held) },
	{ "worker_restarts_total", COUNTER, "How often a worker was started again.", WORKER_FIELD(restarts) },
};

static const struct metric metrics[] = {
	{ "connections_limit", GAUGE, "Connections served at most.", FIELD(connections_max) },
	{ "connections_refused_total", COUNTER,
	  "Connections closed for the limit of an address; with PROXY headers they count as accepted, too.",
	  FIELD(refused) },
	{ "buffer_limit_bytes", GAUGE, "Bytes that the echo buffer of one client takes at most.",
	  FIELD(buffer_bytes) },
	{ "buffer_memory_limit_bytes", GAUGE, "Memory that all echo buffers take at most.",
	  FIELD(buffer_total_bytes) },
	{ "log_bytes_total", COUNTER, "Bytes of the log: those written to standard output, and those lost.",
	  FIELD(log_bytes) },
	{ "log_lost_bytes_total", COUNTER, "Bytes of the log that standard output did not take.",
	  FIELD(log_lost_bytes) },
	{ "log_waiting_bytes", GAUGE, "Bytes on their way to the log.", FIELD(log_waiting_bytes) },
	{ "logger_restarts_total", COUNTER, "How often the logger was started again.",
	  FIELD(logger_restarts) },
	{ "upgrades_total", COUNTER, "How often the running program was replaced.", FIELD(upgrades) },
	{ "start_time_seconds", GAUGE, "When echod was started, in seconds since 1970.",
	  FIELD(started_at_secs) },
};

enum {
	WORKER_METRICS = sizeof(worker_metrics) / sizeof(worker_metrics[0]),
	METRICS = sizeof(metrics) / sizeof(metrics[0]),
};

_Static_assert((int)WORKER_METRICS <= (int)EXPOSITION_WORKER_LINES, "all workers' values must have room");

struct text {
	char *bytes;
	size_t length;
};

static void add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *text, const char *format, ...)
{
	size_t room = EXPOSITION_BYTES - text->length;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text->bytes + text->length, room, format, arguments);
	va_end(arguments);
	if (length > 0)
		text->length += (size_t)length < room ? (size_t)length : room - 1;
}

static void add_head(struct text *text, const char *name, const char *type, const char *help)
{
	add(text, "# HELP echod_%s %s\n# TYPE echod_%s %s\n", name, help, name, type);
}

/* The figure of a metric, in the struct that it is a field of. */
static uintmax_t value_of(const struct metric *metric, const void *figures)
{
	return *(const uint64_t *)((const char *)figures + metric->field);
}

size_t exposition_write(const struct figures *figures, char *bytes)
{
	struct text text = { .bytes = bytes };

	add_head(&text, "build_info", GAUGE, "Which version of echod this is.");
	add(&text, "echod_build_info{version=\"%s\"} 1\n", ECHOD_VERSION);
	for (const struct metric *metric = worker_metrics; metric < worker_metrics + WORKER_METRICS;
	     metric++) {
		add_head(&text, metric->name, metric->type, metric->help);
		for (uint32_t i = 0; i < figures->workers; i++)
			add(&text, "echod_%s{worker=\"%u\"} %ju\n", metric->name, i,
			    value_of(metric, &figures->worker[i]));
	}
	for (const struct metric *metric = metrics; metric < metrics + METRICS; metric++) {
		add_head(&text, metric->name, metric->type, metric->help);
		add(&text, "echod_%s %ju\n", metric->name, value_of(metric, figures));
	}
	return text.length;
}
