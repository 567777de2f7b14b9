/* From addresses to connections; run by the master. See listener.h. */
#include "master/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PORT_ATTEMPTS_MAX = 64 };

static int switch_on(int fd, int level, int option)
{
	int on = 1;

	return setsockopt(fd, level, option, &on, sizeof(on));
}

static int prepare(int fd, const struct sockaddr_storage *address, socklen_t bytes)
{
	/* Two sockets listen on one port; without this the IPv6 one would take IPv4 as well (ipv6(7)). */
	if (address->ss_family == AF_INET6 && switch_on(fd, IPPROTO_IPV6, IPV6_V6ONLY) != 0)
		return -1;
	if (switch_on(fd, SOL_SOCKET, SO_REUSEADDR) != 0 || switch_on(fd, SOL_SOCKET, SO_OOBINLINE) != 0 ||
	    switch_on(fd, SOL_SOCKET, SO_KEEPALIVE) != 0 || switch_on(fd, IPPROTO_TCP, TCP_NODELAY) != 0)
		return -1;
	if (bind(fd, (const struct sockaddr *)address, bytes) != 0)
		return -1;
	return listen(fd, SOMAXCONN);
}

/* Closes a socket that came to nothing; -1 with the errno that says why. */
static int give_up(int fd)
{
	int error = errno;

	close(fd);
	errno = error;
	return -1;
}

static int open_one(const struct address *at)
{
	struct sockaddr_storage address;
	socklen_t bytes = address_to_sockaddr(at, &address);
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);

	return fd < 0 || prepare(fd, &address, bytes) == 0 ? fd : give_up(fd);
}

static int open_both(uint16_t port, int32_t fds[2])
{
	struct address ipv4 = { .ip = { [10] = 0xff, [11] = 0xff }, .port = port };
	struct address ipv6 = { .port = port };

	fds[0] = open_one(&ipv4);
	if (fds[0] < 0)
		return -1;
	if (listener_address(fds[0], &ipv4) != 0)
		return give_up(fds[0]);
	ipv6.port = ipv4.port; /* which the system may have chosen */
	fds[1] = open_one(&ipv6);
	if (fds[1] >= 0)
		return 2;
	/* IPv6 may be switched off altogether, which leaves IPv4. */
	return errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL ? 1 : give_up(fds[0]);
}

int listener_open(const struct listen_at *at, int32_t fds[2])
{
	if (!at->any) {
		fds[0] = open_one(&at->address);
		return fds[0] < 0 ? -1 : 1;
	}
	/* A free port of IPv4 may be taken in IPv6. */
	for (int i = 0;; i++) {
		int count = open_both(at->address.port, fds);

		if (count > 0 || errno != EADDRINUSE || at->address.port != 0 || i == PORT_ATTEMPTS_MAX)
			return count;
	}
}

int listener_address(int fd, struct address *address)
{
	struct sockaddr_storage bound;
	socklen_t bytes = sizeof(bound);

	if (getsockname(fd, (struct sockaddr *)&bound, &bytes) != 0)
		return -1;
	return address_from_sockaddr(address, &bound);
}

/* Is it an error of one connection, or of the network on the way to it (accept(2))? */
static bool is_of_connection(int error)
{
	return error == ECONNABORTED || error == EINTR || error == EPROTO || error == ENOPROTOOPT ||
	       error == EOPNOTSUPP || error == ENETDOWN || error == ENETUNREACH || error == EHOSTDOWN ||
	       error == EHOSTUNREACH || error == ENONET;
}

enum listener_result listener_accept(int listener_fd, int *fd, struct address *peer)
{
	struct sockaddr_storage from;
	socklen_t bytes = sizeof(from);

	*fd = accept4(listener_fd, (struct sockaddr *)&from, &bytes, SOCK_NONBLOCK);
	if (*fd >= 0) {
		if (address_from_sockaddr(peer, &from) == 0)
			return LISTENER_ACCEPTED;
		close(*fd);
		return LISTENER_ABORTED;
	}
	if (errno == EAGAIN)
		return LISTENER_EMPTY;
	return is_of_connection(errno) ? LISTENER_ABORTED : LISTENER_EXHAUSTED;
}
