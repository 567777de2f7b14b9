/* Looking before sleeping; run by a worker. See linger.h. */
#include "worker/linger.h"

#include <sched.h>

#include "common/clock.h"

enum {
	LINGER_USECS = 50,    /* how long to look */
	LINGER_SKIP_MAX = 63, /* where that was in vain again and again, so many waits go without it */
};

/* Lets others go first, but does not sleep. */
static int look(int epoll_fd, struct epoll_event *events, int most)
{
	uint64_t start = clock_usecs();
	int count;

	do {
		sched_yield(); /* cannot fail: sched_yield(2) */
		count = epoll_wait(epoll_fd, events, most, 0);
	} while (count == 0 && clock_usecs() - start < LINGER_USECS);
	return count;
}

static int look_unless_in_vain(struct linger_state *linger, int epoll_fd, struct epoll_event *events,
			       int most)
{
	int count;

	if (linger->skip > 0) {
		linger->skip--;
		return 0;
	}
	count = look(epoll_fd, events, most);
	if (count != 0)
		linger->in_vain = 0;
	else if (linger->in_vain < LINGER_SKIP_MAX)
		linger->in_vain = linger->in_vain * 2 + 1;
	linger->skip = linger->in_vain;
	return count;
}

int linger_wait(struct linger_state *linger, int epoll_fd, struct epoll_event *events, int most,
		int timeout_msecs)
{
	int count = 0;

	if (timeout_msecs != 0 && linger->single_again)
		count = look_unless_in_vain(linger, epoll_fd, events, most);
	return count != 0 ? count : epoll_wait(epoll_fd, events, most, timeout_msecs);
}

void linger_note(struct linger_state *linger, uint64_t single)
{
	linger->single_again = single != 0 && single == linger->single;
	linger->single = single;
}
