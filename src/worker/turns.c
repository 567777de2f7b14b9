/* Who is served next; run by a worker. See turns.h. */
#include "worker/turns.h"

#include "worker/client.h"
#include "worker/events.h"
#include "worker/header.h"

/* Of the clients that send without end, one in so many is served before epoll is asked again. */
enum { BULK_SHARE = 4 };

static bool has_turn(const struct clients *clients, uint32_t number)
{
	return queue_has(&clients->ready, number) || queue_has(&clients->bulk, number);
}

void turns_enlist(struct clients *clients, const struct client *client)
{
	uint32_t number = client_number(clients, client);
	bool receives = client_wants_to_receive(clients, client);

	/* A PROXY header does not go into the log. */
	if (receives && !tap_takes(clients->tap) && !header_is_awaited(clients, client->slot)) {
		receives = false;
		queue_add(&clients->held_up, number);
	}
	if ((receives || client_may_send(client)) && !has_turn(clients, number))
		queue_add(client->eager ? &clients->bulk : &clients->ready, number);
}

static void serve(struct clients *clients, struct client *client)
{
	client_serve(clients, client);
	if (client->fd >= 0)
		turns_enlist(clients, client);
}

static void serve_next(struct clients *clients, struct queue *queue)
{
	struct client *client = &clients->each[queue_take(queue)];

	if (client->fd >= 0)
		serve(clients, client);
}

bool turns_wanted(const struct clients *clients)
{
	return clients->ready.count > 0 || clients->bulk.count > 0 ||
	       (clients->held_up.count > 0 && tap_takes(clients->tap));
}

void turns_serve(struct clients *clients)
{
	/* Who has waited longest for the pipe comes first, and keeps its place if there is no room again. */
	for (uint32_t left = clients->held_up.count; left > 0 && tap_takes(clients->tap); left--)
		serve_next(clients, &clients->held_up);
	for (uint32_t left = clients->ready.count; left > 0; left--)
		serve_next(clients, &clients->ready);
	for (uint32_t left = (clients->bulk.count + BULK_SHARE - 1) / BULK_SHARE; left > 0; left--)
		serve_next(clients, &clients->bulk);
}

void turns_serve_now(struct clients *clients, struct client *client)
{
	events_note(client, EPOLLIN | EPOLLRDHUP | EPOLLOUT);
	serve(clients, client);
}

bool turns_begin(struct clients *clients, struct client *client)
{
	if (clients->draining)
		client_drain(clients, client);
	serve(clients, client);
	if (client->fd >= 0 && events_begin(clients, client) != 0) {
		client_let_go(clients, client);
		return false;
	}
	client_cut_late(clients, client);
	return true;
}

void turns_expire(struct clients *clients)
{
	struct client *client;

	while ((client = header_take_late(clients)) != NULL)
		serve(clients, client);
}

void turns_drain(struct clients *clients)
{
	clients->draining = true;
	for (uint32_t i = 0; i < clients->reach; i++) {
		if (clients->each[i].fd < 0)
			continue;
		client_drain(clients, &clients->each[i]);
		if (!has_turn(clients, i))
			queue_add(&clients->ready, i);
	}
}

void turns_retry(struct clients *clients, uint32_t count)
{
	while (count-- > 0) {
		struct client *client = &clients->each[queue_take(&clients->lacking)];

		if (client->fd >= 0 && client_retry(client))
			turns_enlist(clients, client);
	}
}
