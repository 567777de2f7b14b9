/*
 * The limits of control groups; run by the master, at the start. See group.h.
 *
 * A group's limit is in files of its folder, and so are those of the groups around it, which hold, too. In a
 * container the paths that /proc tells may be others than those mounted there: the root's files are right even then.
 */
#include "master/group.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { PATH_BYTES = 512 };

/* What a group allows of something, by its folder; UINT64_MAX: it has no limit. */
typedef uint64_t read_limit(const char *folder);

/* Reads one or two numbers from a file; the second may be NULL. False if they, or the file, are not there. */
static bool read_numbers(const char *folder, const char *name, uint64_t *first, uint64_t *second)
{
	char path[PATH_BYTES];
	FILE *file;
	int count;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	count = second == NULL ? fscanf(file, "%" SCNu64, first)
			       : fscanf(file, "%" SCNu64 " %" SCNu64, first, second);
	(void)fclose(file);
	return count == (second == NULL ? 1 : 2);
}

/* A number or, where there is no limit, "max". */
static uint64_t read_memory(const char *folder)
{
	uint64_t bytes;

	return read_numbers(folder, "memory.max", &bytes, NULL) ? bytes : UINT64_MAX;
}

static uint64_t read_memory_v1(const char *folder)
{
	uint64_t bytes;

	return read_numbers(folder, "memory.limit_in_bytes", &bytes, NULL) ? bytes : UINT64_MAX;
}

/* Time that may be used in each period of time. */
static uint64_t in_processors(uint64_t quota, uint64_t period)
{
	if (period == 0 || quota == UINT64_MAX)
		return UINT64_MAX;
	return quota == 0 ? 1 : (quota - 1) / period + 1;
}

/* "max" in the quota's place is no limit. */
static uint64_t read_processors(const char *folder)
{
	uint64_t quota, period;

	return read_numbers(folder, "cpu.max", &quota, &period) ? in_processors(quota, period) : UINT64_MAX;
}

/* A quota of -1, which is read as UINT64_MAX, is no limit. */
static uint64_t read_processors_v1(const char *folder)
{
	uint64_t quota, period;

	return read_numbers(folder, "cpu.cfs_quota_us", &quota, NULL) &&
			       read_numbers(folder, "cpu.cfs_period_us", &period, NULL)
		       ? in_processors(quota, period)
		       : UINT64_MAX;
}

/* The same in both versions; "max" is no limit. */
static uint64_t read_processes(const char *folder)
{
	uint64_t most, now;

	if (!read_numbers(folder, "pids.max", &most, NULL) ||
	    !read_numbers(folder, "pids.current", &now, NULL))
		return UINT64_MAX;
	return most > now ? most - now : 0;
}

static uint64_t lower(uint64_t limit, uint64_t other)
{
	return limit < other ? limit : other;
}

/* The lowest limit of a group and those around it; `path` is used up. */
static uint64_t lowest_around(const char *mount, char *path, read_limit *read)
{
	uint64_t lowest = UINT64_MAX;
	char folder[PATH_BYTES];
	char *end;

	do {
		snprintf(folder, sizeof(folder), "%s%s", mount, path);
		lowest = lower(lowest, read(folder));
		end = strrchr(path, '/');
		if (end != NULL)
			*end = '\0';
	} while (end != NULL);
	return lowest;
}

/* Is the controller in a list such as "cpu,cpuacct"? The list is used up. */
static bool is_listed(char *list, const char *controller)
{
	char *rest = list;
	const char *word;

	while ((word = strsep(&rest, ",")) != NULL) {
		if (strcmp(word, controller) == 0)
			return true;
	}
	return false;
}

/* A limit of the groups that this process is in, by the controller that has it in version 1. */
static uint64_t lowest_limit(const char *controller, read_limit *read, read_limit *read_v1)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	uint64_t lowest = UINT64_MAX;
	char line[PATH_BYTES], mount[64];

	snprintf(mount, sizeof(mount), "/sys/fs/cgroup/%s", controller);
	/* Each line is "NUMBER:CONTROLLERS:PATH"; that of version 2 lists no controllers. */
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		char *rest = line;
		char *list = strsep(&rest, ":") != NULL ? strsep(&rest, ":") : NULL;

		if (list == NULL || rest == NULL)
			continue;
		rest[strcspn(rest, "\n")] = '\0';
		if (*list == '\0')
			lowest = lower(lowest, lowest_around("/sys/fs/cgroup", rest, read));
		else if (is_listed(list, controller))
			lowest = lower(lowest, lowest_around(mount, rest, read_v1));
	}
	if (file != NULL)
		(void)fclose(file);
	return lowest;
}

uint64_t group_memory(void)
{
	return lowest_limit("memory", read_memory, read_memory_v1);
}

uint64_t group_processors(void)
{
	return lowest_limit("cpu", read_processors, read_processors_v1);
}

uint64_t group_processes(void)
{
	return lowest_limit("pids", read_processes, read_processes);
}
