/* Descriptors and doorbells between the master and its children. See channel.h. */
#include "common/channel.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/*
 * In the channel to a child, as the kernel counts, which takes it twice: some 30 messages. Descriptors on their way count
 * against a limit that all processes of the user have together (ETOOMANYREFS, unix(7)).
 */
enum { ROOM_BYTES = 12 * 1024 };

/* Room for one descriptor, aligned for the header before it (cmsg(3)). */
union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

int channel_open(int ends[2])
{
	int bytes = ROOM_BYTES;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends) != 0)
		return -1;
	(void)setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)); /* never fails */
	return 0;
}

/* The size of a message: of its text or slots there are `count`. */
static size_t size_of(const struct channel_message *message)
{
	size_t each = message->type == CHANNEL_TEXT ? sizeof(message->text[0]) : sizeof(message->slots[0]);

	return offsetof(struct channel_message, slots) + message->count * each;
}

/* Sends a message with a duplicate of a descriptor. */
static ssize_t send_with(int channel_fd, const struct channel_message *message, int passed_fd)
{
	struct iovec piece = { .iov_base = (void *)(uintptr_t)message, .iov_len = size_of(message) };
	union control control = { .bytes = { 0 } };
	struct msghdr header = { .msg_iov = &piece,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *passed = CMSG_FIRSTHDR(&header);

	passed->cmsg_level = SOL_SOCKET;
	passed->cmsg_type = SCM_RIGHTS;
	passed->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(passed), &passed_fd, sizeof(int));
	return sendmsg(channel_fd, &header, MSG_NOSIGNAL);
}

int channel_send(int channel_fd, const struct channel_message *message, int passed_fd)
{
	ssize_t result;

	do
		result = passed_fd >= 0 ? send_with(channel_fd, message, passed_fd)
					: send(channel_fd, message, size_of(message), MSG_NOSIGNAL);
	while (result < 0 && errno == EINTR);
	return result < 0 ? -1 : 0;
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

/* Is what came, so many bytes, a message of some type? */
static bool is_message(const struct channel_message *message, size_t bytes)
{
	uint32_t most = message->type == CHANNEL_TEXT ? CHANNEL_TEXT_BYTES : CHANNEL_SLOTS_MAX;

	return bytes >= offsetof(struct channel_message, slots) && message->count <= most &&
	       bytes == size_of(message);
}

enum channel_result channel_receive(int channel_fd, struct channel_message *message, int *passed_fd)
{
	struct iovec piece = { .iov_base = message, .iov_len = sizeof(*message) };
	union control control = { .bytes = { 0 } };
	struct msghdr header = { .msg_iov = &piece, .msg_iovlen = 1 };
	ssize_t bytes;

	if (passed_fd != NULL) {
		header.msg_control = control.bytes;
		header.msg_controllen = CMSG_LEN(sizeof(int)); /* so that there is no room for a second one */
	}
	/* A peer that died with mail unread gives ECONNRESET once, ahead of what it had sent before. */
	do
		bytes = recvmsg(channel_fd, &header, 0);
	while (bytes < 0 && (errno == EINTR || errno == ECONNRESET));
	if (bytes == 0) /* no message is empty, so this is end-of-file */
		return CHANNEL_CLOSED;
	if (bytes < 0)
		return errno == EAGAIN ? CHANNEL_EMPTY : CHANNEL_FAILED;
	if (passed_fd != NULL)
		*passed_fd = passed_descriptor(&header);
	if (is_message(message, (size_t)bytes))
		return CHANNEL_MESSAGE;
	if (passed_fd != NULL && *passed_fd >= 0)
		close(*passed_fd);
	errno = EPROTO;
	return CHANNEL_FAILED;
}
