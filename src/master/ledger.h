/*
 * Everything the master knows, in memory that survives its own exec.
 *
 * Its children never map the ledger. Only what can be made anew from it is kept elsewhere
 * (struct master).
 */
#ifndef ECHOD_MASTER_LEDGER_H
#define ECHOD_MASTER_LEDGER_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/address.h"
#include "common/memory.h"
#include "common/table.h"
#include "master/census.h"
#include "options.h"

enum {
	CHILDREN_MAX = OPTIONS_WORKERS_MAX + 1, /* the workers, then the logger */
	LISTENERS_MAX = 2 * OPTIONS_LISTEN_MAX, /* one for each family */
};

enum connection_state {
	CONNECTION_NONE = 0,
	CONNECTION_UNSENT, /* its descriptor must be sent to its worker */
	CONNECTION_SENT,   /* it was */
};

/* The master's side of a slot: what it knows without asking the worker, which may have been taken over. */
struct connection {
	int32_t fd;                 /* the master's duplicate */
	uint32_t generation;        /* how many connections the slot has had */
	struct address peer;        /* whom the connection comes from, which may be a proxy */
	uint8_t state;              /* enum connection_state */
	uint8_t crashes;            /* how many workers in a row crashed adopting it */
	uint8_t was_sent;           /* its worker, or one before, has had its descriptor */
	uint64_t accepted_at_usecs; /* by clock_usecs() */
};

/* What a worker has yet to be told, or was told, of a shutdown that began after its start. */
enum orders {
	ORDERS_NONE = 0,
	ORDERS_DRAIN,     /* it must be told to finish, as soon as its channel has room */
	ORDERS_DISMISSED, /* its channel was half-closed: it ends when it is done */
};

/* What a child may say on stderr (hearsay.h). */
struct speech {
	uint64_t paid_until; /* each line costs it some time */
	uint64_t tell_at;    /* when to tell next of what was left out */
	uint32_t left_out;   /* lines that were, and that was not told */
};

/* The process that a child is at the time, or was last: what dies with it. */
struct process {
	int32_t pid;         /* 0: it is dead */
	int32_t channel_fd;  /* -1: there is none, or it is at its end */
	uint32_t program;    /* which program it runs; see struct upgrade_state */
	uint8_t orders;      /* enum orders */
	bool ready;          /* it has said that it serves */
	bool refusing;       /* its descriptor table was full: hand over one at a time */
	bool forbidden;      /* it has called the system for what it must not, as it says itself */
	bool expected;       /* its death is no news: the master kills it for its successor's sake */
	uint64_t started_at; /* or when that failed */
	uint64_t resume_at;  /* when a pause in handing over ends; CLOCK_NEVER: there is none */
	uint32_t handed;     /* connections handed over to it */
	uint32_t taken;      /* of these, it had taken when last looked */
	uint64_t asked_at;   /* since when it owes an answer, if it does */
	struct speech speech;
	uint8_t discrepancies; /* a bit for each of the latest looks: was its memory not what it said (audit.h)? */
	uint64_t hear_at;      /* when to hear it again, who had too much to say; CLOCK_NEVER: now */
};

/* What the connections that have ended came to. */
struct totals {
	uint64_t received, echoed, dropped; /* bytes */
	uint64_t unacked;                   /* bytes sent that are not echoed: their peers never had them */
	uint64_t connections;               /* how many there were */
	uint64_t idle, stalled;             /* how many of them were closed by a timeout */
};

/* The chunk that a worker had in hand when it died, for the next one to settle, though its connection may be no more. */
struct owed {
	uint32_t slot;
	uint32_t generation; /* 0: there was none */
	uint64_t seal;       /* of the connection's records */
};

/* A worker or the logger, whichever process that is at the time. */
struct child {
	struct process process; /* set anew by each start */
	int32_t memory_fd;      /* of its region */
	uint32_t restarts;      /* how often it was started again */
	uint32_t delay_msecs;   /* waited before the last restart */
	uint64_t restart_at;    /* when to start it again; CLOCK_NEVER: it runs or is finished */
	bool absent;            /* the last attempt to start it failed */
	struct totals ended;    /* a worker's */
	struct owed owed;       /* a worker's */
};

enum phase {
	PHASE_STARTING = 0, /* not every child is ready yet */
	PHASE_SERVING,
	PHASE_DRAINING, /* the workers finish */
	PHASE_LOGGING,  /* they have; the logger finishes */
	PHASE_OVER,
};

struct shutdown_state {
	uint64_t deadline_at; /* until when connections may finish; CLOCK_NEVER: there is no shutdown */
	uint64_t patience_at; /* when what has not finished then will be killed */
	uint64_t asked_at;    /* when it was asked for */
	uint64_t tell_at;     /* when to say what is waited for; CLOCK_NEVER: that was said */
	uint32_t signal;      /* by which signal; 0: by none */
	uint32_t kills;       /* rounds of killing what has not finished by the deadline */
	uint32_t cut;         /* connections that the deadline cut */
	uint32_t retired;     /* were the workers that the deadline found replaced? */
	uint64_t output_seen; /* bytes of the log that were out when the shutdown last looked */
};

struct upgrade_state {
	char path[PATH_MAX]; /* where the program is to be found, absolute; empty: that is not known */
	int32_t program_fd; /* what was found there, to be checked and then executed; -1: no upgrade is under way */
	uint32_t program;    /* how many upgrades there have been */
	uint32_t replacing;  /* the child to be replaced next after one; beyond the last: none */
	uint64_t checker_at; /* when to give the checker up; CLOCK_NEVER: there is none, or it was given up */
	int32_t checker_pid; /* the new program, trying this ledger on; 0: none */
	bool proof;          /* it knows the ledger */
};

/* Connections that were closed for --max-per-address. */
struct refusals {
	uint64_t count;       /* of them all */
	uint64_t told;        /* of these, were reported */
	uint64_t told_at;     /* when something was reported last */
	struct network first; /* where the first is from that has yet to be */
	bool others;          /* and not all that have are from there */
};

/* What the service manager takes echod to be doing. */
enum notify_told {
	NOTIFY_NOTHING = 0, /* it starts */
	NOTIFY_READY,
	NOTIFY_RELOADING, /* an upgrade is under way */
	NOTIFY_STOPPING,
};

struct notify_state {
	uint8_t told;       /* enum notify_told */
	bool complained;    /* it was said on stderr what is wrong with telling it */
	uint32_t clients;   /* how many it was told of last; UINT32_MAX: it has not been */
	uint64_t status_at; /* it is told no other number before */
};

/* Lines that wait for room in the log (herald.h). */
struct waiting_lines {
	uint32_t bytes;
	uint32_t left_out; /* lines for which there was none here either, and that was not said */
	uint64_t retry_at; /* not to be tried before; 0: it was only room that lacked */
	char text[32 * 1024];
};

/*
 * Goes up whenever the meaning of anything in shared memory changes. A change of a size shows by
 * itself: see ledger_fits().
 */
enum { LEDGER_LAYOUT = 12 };

/* What the regions of this ledger were made for; a program that has other sizes cannot use them. */
struct ledger_sizes {
	uint64_t ledger, part, desk, budget; /* of the regions, in bytes */
	uint64_t slot, chunk, record, blocks;
};

struct ledger {
	struct ledger_sizes sizes;
	uint64_t layout; /* LEDGER_LAYOUT */
	uint32_t phase;  /* enum phase */
	uint32_t workers;
	uint32_t worker_slots; /* slots of each worker */
	uint32_t clients_max;
	uint64_t ring_bytes;
	uint64_t record_key[2];   /* of the records' seals: no worker may know it */
	uint64_t started_at_secs; /* of the calendar: when the first program started */
	struct shutdown_state shutdown;
	struct upgrade_state upgrade;
	struct refusals refusals;
	struct notify_state notify;
	struct waiting_lines waiting_lines;
	uint64_t closed_at; /* since when nothing is accepted, as was said; CLOCK_NEVER: accepting */
	bool output_gone;   /* standard output cannot be written, or had no room to the end */
	bool failed;        /* exit with 1 */
	int32_t memory_fd;  /* of the ledger itself */
	int32_t budget_fd;
	int32_t pipe_fds[2];  /* from the workers to the logger; -1: closed */
	int32_t relay_fds[2]; /* from logger to logger: see logger/output.h */
	int32_t reread_fd; /* standard output, opened for reading, if it is a file; -1: it is not, or cannot be */
	bool activated; /* the listeners are another's: see listener_accept() */
	uint32_t listener_count;
	int32_t listener_fds[LISTENERS_MAX];
	int32_t status_fd;      /* listens at --status-socket; -1: there is none */
	uint64_t status_device; /* of the file that it is bound to */
	uint64_t status_inode;  /* the same; 0: it is bound to none */
	struct child children[CHILDREN_MAX];
	struct connection connections[]; /* worker_slots for each worker */
};

/* The size of a ledger for so many slots altogether. */
size_t ledger_bytes(uint32_t slots);

/* The sizes this program would give a ledger of that shape; desk_bytes() is the logger's. */
struct ledger_sizes ledger_sizes(const struct ledger *ledger, size_t (*desk_bytes)(uint32_t slots));

/* Can this program go on with a ledger of so many bytes? */
bool ledger_fits(const struct ledger *ledger, size_t bytes, size_t (*desk_bytes)(uint32_t slots));

/*
 * Ends a child at once, if it lives. If it has ended by itself that is too late, and does no harm, since the master
 * alone reaps it.
 */
void process_kill(const struct process *process);

/* The logger's place among the children. */
struct child *ledger_logger(struct ledger *ledger);

/* Is a new program being tried, or are there children of the old one yet to be replaced? */
bool ledger_is_upgrading(const struct ledger *ledger);

#endif
