/*
 * Exact recovery; run by a worker that adopts a connection. See recover.h.
 *
 * From the fields of struct tcp_info (RFC 4898 names them) and two ioctls (tcp(7)):
 *
 *   received = bytes received by TCP - bytes nobody has read yet - 1 for the peer's FIN
 *   sent     = bytes the peer acknowledged + bytes it has not - 1 for our FIN
 *
 * A FIN counts as a byte in TCP's sequence numbers and so in all these counters.
 */
#include "worker/recover.h"

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h> /* the C library's struct tcp_info ends before the byte counters */
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Values of tcpi_state; include/net/tcp_states.h in the kernel, not exported to user space. */
enum tcp_state {
	STATE_FIN_WAIT1 = 4,
	STATE_FIN_WAIT2 = 5,
	STATE_TIME_WAIT = 6,
	STATE_CLOSE = 7,
	STATE_CLOSE_WAIT = 8,
	STATE_LAST_ACK = 9,
	STATE_CLOSING = 11,
};

/* Acknowledgements and data go on arriving while we ask; up to 11 repeats were seen under load. */
enum { ATTEMPTS_MAX = 10000, PEEKS_MAX = 4 };

struct snapshot {
	uint64_t tcp_received;
	uint64_t tcp_acked;
	int unread;
	int unacked;
	uint8_t state;
};

/*
 * A closed connection's state hides whether the peer's FIN came before the end, a reset perhaps. But
 * of the kernel's two ways to tell how much is unread, TCP_INQ counts a FIN and SIOCINQ does not
 * (tcp_inq_hint() and tcp_inq()). The message that carries TCP_INQ is only peeked at. 1 or 0, or -1
 * with errno.
 */
static int fin_before_close(int socket_fd, int unread)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec piece = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr header = { .msg_iov = &piece, .msg_iovlen = 1 };
	const struct cmsghdr *answer;
	int on = 1, attempts = 0, unread_with_fin;
	ssize_t peeked;

	if (setsockopt(socket_fd, IPPROTO_TCP, TCP_INQ, &on, sizeof(on)) != 0)
		return -1;
	do {
		header.msg_control = control.bytes;
		header.msg_controllen = sizeof(control.bytes);
		peeked = recvmsg(socket_fd, &header, MSG_PEEK);
	} while (peeked < 0 && ++attempts < PEEKS_MAX); /* a reset is reported once, ahead of the answer */
	answer = CMSG_FIRSTHDR(&header);
	if (peeked < 0 || answer == NULL || answer->cmsg_level != IPPROTO_TCP ||
	    answer->cmsg_type != TCP_CM_INQ)
		return -1;
	memcpy(&unread_with_fin, CMSG_DATA(answer), sizeof(int));
	return unread_with_fin > unread ? 1 : 0;
}

static bool peer_fin_arrived(uint8_t state)
{
	return state == STATE_TIME_WAIT || state == STATE_CLOSE_WAIT || state == STATE_LAST_ACK ||
	       state == STATE_CLOSING;
}

static bool our_fin_sent(uint8_t state)
{
	return state == STATE_FIN_WAIT1 || state == STATE_FIN_WAIT2 || state == STATE_TIME_WAIT ||
	       state == STATE_LAST_ACK || state == STATE_CLOSING;
}

static int read_info(int socket_fd, struct tcp_info *info)
{
	socklen_t bytes = sizeof(*info);

	memset(info, 0, sizeof(*info));
	return getsockopt(socket_fd, IPPROTO_TCP, TCP_INFO, info, &bytes);
}

static bool same(const struct tcp_info *before, const struct tcp_info *after)
{
	return before->tcpi_bytes_received == after->tcpi_bytes_received &&
	       before->tcpi_bytes_acked == after->tcpi_bytes_acked && before->tcpi_state == after->tcpi_state;
}

/* Reads all five values as of one moment: between two equal readings nothing has changed. */
static int take_snapshot(int socket_fd, struct snapshot *snapshot)
{
	struct tcp_info before, after;

	if (read_info(socket_fd, &before) != 0)
		return -1;
	for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
		if (ioctl(socket_fd, SIOCINQ, &snapshot->unread) != 0 ||
		    ioctl(socket_fd, SIOCOUTQ, &snapshot->unacked) != 0 || read_info(socket_fd, &after) != 0)
			return -1;
		if (same(&before, &after)) {
			snapshot->tcp_received = after.tcpi_bytes_received;
			snapshot->tcp_acked = after.tcpi_bytes_acked;
			snapshot->state = after.tcpi_state;
			return 0;
		}
		before = after;
	}
	errno = EAGAIN;
	return -1;
}

int recover_stream(int socket_fd, struct recovered *recovered)
{
	struct snapshot snapshot;
	int peer_fin;

	if (take_snapshot(socket_fd, &snapshot) != 0)
		return -1;
	recovered->closed = snapshot.state == STATE_CLOSE;
	peer_fin = recovered->closed ? fin_before_close(socket_fd, snapshot.unread)
				     : peer_fin_arrived(snapshot.state);
	if (peer_fin < 0)
		return -1;
	recovered->at_end = peer_fin && snapshot.unread == 0;
	recovered->received = snapshot.tcp_received - (uint64_t)snapshot.unread;
	if (peer_fin && recovered->received > 0)
		recovered->received--;
	recovered->sent = snapshot.tcp_acked + (uint64_t)snapshot.unacked;
	if (our_fin_sent(snapshot.state) && recovered->sent > 0)
		recovered->sent--;
	return 0;
}
