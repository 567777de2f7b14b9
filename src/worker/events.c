/* What epoll tells of connections; run by a worker. See events.h. */
#include "worker/events.h"

static uint64_t data_of(const struct clients *clients, const struct client *client)
{
	return (uint64_t)client->slot->generation << 32 | client_number(clients, client);
}

int events_begin(const struct clients *clients, struct client *client)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLOUT | EPOLLET,
				     .data.u64 = data_of(clients, client) };
	int result = epoll_ctl(clients->epoll_fd, EPOLL_CTL_ADD, client->fd, &event);

	client->watched = result == 0;
	return result;
}

int events_end(const struct clients *clients, struct client *client)
{
	if (!client->watched)
		return 0;
	client->watched = false;
	return epoll_ctl(clients->epoll_fd, EPOLL_CTL_DEL, client->fd, NULL);
}

bool events_is_of_client(uint64_t data)
{
	return data > UINT32_MAX;
}

struct client *events_client(const struct clients *clients, uint64_t data)
{
	struct client *client;

	if (!events_is_of_client(data))
		return NULL;
	client = &clients->each[(uint32_t)data];
	return client->fd >= 0 && data == data_of(clients, client) ? client : NULL;
}

void events_note(struct client *client, uint32_t events)
{
	enum incoming incoming = INCOMING_NONE;

	if (events & (EPOLLPRI | EPOLLRDHUP | EPOLLERR | EPOLLHUP))
		incoming = INCOMING_UNTIL_EMPTY;
	else if (events & EPOLLIN)
		incoming = INCOMING_SOME;
	if (client->incoming < incoming)
		client->incoming = (uint8_t)incoming;
	if (events & (EPOLLERR | EPOLLHUP) || (events & EPOLLOUT && client->outgoing == OUTGOING_FULL))
		client->outgoing = OUTGOING_OPEN;
}
