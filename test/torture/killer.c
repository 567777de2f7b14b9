/*
 * killer: kills children of a running server at random instants.
 *
 *     killer [-n KILLS] [-i MSECS] [-y TIMES] [-s SEED] [-t NAME]... PID
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

#include "../client/client.h"
#include "../client/payload.h"

enum {
	VICTIMS_MAX = 512,
	NAMES_MAX = 2,
	AT_ONCE_MAX = 3,
	NAME_BYTES = 16,
	PATIENCE_MSECS = 30000, /* for a victim to appear and to disappear */
	EARLY_MSECS = 1100,     /* who dies younger is restarted with a delay (a little is added) */
};

static struct {
	unsigned kills;
	unsigned interval_msecs;
	uint64_t seed;
	const char *names[NAMES_MAX];
	unsigned name_count;
	unsigned young_deaths; /* in a row */
	pid_t parent;
} options = {
	.kills = 1,
	.interval_msecs = 100,
	.young_deaths = 2,
	.seed = 1,
};

static uint64_t random_state;

static uint64_t random_below(uint64_t limit)
{
	return random_next(&random_state) % limit;
}

static void rest_usecs(uint64_t usecs)
{
	struct timespec rest = { .tv_sec = (time_t)(usecs / 1000000),
				 .tv_nsec = (long)(usecs % 1000000) * 1000 };

	while (nanosleep(&rest, &rest) == -1 && errno == EINTR)
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

	while (dynasty->memory && dynasty->memory != process->memory)
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

	if (!file)
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
	while (file && fgets(line, sizeof(line), file)) {
		if (strstr(line, name) && sscanf(line, "%*s %*s %*s %*s %lu", &process->memory) == 1)
			break;
	}
	if (file)
		fclose(file);
	return process->memory != 0;
}

static bool is_named(const struct process *process)
{
	for (unsigned i = 0; i < options.name_count; i++) {
		if (!strcmp(process->name, options.names[i]))
			return true;
	}
	return false;
}

static bool is_victim(struct process *process)
{
	if (!read_stat(process) || process->state == 'Z' || !is_named(process) || !read_memory(process))
		return false;
	return !is_young(process) || dynasty_of(process)->young_deaths < options.young_deaths;
}

static unsigned find_victims(struct process victims[VICTIMS_MAX])
{
	char path[64];
	unsigned count = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)options.parent, (int)options.parent);
	file = fopen(path, "re");
	if (!file)
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

	while (!count && now_msecs() < deadline) {
		rest_usecs(1000);
		count = find_victims(victims);
	}
	if (!count)
		fail("nobody to kill for %d ms", PATIENCE_MSECS);
	return victims[random_below(count)];
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
	unsigned wanted = random_below(4) == 0 ? 1 + (unsigned)random_below(AT_ONCE_MAX) : 1;
	unsigned count = 0;

	if (wanted > most)
		wanted = most;
	for (unsigned i = 0; i < wanted; i++) {
		struct process victim = choose_victim();

		if (is_among(victims, count, victim.pid) || kill(victim.pid, SIGKILL) == -1)
			continue;
		victims[count++] = victim.pid;
		dynasty_of(&victim)->young_deaths =
			is_young(&victim) ? dynasty_of(&victim)->young_deaths + 1 : 0;
	}
	for (unsigned i = 0; i < count; i++)
		await_end(victims[i]);
	return count;
}

static void parse(int argc, char *argv[])
{
	int option;

	while ((option = getopt(argc, argv, "n:i:y:s:t:")) != -1) {
		switch (option) {
		case 'n':
			options.kills = (unsigned)number(optarg, 1000000);
			break;
		case 'i':
			options.interval_msecs = (unsigned)number(optarg, 60000);
			break;
		case 'y':
			options.young_deaths = (unsigned)number(optarg, 1000000);
			break;
		case 's':
			options.seed = number(optarg, UINT64_MAX);
			break;
		case 't':
			if (options.name_count == NAMES_MAX)
				fail("too many names");
			options.names[options.name_count++] = optarg;
			break;
		default:
			exit(2);
		}
	}
	if (optind != argc - 1 || !options.name_count)
		fail("killer needs -t NAME and PID");
	options.parent = (pid_t)number(argv[optind], INT32_MAX);
}

int main(int argc, char *argv[])
{
	int64_t start;
	unsigned kills = 0;

	parse(argc, argv);
	random_state = options.seed;
	start = now_msecs();
	while (kills < options.kills) {
		rest_usecs(random_below(options.interval_msecs * 1000 + 1));
		kills += kill_some(options.kills - kills);
	}
	say("%u kills in %" PRId64 " ms, seed %" PRIu64, kills, now_msecs() - start, options.seed);
	return 0;
}
