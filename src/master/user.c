/* From root to an ordinary user; run by the master, at the start. See user.h. */
#include "master/user.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/diag.h"
#include "common/number.h"
#include "common/rights.h"

enum { NAME_BYTES = 256 };

/* ---- who that is ---- */

/* Reads a number that an id can be: all but the highest, which stands for none (chown(2)). */
static bool read_id(const char *text, unsigned *id)
{
	uint64_t value;

	if (!number_from_text(text, UINT_MAX - 1, &value))
		return false;
	*id = (unsigned)value;
	return true;
}

/* Reports what a look-up of a name came to. */
static int not_found(const char *name, const char *what)
{
	if (errno == 0 || errno == ENOENT || errno == ESRCH)
		diag("--user: '%s' is not a %s of this system", name, what);
	else
		diag_errno("--user: '%s'", name);
	return -1;
}

/* Without an entry of its own a number has no group. */
static int find_user(const char *name, bool has_group, struct user *user)
{
	const struct passwd *entry;

	errno = 0;
	entry = getpwnam(name);
	if (entry == NULL && read_id(name, &user->uid)) {
		entry = getpwuid(user->uid);
		if (entry == NULL && !has_group)
			diag("--user: '%s' has no group of its own, name one: %s:GROUP", name, name);
		if (entry == NULL)
			return has_group ? 0 : -1;
	}
	if (entry == NULL)
		return not_found(name, "user");
	*user = (struct user){ .uid = entry->pw_uid, .gid = entry->pw_gid };
	return 0;
}

static int find_group(const char *name, gid_t *gid)
{
	const struct group *entry;

	errno = 0;
	entry = getgrnam(name);
	if (entry != NULL)
		*gid = entry->gr_gid;
	else if (!read_id(name, gid))
		return not_found(name, "group");
	return 0;
}

int user_find(const char *text, struct user *user)
{
	const char *group = strchr(text, ':');
	char name[NAME_BYTES];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(text, ":"), text);
	if (find_user(name, group != NULL, user) != 0)
		return -1;
	if (group != NULL && find_group(group + 1, &user->gid) != 0)
		return -1;
	if (user->uid == 0) {
		diag("--user: '%s' is root", name);
		return -1;
	}
	return 0;
}

/* ---- becoming that ---- */

static bool is_already(const struct user *user)
{
	uid_t real_uid, uid, saved_uid;
	gid_t real_gid, gid, saved_gid, other_gid;
	int others = getgroups(1, &other_gid); /* -1 if there are more */

	return getresuid(&real_uid, &uid, &saved_uid) == 0 && getresgid(&real_gid, &gid, &saved_gid) == 0 &&
	       real_uid == user->uid && uid == user->uid && saved_uid == user->uid && real_gid == user->gid &&
	       gid == user->gid && saved_gid == user->gid &&
	       (others == 0 || (others == 1 && other_gid == user->gid));
}

int user_become(const struct user *user)
{
	/* In this order: the user may not change its groups. */
	if (!is_already(user) &&
	    (setgroups(0, NULL) != 0 || setresgid(user->gid, user->gid, user->gid) != 0 ||
	     setresuid(user->uid, user->uid, user->uid) != 0))
		return -1;
	/*
	 * After a change of user what is in /proc/self still belongs to root until the next program is executed
	 * (proc(5)). There is nothing of root's in this memory.
	 */
	return rights_show(true);
}
