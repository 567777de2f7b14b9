/*
 * Looking for events for a while before sleeping.
 *
 * Being put to sleep and woken costs more than to echo a short message, on both sides; a client that
 * waits for each echo gets 2.6 times as many, for less processor time each. It is done while one
 * client alone keeps the worker busy: with several at work sleeping pays, since then there is more to
 * do at once. Where messages come seldom it is in vain, and left out more and more often.
 */
#ifndef ECHOD_WORKER_LINGER_H
#define ECHOD_WORKER_LINGER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct linger_state {
	uint64_t single;   /* the client whose event came alone the last time; 0: that was not so */
	bool single_again; /* so did the one before, from the same client */
	uint32_t in_vain;  /* doubles with each lingering that was in vain */
	uint32_t skip;     /* waits until the next lingering */
};

/* As epoll_wait(2), but may look for a while first. -1 with errno. */
int linger_wait(struct linger_state *linger, int epoll_fd, struct epoll_event *events, int most,
		int timeout_msecs);

/* What the last wait brought: one event, of this client (not 0), or anything else (0). */
void linger_note(struct linger_state *linger, uint64_t single);

#endif
