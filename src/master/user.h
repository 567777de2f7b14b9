/* --user: root's rights given up, for good. */
#ifndef ECHOD_MASTER_USER_H
#define ECHOD_MASTER_USER_H

#include <sys/types.h>

struct user {
	uid_t uid;
	gid_t gid;
};

/*
 * Looks up "USER" or "USER:GROUP", names or numbers; without a group it is the user's own. -1 after a message if there
 * is no such user or group, or the user is root.
 */
int user_find(const char *text, struct user *user);

/*
 * Makes this process, and what it starts from now on, nothing but that user: real, effective and saved ids, no
 * other groups. What it has open stays open, and its capabilities are for rights_give_up().
 * An ordinary process may become only what it is. -1 with errno, and then it may be neither the one nor the other.
 */
int user_become(const struct user *user);

#endif
