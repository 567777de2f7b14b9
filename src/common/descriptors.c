/* Closing whatever a process has inherited; every process. See descriptors.h. */
#include "common/descriptors.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static int ascending(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Beyond the limit there is nothing, unless it was lowered after something was opened. */
static int close_each(unsigned first, unsigned last)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return -1;
	for (unsigned fd = first; fd <= last && fd < limit.rlim_cur; fd++)
		(void)close((int)fd); /* most are not open */
	return 0;
}

/* The limit may be a thousand million, which is long to try one by one. */
static int close_listed(unsigned first, unsigned last)
{
	DIR *list = opendir("/proc/self/fd");
	const struct dirent *entry;

	if (list == NULL)
		return -1;
	while ((entry = readdir(list)) != NULL) {
		unsigned fd = (unsigned)strtoul(entry->d_name, NULL, 10);

		if (entry->d_name[0] != '.' && fd >= first && fd <= last && fd != (unsigned)dirfd(list))
			(void)close((int)fd);
	}
	closedir(list);
	return 0;
}

static int close_between(unsigned first, unsigned last)
{
	if (first > last || close_range(first, last, 0) == 0)
		return 0;
	if (errno != ENOSYS && errno != EPERM)
		return -1;
	return close_listed(first, last) == 0 ? 0 : close_each(first, last);
}

int descriptors_close_others(int *keep, size_t count)
{
	unsigned next = 0;

	qsort(keep, count, sizeof(keep[0]), ascending);
	for (size_t i = 0; i < count; i++) {
		if (keep[i] < 0)
			continue;
		if ((unsigned)keep[i] > next && close_between(next, (unsigned)keep[i] - 1) != 0)
			return -1;
		next = (unsigned)keep[i] + 1;
	}
	return close_between(next, ~0U);
}
