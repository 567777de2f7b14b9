/* Descriptors and doorbells between the master and its children. See channel.h. */
#include "common/channel.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* Room for one descriptor, aligned for the header before it (cmsg(3)). */
union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

int channel_open(int ends[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends);
}

int channel_send(int channel_fd, const struct channel_message *message, int passed_fd)
{
	size_t bytes = offsetof(struct channel_message, slots) + message->count * sizeof(message->slots[0]);
	struct iovec piece = { .iov_base = (void *)(uintptr_t)message, .iov_len = bytes };
	struct msghdr header = { .msg_iov = &piece, .msg_iovlen = 1 };
	union control control = { .bytes = { 0 } };

	if (passed_fd >= 0) {
		struct cmsghdr *passed;

		header.msg_control = control.bytes;
		header.msg_controllen = sizeof(control.bytes);
		passed = CMSG_FIRSTHDR(&header);
		passed->cmsg_level = SOL_SOCKET;
		passed->cmsg_type = SCM_RIGHTS;
		passed->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(passed), &passed_fd, sizeof(int));
	}
	for (;;) {
		if (sendmsg(channel_fd, &header, MSG_NOSIGNAL) >= 0)
			return 0;
		if (errno != EINTR)
			return -1;
	}
}

int channel_send_patiently(int channel_fd, const struct channel_message *message)
{
	struct pollfd room = { .fd = channel_fd, .events = POLLOUT };

	while (channel_send(channel_fd, message, -1) != 0) {
		if (errno != EAGAIN || (poll(&room, 1, -1) < 0 && errno != EINTR))
			return -1;
	}
	return 0;
}

static int passed_descriptor(struct msghdr *header)
{
	struct cmsghdr *passed = CMSG_FIRSTHDR(header);
	int fd;

	if (passed == NULL || passed->cmsg_level != SOL_SOCKET || passed->cmsg_type != SCM_RIGHTS ||
	    passed->cmsg_len != CMSG_LEN(sizeof(int)))
		return -1;
	memcpy(&fd, CMSG_DATA(passed), sizeof(int));
	return fd;
}

enum channel_result channel_receive(int channel_fd, struct channel_message *message, int *passed_fd)
{
	struct iovec piece = { .iov_base = message, .iov_len = sizeof(*message) };
	union control control = { .bytes = { 0 } };
	struct msghdr header = { .msg_iov = &piece,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes) };
	ssize_t bytes;

	/* A peer that died with mail unread gives ECONNRESET once, ahead of what it had sent before. */
	do
		bytes = recvmsg(channel_fd, &header, 0);
	while (bytes < 0 && (errno == EINTR || errno == ECONNRESET));
	if (bytes == 0) /* no message is empty, so this is end-of-file */
		return CHANNEL_CLOSED;
	if (bytes < 0)
		return errno == EAGAIN ? CHANNEL_EMPTY : CHANNEL_FAILED;
	*passed_fd = passed_descriptor(&header);
	if ((size_t)bytes < offsetof(struct channel_message, slots) || message->count > CHANNEL_SLOTS_MAX ||
	    (size_t)bytes !=
		    offsetof(struct channel_message, slots) + message->count * sizeof(message->slots[0])) {
		if (*passed_fd >= 0)
			close(*passed_fd);
		errno = EPROTO;
		return CHANNEL_FAILED;
	}
	return CHANNEL_MESSAGE;
}
