/*
 * client killer: kills children of a running server at random instants.
 *
 *     -n  so many
 *     -i  the longest time between two; sometimes several die at once
 *     -t  only processes of this name, echod-worker or echod-logger; may be repeated
 *     -y  how often in a row one and its successors may die within a second of their start, for which
 *         the server waits longer each time before it starts the next
 *
 * Every victim must have been waited for by its parent before the next ones die.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "options.h"
#include "payload.h"

enum {
	VICTIMS_MAX = 512,
	AT_ONCE_MAX = 3,
	NAME_BYTES = 16,
	PATIENCE_MSECS = 30000, /* for a victim to appear and to disappear */
	EARLY_MSECS = 1100,     /* who dies younger is restarted with a delay (a little is added) */
};

static unsigned kills_wanted = 1;
static unsigned interval_msecs = 100;
static unsigned young_deaths_max = 2;
static uint64_t seed = 1;
static struct texts names;

static const struct command_option table[] = {
	OPTION('n', &kills_wanted, 1000000),
	OPTION('i', &interval_msecs, 60000),
	OPTION('y', &young_deaths_max, 1000000),
	OPTION('s', &seed, UINT64_MAX),
	OPTION('t', &names, 0),
	{ .kind = OPTION_END },
};

static pid_t parent;
static uint64_t random_state;

static void rest_usecs(uint64_t usecs)
{
	struct timespec rest = { .tv_sec = (time_t)(usecs / 1000000),
				 .tv_nsec = (long)(usecs % 1000000) * 1000 };

	while (nanosleep(&rest, &rest) != 0 && errno == EINTR)
		continue;
}

static int64_t now_msecs(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now); /* what /proc counts from */
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct process {
	pid_t pid;
	char name[NAME_BYTES];
	char state;
	int64_t age_msecs;
	unsigned long memory; /* the same for one and its successors: their region's inode */
};

/* A worker or the logger through all its lives. */
static struct dynasty {
	unsigned long memory;
	unsigned young_deaths; /* in a row */
} dynasties[VICTIMS_MAX];

static struct dynasty *dynasty_of(const struct process *process)
{
	struct dynasty *dynasty = dynasties;

	while (dynasty->memory != 0 && dynasty->memory != process->memory)
		dynasty++;
	dynasty->memory = process->memory;
	return dynasty;
}

static bool is_young(const struct process *process)
{
	return process->age_msecs < EARLY_MSECS;
}

static FILE *open_proc(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return fopen(path, "re");
}

/* Fields 2, 3 and 22 of what proc(5) calls stat; the names looked for here have no ')'. */
static bool read_stat(struct process *process)
{
	FILE *file = open_proc(process->pid, "stat");
	unsigned long long start_ticks = 0;
	int fields;

	if (file == NULL)
		return false;
	fields = fscanf(file, "%*d (%15[^)]) %c", process->name, &process->state);
	for (int i = 4; i < 22 && fields == 2; i++)
		fields += fscanf(file, "%*s") == 0 ? 0 : -1;
	if (fields == 2)
		fields += fscanf(file, "%llu", &start_ticks);
	fclose(file);
	if (fields != 3)
		return false;
	process->age_msecs =
		now_msecs() - (int64_t)(start_ticks * 1000 / (unsigned long long)sysconf(_SC_CLK_TCK));
	return true;
}

/* A worker or the logger has one region of that name; one that has just been forked, or has died, has not. */
static bool read_memory(struct process *process)
{
	FILE *file = open_proc(process->pid, "maps");
	char name[NAME_BYTES + 8];
	char line[512];

	snprintf(name, sizeof(name), "/memfd:%s", process->name);
	process->memory = 0;
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		if (strstr(line, name) != NULL && sscanf(line, "%*s %*s %*s %*s %lu", &process->memory) == 1)
			break;
	}
	if (file != NULL)
		fclose(file);
	return process->memory != 0;
}

static bool is_named(const struct process *process)
{
	for (unsigned i = 0; i < names.count; i++) {
		if (strcmp(process->name, names.each[i]) == 0)
			return true;
	}
	return false;
}

static bool is_victim(struct process *process)
{
	if (!read_stat(process) || process->state == 'Z' || !is_named(process) || !read_memory(process))
		return false;
	return !is_young(process) || dynasty_of(process)->young_deaths < young_deaths_max;
}

static unsigned find_victims(struct process victims[VICTIMS_MAX])
{
	char path[64];
	unsigned count = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)parent, (int)parent);
	file = fopen(path, "re");
	if (file == NULL)
		fail_errno("%s", path);
	while (count < VICTIMS_MAX && fscanf(file, "%d", &victims[count].pid) == 1) {
		if (is_victim(&victims[count]))
			count++;
	}
	fclose(file);
	return count;
}

/* One of them, by chance. */
static struct process choose_victim(void)
{
	static struct process victims[VICTIMS_MAX];
	int64_t deadline = now_msecs() + PATIENCE_MSECS;
	unsigned count = find_victims(victims);

	while (count == 0 && now_msecs() < deadline) {
		rest_usecs(1000);
		count = find_victims(victims);
	}
	if (count == 0)
		fail("nobody to kill for %d ms", PATIENCE_MSECS);
	return victims[random_below(&random_state, count)];
}

/* A pid is not given to another process so soon. */
static void await_end(pid_t victim)
{
	int64_t deadline = now_msecs() + PATIENCE_MSECS;

	while (kill(victim, 0) == 0) {
		if (now_msecs() > deadline)
			fail("process %d is dead, and its parent does not wait for it", (int)victim);
		rest_usecs(200);
	}
}

static bool is_among(const pid_t *pids, unsigned count, pid_t pid)
{
	for (unsigned i = 0; i < count; i++) {
		if (pids[i] == pid)
			return true;
	}
	return false;
}

/* Kills up to AT_ONCE_MAX, one after another without waiting; returns how many. */
static unsigned kill_some(unsigned most)
{
	pid_t victims[AT_ONCE_MAX];
	unsigned wanted = random_below(&random_state, 4) == 0
				  ? 1 + (unsigned)random_below(&random_state, AT_ONCE_MAX)
				  : 1;
	unsigned count = 0;

	if (wanted > most)
		wanted = most;
	for (unsigned i = 0; i < wanted; i++) {
		struct process victim = choose_victim();

		if (is_among(victims, count, victim.pid) || kill(victim.pid, SIGKILL) != 0)
			continue;
		victims[count++] = victim.pid;
		dynasty_of(&victim)->young_deaths =
			is_young(&victim) ? dynasty_of(&victim)->young_deaths + 1 : 0;
	}
	for (unsigned i = 0; i < count; i++)
		await_end(victims[i]);
	return count;
}

int killer_main(int argc, char *argv[])
{
	char **words = parse_options(argc, argv, table, 1);
	int64_t start = now_msecs();
	unsigned kills = 0;

	if (names.count == 0)
		fail("killer needs -t NAME");
	parent = (pid_t)number(words[0], INT32_MAX);
	random_state = seed;
	while (kills < kills_wanted) {
		rest_usecs(random_below(&random_state, interval_msecs * 1000 + 1));
		kills += kill_some(kills_wanted - kills);
	}
	say("%u kills in %" PRId64 " ms, seed %" PRIu64, kills, now_msecs() - start, seed);
	return 0;
}
