/*
 * The command line as one constant struct.
 *
 * main() parses it once; every process reads it and none changes it.
 */
#ifndef ECHOD_OPTIONS_H
#define ECHOD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"

enum {
	OPTIONS_LISTEN_MAX = 16,   /* --listen and operands together */
	OPTIONS_WORKERS_MAX = 256, /* --workers */
};

/* What is done with bytes for which a client's echo buffer has no room. */
enum when_full {
	WHEN_FULL_DROP,  /* they are not echoed */
	WHEN_FULL_PAUSE, /* they are not read from the socket until there is room */
	WHEN_FULL_CLOSE, /* the connection is closed */
};

/* How the log is written to standard output. */
enum output_form {
	OUTPUT_TAGGED, /* each change of source is marked with ADDRESS:PORT */
	OUTPUT_PLAIN,  /* bytes as they came */
};

/* One --listen or one operand: an address with a port, or a port on every address. */
struct listen_at {
	bool any;               /* every IPv4 and every IPv6 address */
	struct address address; /* only the port counts if any is set */
};

struct options {
	struct listen_at listen[OPTIONS_LISTEN_MAX];
	unsigned listen_count; /* at least 1 */
	unsigned workers;      /* at least 1 */
	unsigned max_clients;  /* 0: as many as RLIMIT_NOFILE allows */
	uint64_t buffer_bytes; /* echo buffer of one client, 1 to 1024G */
	uint64_t
		buffer_total_bytes; /* echo buffers of all clients together, to 1024G; 0: as the system has room */
	enum when_full when_full;
	int drain_timeout_msecs; /* how long a shutdown waits for clients, 0 or more */
	bool echo;
	enum output_form output;
	bool quiet;
	bool verbose;
};

enum options_result {
	OPTIONS_RUN,    /* *options is filled in */
	OPTIONS_EXIT,   /* --help or --version was asked for and has been written to stdout */
	OPTIONS_WRONG,  /* one line that names the wrong value has been written to stderr */
	OPTIONS_FAILED, /* --help or --version could not be written; stderr says why */
};

/*
 * Parses argv, as main() got it, into *options; what argv does not mention gets its default.
 * Anything but OPTIONS_RUN leaves *options unspecified. Call it once: getopt's state is not reset.
 */
enum options_result options_parse(int argc, char *const argv[], struct options *options);

#endif
