/*
 * The test client: what its commands share.
 *
 * It is one program with a command for each thing that nc and socat cannot do. A command verifies
 * every byte it gets back; it exits 0 if all was as it should be, and otherwise writes one line that
 * says what was not and exits 1.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
	QUIET_MSECS = 60000,     /* a command that sees nothing happen for so long has failed */
	STALL_LOOK_MSECS = 100,  /* how often it is looked whether a send has stalled */
	ADDRESS_BYTES = 64,      /* room for ADDRESS:PORT */
	CHUNK_MAX_BYTES = 65536, /* the most that is sent or received at once */
};

/* The commands; argv[0] is the command's name. */
int stream_main(int argc, char *argv[]);
int logsplit_main(int argc, char *argv[]);
int stuck_main(int argc, char *argv[]);
int pingpong_main(int argc, char *argv[]);
int payload_main(int argc, char *argv[]);
int hold_main(int argc, char *argv[]);
int reset_main(int argc, char *argv[]);
int oob_main(int argc, char *argv[]);
int nonblock_main(int argc, char *argv[]);
int swarm_main(int argc, char *argv[]);
int flood_main(int argc, char *argv[]);
int killer_main(int argc, char *argv[]);
int loss_main(int argc, char *argv[]);
int parts_main(int argc, char *argv[]);
int cuts_main(int argc, char *argv[]);
int activate_main(int argc, char *argv[]);
int notified_main(int argc, char *argv[]);

/* Writes "client: " and the message as one line to stderr and exits 1. */
void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* The same, followed by ": " and the text of errno. */
void fail_errno(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Allocates or fails. */
void *allocate(size_t count, size_t bytes);

/* Reads "127.0.0.1:7" or "[::1]:7", or fails naming it. */
struct target {
	struct sockaddr_storage address;
	socklen_t length;
	int segment_bytes; /* 0, or: small segments and a small window, so that the kernels hold little */
};

void target_parse(struct target *target, const char *text);

/*
 * A socket connected to target, or failure. It is blocking unless non_blocking is set; then it may
 * still be connecting. What is sent goes out at once (TCP_NODELAY). turn, if not 0, chooses another
 * source address 127.x.y.z for each turn, so that a great many connections do not run out of ports; it
 * needs an IPv4 target.
 */
int target_connect(const struct target *target, bool non_blocking, unsigned turn);

/* The local ADDRESS:PORT of a socket, as it is to appear in the server's log. */
void local_text(int socket_fd, char text[ADDRESS_BYTES]);

/* Lets this process have as many descriptors as it may. */
void raise_descriptor_limit(void);

/* Makes close() of this socket, by whatever means, send a reset. */
void reset_on_close(int socket_fd);

/*
 * From now on loses so many of the segments that arrive for this socket, or for those that it accepts, by the
 * kernel's own dice: data, acknowledgements and FINs alike.
 */
void lose_segments(int socket_fd, unsigned percent);

/* Microseconds that only go forward. */
int64_t now_usecs(void);

/* Waits for events on a descriptor, returns those that came; fails after QUIET_MSECS. */
short await(int fd, short events);

/* Sends all of it on a blocking socket, or fails. */
void send_all(int socket_fd, const void *from, size_t bytes);

/* Waits for and reads this many bytes, or fails. */
void receive_all(int socket_fd, void *to, size_t bytes);

/* Shuts down sending and waits for the peer's end-of-file; fails if anything else comes. */
void finish(int socket_fd);

/*
 * Has the peer stopped reading? True once the kernel has found the peer's window closed at two
 * probes in a row, so that waiting for more room is no use.
 */
bool peer_window_closed(int socket_fd);

/* Writes a line to stdout at once, for a test that waits for it. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Waits until stdin ends: the test says that it is time to go on. */
void await_go_on(void);

#endif
