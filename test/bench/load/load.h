/* What the files of the load generator share. */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

enum {
	CHUNK_BYTES = 64 * 1024, /* the most in one send or receive */
	PING_BYTES = 64,
	EVENTS = 512,
	STALL_MSECS = 5000,
};

#define NSECS_PER_SEC  UINT64_C(1000000000)
#define NSECS_PER_MSEC UINT64_C(1000000)

/* The command line. */
extern const char *workload;
extern unsigned port;
extern uint32_t clients_wanted;
extern size_t bytes_wanted;
extern double seconds_wanted;
extern uint64_t operations_wanted;
extern double rate_wanted;  /* messages a second */
extern unsigned server_pid; /* 0: none */
extern unsigned victim_pid;
extern bool one_address;
extern const char *filling;

/* Writes one line to standard error, and ends. */
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* ---- clients (client.c) ---- */

struct client {
	int fd;
	uint32_t index;      /* its stream is the pattern from a place on that few others have, if any */
	uint32_t sent_at;    /* place in the pattern of the next byte to send */
	uint32_t checked_at; /* place in the pattern of the next byte to come back */
	size_t allowed;      /* bytes that may be sent now */
	size_t outstanding;  /* bytes sent and not come back */
	uint64_t started;    /* nanoseconds: when the operation under way began */
	size_t returned;     /* `paced`: bytes that came back of a message that is not complete */
	uint64_t answered;   /* `paced`: messages that came back */
	bool connecting;     /* `connect`: nothing could be sent yet */
	bool fresh;          /* `recover`: the ping under way was sent after the kill */
	bool resumed;        /* `recover`: such a ping has come back */
};

extern struct client *clients; /* as many as clients_make() made */
extern uint64_t bytes_back;    /* received and compared */

/* Allows many descriptors, and makes what is sent; to be called first. */
void clients_prepare(void);

/* Makes so many clients, without connections. */
void clients_make(uint32_t count);

/*
 * Makes them, connects one after another, and has a ping of each come back so that the server is known to serve it.
 * The first many come from 127.0.0.1, others from an address of their own.
 */
void clients_open(uint32_t count);

/*
 * Begins a connection and sends bytes_wanted on it as soon as that can be. On loopback it is usually made at
 * once; where it is not, epoll tells.
 */
void client_connect(struct client *client);

/* The connection was made: sends, and waits for the echo alone. */
void client_connected(struct client *client);

/*
 * Sends what is allowed, as far as the socket takes it. What it does not take is sent when the
 * next bytes come back: there are some on the way, or it would have had room.
 */
void client_send(struct client *client);

/* Begins an operation: sends so many bytes, whose echo ends it. */
void client_ping(struct client *client, size_t bytes);

/* Is the operation over: all sent and all back? */
bool client_done(const struct client *client);

/* Receives once and compares; returns how many bytes came, 0 if there were none. */
size_t client_receive(struct client *client);

/* What one event of a workload does. */
typedef void serve(struct client *client, uint32_t events);

/* Waits for events, at most so long, and serves them; it is an error if none come in STALL_MSECS. */
void serve_events(serve *serve_one, int timeout_msecs);

/* Waits for events, at most until this instant. */
void wait_for_events(uint64_t until_nsecs);

/* ---- time (measure.c) ---- */

/* An instant of a clock that goes on evenly, and so many seconds, in nanoseconds. */
uint64_t now_nsecs(void);
uint64_t nsecs(double seconds);

extern uint64_t operations; /* whose latencies were recorded */

/* Forgets the latencies that were recorded; records one. */
void latency_reset(void);
void latency_record(uint64_t value_nsecs);

/* The latency in microseconds that this share of all operations did not exceed. */
double latency_usecs(double share);

/* Microseconds of processor time that the server and all its descendants have had; 0 without -s. */
double server_usecs(void);

/* What is between these two is measured; the second prints the answer, `megabytes` says what the rate counts. */
void measure_begin(void);
void measure_end(bool megabytes);

/* Serves for a warm-up, then as the command line says, and prints the answer. */
void measure(serve *serve_one, bool megabytes);

/* ---- what main.c chooses from (workloads.c, paced.c, recover.c); each runs, prints its answer and returns ---- */

void ping_pong(void);
void stream(void);
void paced(void);
void mixed(void);
void connect_and_close(void);
void idle(void);
void recover(void);

#endif
