/* PROXY headers; see header.h. */
#include "header.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "payload.h"

enum { IPV4_BYTES = 4, IPV6_BYTES = 16, PORT = 443 };

enum kind { V1_TCP4, V1_TCP6, V1_UNKNOWN, V2_TCP4, V2_TCP6, V2_LOCAL };

/* A client of its own for each stream and seed. */
static void make_client(int family, uint64_t seed, unsigned stream, uint8_t *ip, char client[ADDRESS_BYTES])
{
	uint8_t low[] = { (uint8_t)seed, (uint8_t)(stream >> 8), (uint8_t)stream };
	size_t bytes = family == AF_INET ? IPV4_BYTES : IPV6_BYTES;
	unsigned port = 1024 + (stream >> 16);
	char host[INET6_ADDRSTRLEN];

	memset(ip, 0, bytes);
	ip[0] = family == AF_INET ? 10 : 0xfd;
	memcpy(ip + bytes - sizeof(low), low, sizeof(low));
	inet_ntop(family, ip, host, sizeof(host));
	snprintf(client, ADDRESS_BYTES, family == AF_INET ? "%s:%u" : "[%s]:%u", host, port);
}

/* The whole line; the client is also the server. */
static size_t make_v1(char *header, const char *protocol, const char *client)
{
	const char *colon = strrchr(client, ':');
	bool bracketed = client[0] == '[';
	int length = (int)(colon - client) - 2 * bracketed;
	const char *host = client + bracketed;

	return (size_t)snprintf(header, HEADER_MAX_BYTES, "PROXY %s %.*s %.*s %s %d\r\n", protocol, length,
				host, length, host, colon + 1, PORT);
}

/* The addresses and some bytes more, as if they were of a type that nobody knows. */
static size_t make_v2(char *header, uint8_t command, uint8_t family, const uint8_t *ip, size_t ip_bytes,
		      unsigned stream, uint64_t extra)
{
	uint16_t ports[] = { htons((uint16_t)(1024 + (stream >> 16))), htons(PORT) };
	uint8_t start[] = {
		'\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n', command, family
	};
	size_t length = ip_bytes > 0 ? 2 * ip_bytes + sizeof(ports) : 0;
	uint16_t total = htons((uint16_t)(length + extra));
	char *at = header;

	memset(header, 'x', HEADER_MAX_BYTES);
	memcpy(at, start, sizeof(start));
	memcpy(at += sizeof(start), &total, sizeof(total));
	at += sizeof(total);
	if (ip_bytes > 0) {
		memcpy(at, ip, ip_bytes);
		memcpy(at + ip_bytes, ip, ip_bytes);
		memcpy(at + 2 * ip_bytes, ports, sizeof(ports));
	}
	return sizeof(start) + sizeof(total) + length + extra;
}

size_t header_make(char header[HEADER_MAX_BYTES], uint64_t seed, unsigned stream, uint64_t extra,
		   char client[ADDRESS_BYTES])
{
	uint8_t ip[IPV6_BYTES] = { 0 };

	switch ((enum kind)(stream % HEADER_KINDS)) {
	case V1_TCP4:
		make_client(AF_INET, seed, stream, ip, client);
		return make_v1(header, "TCP4", client);
	case V1_TCP6:
		make_client(AF_INET6, seed, stream, ip, client);
		return make_v1(header, "TCP6", client);
	case V1_UNKNOWN:
		return (size_t)snprintf(header, HEADER_MAX_BYTES, "PROXY UNKNOWN\r\n");
	case V2_TCP4:
		make_client(AF_INET, seed, stream, ip, client);
		return make_v2(header, 0x21, 0x11, ip, IPV4_BYTES, stream, extra);
	case V2_TCP6:
		make_client(AF_INET6, seed, stream, ip, client);
		return make_v2(header, 0x21, 0x21, ip, IPV6_BYTES, stream, extra);
	default:
		return make_v2(header, 0x20, 0x00, ip, 0, stream, extra);
	}
}

void header_send(int socket_fd, uint64_t seed, unsigned stream, uint64_t *random_state,
		 char client[ADDRESS_BYTES])
{
	char header[HEADER_MAX_BYTES];
	size_t bytes =
		header_make(header, seed, stream, random_below(random_state, HEADER_EXTRA_MAX_BYTES), client);
	size_t first = random_below(random_state, bytes);

	send_all(socket_fd, header, first);
	send_all(socket_fd, header + first, bytes - first);
}
