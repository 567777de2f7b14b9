/* What the system allows echod, and what fits into that; run by the master, at the start. See limits.h. */
#include "master/limits.h"

#include <inttypes.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/diag.h"
#include "common/table.h"
#include "master/group.h"
#include "master/ledger.h"

enum {
	CLIENTS_DEFAULT_MAX = 1 << 20,
	/*
	 * Descriptors of the master but for those of workers and clients, and of sockets that there are as options
	 * say: standard input, output and error, the log to be read again, signals, ledger, budget, the logger's
	 * memory and channel, two pipes.
	 */
	DESCRIPTORS_OWN = 13,
	/* At times: the other end of a channel, a library of a program that is executed. */
	DESCRIPTORS_SPARE = 2,
	DESCRIPTORS_WORKER = 2, /* its memory and its channel */
	CLIENTS_LEAST = 2,      /* for each worker, where their number is free */
	PROCESSES_MORE = 2, /* besides the workers: the logger, and a program that is tried by an upgrade */
};

#define BUFFER_TOTAL_BYTES ((uint64_t)256 << 20)
/* Address space for the program itself, its libraries, stack and lists. */
#define PROGRAM_BYTES     ((uint64_t)32 << 20)
#define CLIENT_LIST_BYTES ((uint64_t)256) /* of lists in a worker, for each client */

int limits_descriptors(uint64_t *descriptors)
{
	struct rlimit files, most;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return -1;
	most = (struct rlimit){ .rlim_cur = files.rlim_max, .rlim_max = files.rlim_max };
	/* A hard limit beyond what the kernel allows now (fs.nr_open) cannot be set again. */
	*descriptors = setrlimit(RLIMIT_NOFILE, &most) == 0 ? most.rlim_cur : files.rlim_cur;
	return 0;
}

/* ---- workers and clients ---- */

/* Whose needs are looked at. */
struct demand {
	const struct options *options;
	const struct crew *crew;
	uint32_t workers;
	uint32_t sockets; /* that the master has besides those of clients, at most */
};

struct needs {
	uint64_t file;  /* bytes of the largest file */
	uint64_t space; /* bytes of address space, in the master, which has everything */
};

/* What so many clients need; false if it could not be addressed at all. */
static bool find_needs(const struct demand *demand, uint64_t clients, struct needs *needs)
{
	uint64_t slots = (clients + demand->workers - 1) / demand->workers;
	uint64_t all = slots * demand->workers;
	uint64_t part = part_bytes((uint32_t)slots, demand->options->buffer_bytes);
	uint64_t desk = demand->crew->logger_memory_bytes((uint32_t)all);
	uint64_t ledger = ledger_bytes((uint32_t)all);

	needs->file = part > desk ? part : desk;
	needs->file = needs->file > ledger ? needs->file : ledger;
	needs->space = PROGRAM_BYTES + part * demand->workers + desk + ledger + all * CLIENT_LIST_BYTES;
	return part != 0;
}

/* A limit that is met when there are more clients. */
struct bound {
	const char *name;
	uint64_t bytes;
	size_t field; /* offset in struct needs of what it limits */
};

static bool fits(const struct demand *demand, const struct bound *bound, uint64_t clients)
{
	struct needs needs;

	return find_needs(demand, clients, &needs) &&
	       *(const uint64_t *)((const char *)&needs + bound->field) <= bound->bytes;
}

/* How many clients fit, at most so many. */
static uint64_t most_that_fit(const struct demand *demand, const struct bound *bound, uint64_t most)
{
	uint64_t least = 0;

	while (least < most) {
		uint64_t middle = least + (most - least + 1) / 2;

		if (fits(demand, bound, middle))
			least = middle;
		else
			most = middle - 1;
	}
	return least;
}

/* What getrlimit(2) has said, with this result; UINT64_MAX: there is no limit. */
static uint64_t soft_limit(int result, const struct rlimit *limit)
{
	return result == 0 && limit->rlim_cur != RLIM_INFINITY ? limit->rlim_cur : UINT64_MAX;
}

/* Lowers *clients to what fits a bound. -1 after a message. */
static int heed(const struct demand *demand, const struct bound *bound, uint64_t *clients)
{
	const struct options *options = demand->options;
	uint64_t most = most_that_fit(demand, bound, *clients);

	if (most == *clients)
		return 0;
	if (options->max_clients != 0 || most == 0) {
		diag("%s of %" PRIu64 " bytes is too low for --max-clients=%" PRIu64 " --buffer=%" PRIu64
		     " --workers=%u: it allows %" PRIu64 " clients",
		     bound->name, bound->bytes, *clients, options->buffer_bytes, demand->workers, most);
		return -1;
	}
	diag("%s of %" PRIu64 " bytes allows %" PRIu64 " clients with --buffer=%" PRIu64, bound->name,
	     bound->bytes, most, options->buffer_bytes);
	*clients = most;
	return 0;
}

/* How many clients the limit on descriptors leaves room for: each takes one in the master. */
static uint64_t room_of_descriptors(const struct demand *demand, uint64_t descriptors)
{
	uint64_t reserved = DESCRIPTORS_OWN + DESCRIPTORS_SPARE + (uint64_t)demand->sockets +
			    DESCRIPTORS_WORKER * (uint64_t)demand->workers;

	return descriptors > reserved ? descriptors - reserved : 0;
}

/* How many clients that makes. -1 after a message. */
static int heed_descriptors(const struct demand *demand, uint64_t descriptors, uint64_t *clients)
{
	const struct options *options = demand->options;
	uint64_t most = room_of_descriptors(demand, descriptors);

	if (most == 0) {
		diag("a limit of %" PRIu64 " open files is too low for %u workers", descriptors,
		     demand->workers);
		return -1;
	}
	if (options->max_clients > most) {
		diag("--max-clients=%u: a limit of %" PRIu64 " open files allows %" PRIu64,
		     options->max_clients, descriptors, most);
		return -1;
	}
	if (most > CLIENTS_DEFAULT_MAX)
		most = CLIENTS_DEFAULT_MAX;
	*clients = options->max_clients != 0 ? options->max_clients : most;
	return 0;
}

enum { BOUNDS = 2 };

static void find_bounds(struct bound bounds[BOUNDS])
{
	struct rlimit file, space;

	bounds[0] = (struct bound){ "a limit on file size (ulimit -f)",
				    soft_limit(getrlimit(RLIMIT_FSIZE, &file), &file),
				    offsetof(struct needs, file) };
	bounds[1] = (struct bound){ "a limit on address space (ulimit -v)",
				    soft_limit(getrlimit(RLIMIT_AS, &space), &space),
				    offsetof(struct needs, space) };
}

/* Processors whose time this process may use, at least one. */
static uint64_t processors(void)
{
	uint64_t quota = group_processors();
	cpu_set_t allowed;
	long count;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0)
		count = CPU_COUNT(&allowed);
	else
		count = sysconf(_SC_NPROCESSORS_ONLN); /* more than cpu_set_t holds */
	if (count < 1)
		return 1;
	return (uint64_t)count < quota ? (uint64_t)count : quota;
}

/*
 * How many processes the limits leave room for. Others of the same user, if they are many, this does not see; root
 * has no such limit (getrlimit(2)), unless it becomes somebody else.
 */
static uint64_t room_of_processes(const struct options *options)
{
	uint64_t left = group_processes();
	struct rlimit limit;
	uint64_t most;

	if (getuid() == 0 && options->user == NULL)
		return left;
	most = soft_limit(getrlimit(RLIMIT_NPROC, &limit), &limit);
	return most < left ? most : left;
}

/* As many workers as there is use for, and room for their processes; at least one. */
static uint32_t most_workers(const struct options *options)
{
	uint64_t most = processors();
	uint64_t room = room_of_processes(options);

	if (most > OPTIONS_WORKERS_MAX)
		most = OPTIONS_WORKERS_MAX;
	if (room < most + PROCESSES_MORE)
		most = room > PROCESSES_MORE ? room - PROCESSES_MORE : 1;
	return (uint32_t)most;
}

/* Do the limits leave room for the clients that are asked for or, if none are, for some for each worker? */
static bool has_room(const struct demand *demand, const struct bound bounds[BOUNDS], uint64_t descriptors)
{
	uint64_t clients = demand->options->max_clients;

	if (clients == 0)
		clients = CLIENTS_LEAST * (uint64_t)demand->workers;
	for (size_t i = 0; i < BOUNDS; i++) {
		if (!fits(demand, &bounds[i], clients))
			return false;
	}
	return clients <= room_of_descriptors(demand, descriptors);
}

int limits_capacity(const struct options *options, const struct crew *crew, uint64_t descriptors,
		    uint32_t sockets, struct capacity *capacity)
{
	struct demand demand = {
		.options = options, .crew = crew, .workers = options->workers, .sockets = sockets
	};
	struct bound bounds[BOUNDS];
	struct needs needs;
	uint64_t clients;

	find_bounds(bounds);
	if (demand.workers == 0) {
		demand.workers = most_workers(options);
		while (demand.workers > 1 && !has_room(&demand, bounds, descriptors))
			demand.workers--;
	}
	if (heed_descriptors(&demand, descriptors, &clients) != 0)
		return -1;
	if (!find_needs(&demand, clients, &needs)) {
		diag("--buffer=%" PRIu64 ": so much for each of %" PRIu64 " clients cannot be addressed",
		     options->buffer_bytes, clients);
		return -1;
	}
	for (size_t i = 0; i < BOUNDS; i++) {
		if (heed(&demand, &bounds[i], &clients) != 0)
			return -1;
	}
	*capacity = (struct capacity){ .workers = demand.workers, .clients = (uint32_t)clients };
	return 0;
}

/* ---- buffers ---- */

uint64_t limits_buffer_total(const struct options *options)
{
	uint64_t quarter;

	if (options->buffer_total_bytes != 0)
		return options->buffer_total_bytes;
	quarter = group_memory() / 4;
	return quarter < BUFFER_TOTAL_BYTES ? quarter : BUFFER_TOTAL_BYTES;
}
