/*
 * Giving up rights, for good; what a process does not have it cannot be made to use.
 */
#ifndef ECHOD_RIGHTS_H
#define ECHOD_RIGHTS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Gives up all capabilities of the calling process (capabilities(7)), and that a program it executes gets more
 * rights than it has (PR_SET_NO_NEW_PRIVS, prctl(2)). Children inherit both. -1 with errno; where the system refuses to
 * have capabilities taken away that the process does not have, that is no failure.
 */
int rights_give_up(void);

/*
 * Has other processes of the same user look into the calling one (/proc, ptrace(2)), or no longer. It cannot write what
 * is its own in /proc either then, unless it is root. -1 with errno of prctl(2).
 */
int rights_show(bool shown);

/*
 * Gives up the right to start processes and to leave a core dump, to have more memory of its own, to have descriptors
 * from this one on, and unless it writes files to have any file grow (setrlimit(2)). What a limit of the system's or a
 * filter on system calls refuses stays as it is: all but the descriptors stands behind the filter of sandbox.h, too.
 */
void rights_limit(bool writes_files, uint64_t descriptors);

#endif
