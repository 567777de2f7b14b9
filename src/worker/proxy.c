/* Reading PROXY headers; run by a worker. See proxy.h. */
#include "worker/proxy.h"

#include <stdio.h>
#include <string.h>

static const char v1_start[] = "PROXY ";
static const char v2_start[] = "\r\n\r\n\0\r\nQUIT\n";

enum {
	V1_START_BYTES = sizeof(v1_start) - 1,
	V2_START_BYTES = sizeof(v2_start) - 1,
	V1_WORDS = 5, /* the protocol, two addresses, two ports */
};

/* Is this a header of that version, as far as it has come? */
static bool begins_like(const uint8_t *bytes, size_t count, const char *start, size_t start_bytes)
{
	return memcmp(bytes, start, count < start_bytes ? count : start_bytes) == 0;
}

/* ---- version 1 ---- */

/* Cuts a line into its words, which have exactly one space between them; false if there are fewer or more. */
static bool split(char *line, char *words[V1_WORDS])
{
	for (int i = 0; i < V1_WORDS; i++) {
		words[i] = strsep(&line, " ");
		if (words[i] == NULL || *words[i] == '\0')
			return false;
	}
	return line == NULL;
}

/* The hall takes zeros before a port and finds out itself of which family an address is; here neither is right. */
static bool read_endpoint(struct address *address, bool ipv6, const char *ip, const char *port)
{
	char text[2 * PROXY_V1_MAX_BYTES];

	if (ip[0] == '[' || (port[0] == '0' && port[1] != '\0'))
		return false;
	if (ipv6)
		snprintf(text, sizeof(text), "[%s]:%s", ip, port);
	else
		snprintf(text, sizeof(text), "%s:%s", ip, port);
	return address_from_text(address, text) == 0;
}

/* What stands between "PROXY " and the line's end, `length` bytes and a NUL. */
static bool read_line(char *line, size_t length, struct proxy_header *header)
{
	static const char unknown[] = "UNKNOWN";
	size_t unknown_bytes = strlen(unknown);
	char *words[V1_WORDS];
	struct address server;
	bool ipv6;

	header->names_client = false;
	if (strncmp(line, unknown, unknown_bytes) == 0) /* what follows must be ignored */
		return length == unknown_bytes || line[unknown_bytes] == ' ';
	if (strlen(line) != length || !split(line, words))
		return false;
	ipv6 = strcmp(words[0], "TCP6") == 0;
	if (!ipv6 && strcmp(words[0], "TCP4") != 0)
		return false;
	header->names_client = true;
	return read_endpoint(&header->client, ipv6, words[1], words[3]) &&
	       read_endpoint(&server, ipv6, words[2], words[4]);
}

static enum proxy_find find_v1(const uint8_t *bytes, size_t count, struct proxy_header *header)
{
	size_t most = count < PROXY_V1_MAX_BYTES ? count : PROXY_V1_MAX_BYTES;
	const uint8_t *end = memmem(bytes, most, "\r\n", 2);
	char line[PROXY_V1_MAX_BYTES];
	size_t length;

	if (end == NULL)
		return count < PROXY_V1_MAX_BYTES ? PROXY_PARTIAL : PROXY_WRONG;
	length = (size_t)(end - bytes) - V1_START_BYTES;
	memcpy(line, bytes + V1_START_BYTES, length);
	line[length] = '\0';
	header->bytes = (uint32_t)(end - bytes) + 2;
	return read_line(line, length, header) ? PROXY_FOUND : PROXY_WRONG;
}

/* ---- version 2 ---- */

enum { VERSION_AT = 12, FAMILY_AT = 13, LENGTH_AT = 14 };

/* The two halves of these bytes. */
enum { VERSION = 2, COMMAND_LOCAL = 0, COMMAND_PROXY = 1, FAMILY_MAX = 3, TRANSPORT_MAX = 2 };
enum { TCP_OVER_IPV4 = 0x11, TCP_OVER_IPV6 = 0x21 };

static uint16_t read_number(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

/* The addresses of the client and the server, then their ports. */
static enum proxy_find read_addresses(const uint8_t *bytes, size_t count, size_t ip_bytes,
				      struct proxy_header *header)
{
	const uint8_t *client = bytes + PROXY_V2_FIXED_BYTES;
	size_t end = PROXY_V2_FIXED_BYTES + 2 * ip_bytes + 2 * sizeof(uint16_t);

	if (header->bytes < end)
		return PROXY_WRONG;
	if (count < end)
		return PROXY_PARTIAL;
	address_from_bytes(&header->client, client, ip_bytes, read_number(client + 2 * ip_bytes));
	header->names_client = true;
	return PROXY_FOUND;
}

static enum proxy_find find_v2(const uint8_t *bytes, size_t count, struct proxy_header *header)
{
	uint8_t command, family;

	if (count < PROXY_V2_FIXED_BYTES)
		return PROXY_PARTIAL;
	header->bytes = PROXY_V2_FIXED_BYTES + (uint32_t)read_number(bytes + LENGTH_AT);
	header->names_client = false;
	command = bytes[VERSION_AT] & 0xf;
	family = bytes[FAMILY_AT];
	if (bytes[VERSION_AT] >> 4 != VERSION || command > COMMAND_PROXY)
		return PROXY_WRONG;
	if (command == COMMAND_LOCAL) /* the rest means nothing */
		return PROXY_FOUND;
	if (family >> 4 > FAMILY_MAX || (family & 0xf) > TRANSPORT_MAX)
		return PROXY_WRONG;
	if (family == TCP_OVER_IPV4)
		return read_addresses(bytes, count, 4, header);
	if (family == TCP_OVER_IPV6)
		return read_addresses(bytes, count, 16, header);
	return PROXY_FOUND; /* as if of an unknown family, which is allowed for those that are not supported */
}

enum proxy_find proxy_find(const uint8_t *bytes, size_t count, struct proxy_header *header)
{
	if (begins_like(bytes, count, v2_start, V2_START_BYTES))
		return find_v2(bytes, count, header);
	if (begins_like(bytes, count, v1_start, V1_START_BYTES))
		return find_v1(bytes, count, header);
	return PROXY_WRONG;
}
