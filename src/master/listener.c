/* From addresses to connections; run by the master. See listener.h. */
#include "master/listener.h"

#include <errno.h>
#include <fcntl.h>
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

/* The options of a connection, which it inherits from the listener when the kernel makes it. */
static int set_inherited(int fd)
{
	if (switch_on(fd, SOL_SOCKET, SO_OOBINLINE) != 0 || switch_on(fd, SOL_SOCKET, SO_KEEPALIVE) != 0)
		return -1;
	return switch_on(fd, IPPROTO_TCP, TCP_NODELAY);
}

static int prepare(int fd, const struct sockaddr_storage *address, socklen_t bytes)
{
	/* Two sockets listen on one port; without this the IPv6 one would take IPv4 as well (ipv6(7)). */
	if (address->ss_family == AF_INET6 && switch_on(fd, IPPROTO_IPV6, IPV6_V6ONLY) != 0)
		return -1;
	if (switch_on(fd, SOL_SOCKET, SO_REUSEADDR) != 0 || set_inherited(fd) != 0)
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

/* A socket that listens at this address, whose port is set to the one it got if it was 0; -1 with errno. */
static int open_one(struct address *at)
{
	struct sockaddr_storage address;
	socklen_t bytes = address_to_sockaddr(at, &address);
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	return prepare(fd, &address, bytes) == 0 && listener_address(fd, at) == 0 ? fd : give_up(fd);
}

/* Is it the whole family that the system does not have, or that a policy refuses? */
static bool is_of_family(int error)
{
	return error == EAFNOSUPPORT || error == EADDRNOTAVAIL || error == EACCES || error == EPERM;
}

static int open_both(uint16_t port, int32_t fds[2], struct listener_lack *lack)
{
	static const struct {
		const char *name;
		struct address every;
	} families[] = { { "IPv4", { .ip = { [10] = 0xff, [11] = 0xff } } }, { "IPv6", { .port = 0 } } };
	int count = 0;

	*lack = (struct listener_lack){ .family = NULL };
	for (int i = 0; i < 2; i++) {
		struct address at = families[i].every;

		at.port = port;
		fds[count] = open_one(&at);
		if (fds[count] >= 0) {
			port = at.port; /* IPv6 gets the free port that IPv4 got */
			count++;
		} else if (!is_of_family(errno)) {
			return count > 0 ? give_up(fds[0]) : -1;
		} else if (lack->family == NULL) {
			*lack = (struct listener_lack){ families[i].name, errno };
		}
	}
	if (count > 0)
		return count;
	errno = lack->error;
	return -1;
}

int listener_open(const struct listen_at *at, int32_t fds[2], struct listener_lack *lack)
{
	if (!at->any) {
		struct address address = at->address;

		*lack = (struct listener_lack){ .family = NULL };
		fds[0] = open_one(&address);
		return fds[0] < 0 ? -1 : 1;
	}
	/* A free port of IPv4 may be taken in IPv6. */
	for (int i = 0;; i++) {
		int count = open_both(at->address.port, fds, lack);

		if (count > 0 || errno != EADDRINUSE || at->address.port != 0 || i == PORT_ATTEMPTS_MAX)
			return count;
	}
}

static bool has_option(int fd, int option, int wanted)
{
	int value = 0;
	socklen_t bytes = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &bytes) == 0 && value == wanted;
}

bool listener_is_one(int fd)
{
	return has_option(fd, SO_TYPE, SOCK_STREAM) && has_option(fd, SO_PROTOCOL, IPPROTO_TCP) &&
	       (has_option(fd, SO_DOMAIN, AF_INET) || has_option(fd, SO_DOMAIN, AF_INET6)) &&
	       has_option(fd, SO_ACCEPTCONN, 1);
}

int listener_adopt(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
		return -1;
	return listener_pass_on(fd, false) == 0 ? set_inherited(fd) : -1;
}

int listener_pass_on(int fd, bool pass)
{
	return fcntl(fd, F_SETFD, pass ? 0 : FD_CLOEXEC);
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

enum listener_result listener_accept(int listener_fd, bool activated, int *fd, struct address *peer)
{
	struct sockaddr_storage from;
	socklen_t bytes = sizeof(from);

	*fd = accept4(listener_fd, (struct sockaddr *)&from, &bytes, SOCK_NONBLOCK);
	if (*fd >= 0) {
		if (address_from_sockaddr(peer, &from) == 0 && (!activated || set_inherited(*fd) == 0))
			return LISTENER_ACCEPTED;
		close(*fd);
		return LISTENER_ABORTED;
	}
	if (errno == EAGAIN)
		return LISTENER_EMPTY;
	return is_of_connection(errno) ? LISTENER_ABORTED : LISTENER_EXHAUSTED;
}
