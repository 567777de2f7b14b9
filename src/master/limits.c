/* What the system allows echod, and what fits into that; run by the master, at the start. See limits.h. */
#include "master/limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "common/diag.h"
#include "common/table.h"
#include "master/ledger.h"
#include "master/monitor.h"

enum { CLIENTS_DEFAULT_MAX = 1 << 20 };

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

/* ---- clients ---- */

struct needs {
	uint64_t file;  /* bytes of the largest file */
	uint64_t space; /* bytes of address space, in the master, which has everything */
};

/* What so many clients need; false if it could not be addressed at all. */
static bool find_needs(const struct options *options, const struct crew *crew, uint64_t clients,
		       struct needs *needs)
{
	uint64_t slots = (clients + options->workers - 1) / options->workers;
	uint64_t all = slots * options->workers;
	uint64_t part = part_bytes((uint32_t)slots, options->buffer_bytes);
	uint64_t desk = crew->logger_memory_bytes((uint32_t)all);
	uint64_t ledger = ledger_bytes((uint32_t)all);

	needs->file = part > desk ? part : desk;
	needs->file = needs->file > ledger ? needs->file : ledger;
	needs->space = PROGRAM_BYTES + part * options->workers + desk + ledger + all * CLIENT_LIST_BYTES;
	return part != 0;
}

/* A limit that is met when there are more clients. */
struct bound {
	const char *name;
	uint64_t bytes;
	size_t field; /* offset in struct needs of what it limits */
};

static bool fits(const struct options *options, const struct crew *crew, const struct bound *bound,
		 uint64_t clients)
{
	struct needs needs;

	return find_needs(options, crew, clients, &needs) &&
	       *(const uint64_t *)((const char *)&needs + bound->field) <= bound->bytes;
}

/* How many clients fit, at most so many. */
static uint64_t most_that_fit(const struct options *options, const struct crew *crew,
			      const struct bound *bound, uint64_t most)
{
	uint64_t least = 0;

	while (least < most) {
		uint64_t middle = least + (most - least + 1) / 2;

		if (fits(options, crew, bound, middle))
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
static int heed(const struct options *options, const struct crew *crew, const struct bound *bound,
		uint64_t *clients)
{
	uint64_t most = most_that_fit(options, crew, bound, *clients);

	if (most == *clients)
		return 0;
	if (options->max_clients != 0 || most == 0) {
		diag("%s of %" PRIu64 " bytes is too low for --max-clients=%" PRIu64 " --buffer=%" PRIu64
		     " --workers=%u: it allows %" PRIu64 " clients",
		     bound->name, bound->bytes, *clients, options->buffer_bytes, options->workers, most);
		return -1;
	}
	diag("%s of %" PRIu64 " bytes allows %" PRIu64 " clients with --buffer=%" PRIu64, bound->name,
	     bound->bytes, most, options->buffer_bytes);
	*clients = most;
	return 0;
}

/* How many clients the limit on descriptors leaves room for: each takes one in the master. -1 after a message. */
static int heed_descriptors(const struct options *options, uint64_t descriptors, uint64_t *clients)
{
	uint64_t reserved = 24 + 2 * (uint64_t)options->listen_count + 3 * (uint64_t)options->workers +
			    (options->status_path != NULL ? MONITOR_FDS_MAX : 0);
	uint64_t most = descriptors > reserved ? descriptors - reserved : 0;

	if (most == 0) {
		diag("a limit of %" PRIu64 " open files is too low for %u workers", descriptors,
		     options->workers);
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

int limits_clients(const struct options *options, const struct crew *crew, uint64_t descriptors,
		   uint32_t *clients_max)
{
	struct rlimit file, space;
	const struct bound bounds[] = {
		{ "a limit on file size (ulimit -f)", soft_limit(getrlimit(RLIMIT_FSIZE, &file), &file),
		  offsetof(struct needs, file) },
		{ "a limit on address space (ulimit -v)", soft_limit(getrlimit(RLIMIT_AS, &space), &space),
		  offsetof(struct needs, space) },
	};
	struct needs needs;
	uint64_t clients;

	if (heed_descriptors(options, descriptors, &clients) != 0)
		return -1;
	if (!find_needs(options, crew, clients, &needs)) {
		diag("--buffer=%" PRIu64 ": so much for each of %" PRIu64 " clients cannot be addressed",
		     options->buffer_bytes, clients);
		return -1;
	}
	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
		if (heed(options, crew, &bounds[i], &clients) != 0)
			return -1;
	}
	*clients_max = (uint32_t)clients;
	return 0;
}

/* ---- buffers ---- */

/* A limit as a control group states it: a number, or "max"; UINT64_MAX if there is none. */
static uint64_t read_group_limit(const char *path)
{
	FILE *file = fopen(path, "re");
	uint64_t bytes;

	if (file == NULL)
		return UINT64_MAX;
	if (fscanf(file, "%" SCNu64, &bytes) != 1)
		bytes = UINT64_MAX;
	(void)fclose(file);
	return bytes;
}

/* The lowest limit of a group and those around it; `path` is used up. */
static uint64_t lowest_limit(const char *mount, char *path, const char *name)
{
	uint64_t lowest = UINT64_MAX;
	char file[512];
	char *end;

	do {
		uint64_t bytes;

		snprintf(file, sizeof(file), "%s%s/%s", mount, path, name);
		bytes = read_group_limit(file);
		lowest = bytes < lowest ? bytes : lowest;
		end = strrchr(path, '/');
		if (end != NULL)
			*end = '\0';
	} while (end != NULL);
	return lowest;
}

/* The limit on memory of this process's control group, of either version. */
static uint64_t group_limit(void)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	uint64_t lowest = UINT64_MAX;
	char line[256];

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		char *controllers = strchr(line, ':');
		char *path = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
		uint64_t bytes = UINT64_MAX;

		if (path == NULL)
			continue;
		path++;
		path[strcspn(path, "\n")] = '\0';
		if (strncmp(controllers, "::", 2) == 0)
			bytes = lowest_limit("/sys/fs/cgroup", path, "memory.max");
		else if (strncmp(controllers, ":memory:", 8) == 0)
			bytes = lowest_limit("/sys/fs/cgroup/memory", path, "memory.limit_in_bytes");
		lowest = bytes < lowest ? bytes : lowest;
	}
	if (file != NULL)
		(void)fclose(file);
	return lowest;
}

uint64_t limits_buffer_total(const struct options *options)
{
	uint64_t quarter;

	if (options->buffer_total_bytes != 0)
		return options->buffer_total_bytes;
	quarter = group_limit() / 4;
	return quarter < BUFFER_TOTAL_BYTES ? quarter : BUFFER_TOTAL_BYTES;
}
