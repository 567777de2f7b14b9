/* How long things take: latencies, the server's processor time, rates. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

/* Latencies in nanoseconds: 64 steps to each power of two, so within 1.6 % of the truth. */
enum {
	STEP_BITS = 6,
	STEPS = 1 << STEP_BITS,
	BUCKETS = (64 - STEP_BITS + 1) * STEPS,
};

static uint64_t histogram[BUCKETS];
uint64_t operations; /* in the histogram */

uint64_t now_nsecs(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail with this clock: clock_gettime(2) */
	return (uint64_t)now.tv_sec * NSECS_PER_SEC + (uint64_t)now.tv_nsec;
}

uint64_t nsecs(double seconds)
{
	return (uint64_t)(seconds * (double)NSECS_PER_SEC);
}

/* ---- latencies ---- */

static size_t bucket_of(uint64_t value)
{
	unsigned exponent;

	if (value < 2 * STEPS)
		return (size_t)value;
	exponent = 63U - STEP_BITS - (unsigned)__builtin_clzll(value);
	return exponent * STEPS + (size_t)(value >> exponent);
}

static double bucket_value(size_t bucket)
{
	size_t exponent = bucket < 2 * STEPS ? 0 : bucket / STEPS - 1;

	return ((double)(bucket - exponent * STEPS) + 0.5) * (double)(UINT64_C(1) << exponent);
}

void latency_reset(void)
{
	memset(histogram, 0, sizeof(histogram));
	operations = 0;
}

void latency_record(uint64_t value)
{
	histogram[bucket_of(value)]++;
	operations++;
}

double latency_usecs(double share)
{
	uint64_t rank = (uint64_t)(share * (double)operations);
	uint64_t seen = 0;

	for (size_t i = 0; i < BUCKETS; i++) {
		seen += histogram[i];
		if (seen > rank)
			return bucket_value(i) / 1000;
	}
	return 0;
}

/* ---- processor time ---- */

/* Opens a file of /proc about a process; NULL if it is gone or the kernel does not have it. */
static FILE *proc_open(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return fopen(path, "re");
}

/*
 * Processor time of one process and of its children that have ended. The kernel's stat counts in
 * ticks of 10 ms, which says nothing about many short-lived clients' processes, so schedstat,
 * which has nanoseconds for a process of one thread, replaces the process's own ticks if there is one.
 */
static double process_usecs(pid_t pid)
{
	const double tick_usecs = 1e6 / (double)sysconf(_SC_CLK_TCK);
	char text[1024];
	unsigned long long user, system, children_user, children_system, own_nsecs;
	const char *after_name;
	double usecs;
	FILE *file = proc_open(pid, "stat");

	if (file == NULL)
		return 0;
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	after_name = strrchr(text, ')');
	if (after_name == NULL ||
	    sscanf(after_name, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %llu %llu", &user,
		   &system, &children_user, &children_system) != 4)
		return 0;
	usecs = (double)(user + system) * tick_usecs;
	file = proc_open(pid, "schedstat");
	if (file != NULL) {
		if (fscanf(file, "%llu", &own_nsecs) == 1)
			usecs = (double)own_nsecs / 1000;
		fclose(file);
	}
	return usecs + (double)(children_user + children_system) * tick_usecs;
}

/* The same for a process and all its living descendants. */
static double tree_usecs(pid_t pid)
{
	double usecs = process_usecs(pid);
	char name[32];
	int child;
	FILE *file;

	snprintf(name, sizeof(name), "task/%d/children", (int)pid);
	file = proc_open(pid, name);
	if (file == NULL)
		return usecs;
	while (fscanf(file, "%d", &child) == 1)
		usecs += tree_usecs(child);
	fclose(file);
	return usecs;
}

double server_usecs(void)
{
	return server_pid == 0 ? 0 : tree_usecs((pid_t)server_pid);
}

/* ---- rates ---- */

/* Serves events until the time has come or, unless it is 0, so many operations are done. */
static void serve_until(serve *serve_one, uint64_t end, uint64_t operations_end)
{
	do
		serve_events(serve_one, STALL_MSECS);
	while (now_nsecs() < end && (operations_end == 0 || operations < operations_end));
}

static uint64_t began;     /* nanoseconds */
static double server_time; /* microseconds */

void measure_begin(void)
{
	latency_reset();
	bytes_back = 0;
	server_time = server_usecs();
	began = now_nsecs();
}

void measure_end(bool megabytes)
{
	double elapsed = (double)(now_nsecs() - began) / (double)NSECS_PER_SEC;
	double amount = megabytes ? (double)bytes_back / 1e6 : (double)operations;

	server_time = server_usecs() - server_time;
	printf("workload=%s clients=%u bytes=%zu seconds=%.3f back=%llu rate=%.3f unit=%s", workload,
	       clients_wanted, bytes_wanted, elapsed, (unsigned long long)bytes_back, amount / elapsed,
	       megabytes ? "MB/s" : "/s");
	if (operations > 0)
		printf(" p50_us=%.1f p99_us=%.1f p999_us=%.1f", latency_usecs(0.5), latency_usecs(0.99),
		       latency_usecs(0.999));
	if (server_pid != 0 && amount > 0)
		printf(" cpu_us=%.3f", server_time / amount);
	putchar('\n');
}

/* The warm-up takes a tenth of the time. */
void measure(serve *serve_one, bool megabytes)
{
	serve_until(serve_one, now_nsecs() + nsecs(seconds_wanted / 10), 0);
	measure_begin();
	serve_until(serve_one, operations_wanted > 0 ? UINT64_MAX : began + nsecs(seconds_wanted),
		    operations_wanted);
	measure_end(megabytes);
}
