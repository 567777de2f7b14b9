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

/* What is done while the log does not move. */
enum when_log_stalls {
	LOG_STALLS_WAIT, /* nothing is received, and so nothing is lost */
	LOG_STALLS_DROP, /* after a moment the echo goes on, and what is received is left out of the log */
};

/* How the log is written to standard output. */
enum output_form {
	OUTPUT_TAGGED,   /* each change of source is marked with ADDRESS:PORT */
	OUTPUT_PLAIN,    /* bytes as they came */
	OUTPUT_ESCAPED,  /* lines of text, each with its source */
	OUTPUT_HEX,      /* a hex dump, each line with its source and its place */
	OUTPUT_JSON,     /* an object a line */
	OUTPUT_TERMINAL, /* OUTPUT_TAGGED on a terminal, which does not see what clients could harm it with */
};

/* One --listen or one operand: an address with a port, or a port on every address. */
struct listen_at {
	bool any;               /* every IPv4 and every IPv6 address */
	struct address address; /* only the port counts if any is set */
};

struct options {
	struct listen_at listen[OPTIONS_LISTEN_MAX];
	unsigned listen_count;    /* at least 1 */
	bool listen_given;        /* by --listen or an operand; otherwise it is the default */
	unsigned workers;         /* 0: as many as there is use and room for */
	unsigned max_clients;     /* 0: as many as the limits allow */
	unsigned max_per_address; /* connections at once from an IPv4 address or an IPv6 /64; 0: no limit */
	uint64_t buffer_bytes;    /* echo buffer of one client, 1 to 1024G */
	uint64_t
		buffer_total_bytes; /* echo buffers of all clients together, to 1024G; 0: as the system has room */
	enum when_full when_full;
	int drain_timeout_msecs; /* how long a shutdown waits for clients, 0 or more */
	int idle_timeout_msecs;  /* without a byte either way, then a connection is closed; 0: it stays */
	int stall_timeout_msecs; /* without movement of its echo buffer, the same */
	const char *user;        /* USER or USER:GROUP to become after the start; NULL: nobody else */
	bool echo;
	enum output_form output;
	uint64_t log_bytes; /* of each connection's stream that go into the log: its first ones */
	enum when_log_stalls when_log_stalls;
	bool proxy_protocol;     /* each connection begins with a PROXY header */
	bool skip_empty;         /* connections that send nothing are not in the log */
	const char *status_path; /* where to listen for readers of the status, in argv; NULL: nowhere */
	bool sandbox;            /* children are walled in: see common/sandbox.h */
	bool quiet;
	bool verbose;
	bool messages_in_log; /* stderr is where the log goes: messages stand on lines of their own in it */
};

/* Does the log show when something happened? */
static inline bool options_show_times(const struct options *options)
{
	return options->output == OUTPUT_JSON;
}

/* Does the log show, or need to know, that a connection has ended? */
static inline bool options_show_ends(const struct options *options)
{
	return options->output != OUTPUT_PLAIN &&
	       (options->output != OUTPUT_TAGGED || options->log_bytes != UINT64_MAX);
}

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
