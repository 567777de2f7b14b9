/* The workloads but for `recover`: what each client does, again and again. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "load.h"

static void open_and_ping(void)
{
	clients_open(clients_wanted);
	for (uint32_t i = 0; i < clients_wanted; i++)
		client_ping(&clients[i], bytes_wanted);
}

/* Is the echo of a client's last ping complete? If not it goes on. */
static bool pinged(struct client *client)
{
	client_receive(client);
	if (client_done(client))
		return true;
	client_send(client);
	return false;
}

static void ping_pong_serve(struct client *client, uint32_t events)
{
	(void)events;
	if (!pinged(client))
		return;
	latency_record(now_nsecs() - client->started);
	client_ping(client, bytes_wanted);
}

void ping_pong(void)
{
	open_and_ping();
	measure(ping_pong_serve, false);
}

static void stream_serve(struct client *client, uint32_t events)
{
	(void)events;
	client->allowed += client_receive(client);
	client_send(client);
}

void stream(void)
{
	open_and_ping();
	measure(stream_serve, true);
}

/* The ping-pong, the last client, is looked at after each piece of a stream, or it would wait for us. */
static void mixed_serve(struct client *client, uint32_t events)
{
	struct client *pinger = &clients[clients_wanted];

	if (client != pinger)
		stream_serve(client, events);
	if (client_receive(pinger) > 0 && client_done(pinger)) {
		latency_record(now_nsecs() - pinger->started);
		client_ping(pinger, PING_BYTES);
	}
}

void mixed(void)
{
	clients_open(clients_wanted + 1);
	for (uint32_t i = 0; i < clients_wanted; i++)
		client_ping(&clients[i], bytes_wanted);
	client_ping(&clients[clients_wanted], PING_BYTES);
	measure(mixed_serve, true);
}

static void connect_serve(struct client *client, uint32_t events)
{
	if (client->connecting && events & EPOLLOUT) {
		client_connected(client);
	}
	if (!(events & (EPOLLIN | EPOLLERR | EPOLLHUP)))
		return;
	if (!pinged(client))
		return;
	close(client->fd);
	latency_record(now_nsecs() - client->started);
	client_connect(client);
}

void connect_and_close(void)
{
	clients_make(clients_wanted);
	for (uint32_t i = 0; i < clients_wanted; i++)
		client_connect(&clients[i]);
	measure(connect_serve, false);
}

void idle(void)
{
	const double cpu_before = server_usecs();
	const uint64_t began = now_nsecs();
	char byte;
	ssize_t count;

	clients_open(clients_wanted);
	printf("workload=%s clients=%u accept_us=%.3f", workload, clients_wanted,
	       (double)(now_nsecs() - began) / 1000 / clients_wanted);
	if (server_pid != 0)
		printf(" accept_cpu_us=%.3f", (server_usecs() - cpu_before) / clients_wanted);
	putchar('\n');
	fflush(stdout);
	do
		count = read(STDIN_FILENO, &byte, 1);
	while (count > 0 || (count < 0 && errno == EINTR));
}
