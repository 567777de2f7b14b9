/* Bounds for what workers say; run by the master. See traffic.h. */
#include "master/traffic.h"

#include <linux/tcp.h> /* the C library's struct tcp_info ends before the byte counters */
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

#include "common/commit.h"
#include "common/number.h"

struct traffic traffic_of(const struct slot *slot, int fd)
{
	struct tcp_info info = { .tcpi_bytes_received = 0 };
	socklen_t bytes = sizeof(info);
	struct traffic traffic = { .received = 0 };
	uint64_t unacked = committed(&slot->unacked);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &bytes) != 0)
		return traffic;
	traffic.received = number_lesser(committed(&slot->received), info.tcpi_bytes_received);
	/* What was sent again counts there, too: this is no more than a bound. Linux 4.18 does not tell it. */
	traffic.sent = committed(&slot->sent);
	if (bytes >= offsetof(struct tcp_info, tcpi_bytes_sent) + sizeof(info.tcpi_bytes_sent))
		traffic.sent = number_lesser(traffic.sent, info.tcpi_bytes_sent + info.tcpi_notsent_bytes);
	traffic.echoed = traffic.sent - number_lesser(unacked, traffic.sent);
	traffic.queued = number_lesser(committed(&slot->queued), traffic.received);
	if (traffic.queued < traffic.sent)
		traffic.queued = traffic.sent;
	return traffic;
}
