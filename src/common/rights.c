/* Rights given up for good; every process. See rights.h. */
#include "common/rights.h"

#include <errno.h>
#include <linux/capability.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CAPABILITIES_MAX = 64 }; /* as many as their sets have room for */

/* The C library has no such functions. */
static int set_capabilities(struct __user_cap_header_struct *header,
			    const struct __user_cap_data_struct *sets)
{
	return (int)syscall(SYS_capset, header, sets);
}

static int get_capabilities(struct __user_cap_header_struct *header, struct __user_cap_data_struct *sets)
{
	return (int)syscall(SYS_capget, header, sets);
}

static bool has_none(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = { { .effective = 0 } };

	if (get_capabilities(&header, sets) != 0)
		return false;
	for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		if ((sets[i].permitted | sets[i].effective | sets[i].inheritable) != 0)
			return false;
	}
	return true;
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { .effective = 0 } };

	/* Only who may do so can, and who may not has no use for these sets: nothing is executed with more rights. */
	for (unsigned long i = 0; i < CAPABILITIES_MAX; i++)
		(void)prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return has_none() ? 0 : set_capabilities(&header, none);
}

int rights_give_up(void)
{
	if (drop_capabilities() != 0)
		return -1;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

int rights_show(bool shown)
{
	return prctl(PR_SET_DUMPABLE, shown ? 1 : 0, 0, 0, 0);
}

void rights_limit(bool writes_files, uint64_t descriptors)
{
	static const struct rlimit none = { .rlim_cur = 0, .rlim_max = 0 };
	const struct rlimit few = { .rlim_cur = descriptors, .rlim_max = descriptors };

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)setrlimit(RLIMIT_NPROC, &none);
	(void)setrlimit(RLIMIT_DATA, &none);
	(void)setrlimit(RLIMIT_NOFILE, &few);
	if (!writes_files)
		(void)setrlimit(RLIMIT_FSIZE, &none);
}
