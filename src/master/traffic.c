/* Bounds for what workers say; run by the master. See traffic.h. */
#include "master/traffic.h"

#include <linux/tcp.h> /* the C library's struct tcp_info ends before the byte counters */
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

#include "common/commit.h"

static uint64_t at_most(uint64_t value, uint64_t limit)
{
	return value < limit ? value : limit;
}

struct traffic traffic_of(const struct slot *slot, int fd)
{
	struct tcp_info info = { .tcpi_bytes_received = 0 };
	socklen_t bytes = sizeof(info);
	struct traffic traffic = { .received = 0 };
	uint64_t unacked = committed(&slot->unacked);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &bytes) != 0)
		return traffic;
	traffic.received = at_most(committed(&slot->received), info.tcpi_bytes_received);
	/* What was sent again counts there, too: this is no more than a bound. Linux 4.18 does not tell it. */
	traffic.sent = committed(&slot->sent);
	if (bytes >= offsetof(struct tcp_info, tcpi_bytes_sent) + sizeof(info.tcpi_bytes_sent))
		traffic.sent = at_most(traffic.sent, info.tcpi_bytes_sent + info.tcpi_notsent_bytes);
	traffic.echoed = traffic.sent - at_most(unacked, traffic.sent);
	traffic.queued = at_most(committed(&slot->queued), traffic.received);
	if (traffic.queued < traffic.sent)
		traffic.queued = traffic.sent;
	return traffic;
}
