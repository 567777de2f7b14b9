/*
 * The address of a TCP peer or listener and its text; pure functions that any process calls.
 *
 * The text of an IPv4 address is made by hand: it is needed for every change of source in the log.
 */
#include "common/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "common/number.h"

static const uint8_t mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

enum {
	IPV4_AT = sizeof(mapped_prefix), /* where the IPv4 address stands in ip */
	PORT_MAX = 65535,
};

bool address_is_ipv4(const struct address *address)
{
	return memcmp(address->ip, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

bool address_equals(const struct address *address, const struct address *other)
{
	return address->port == other->port && memcmp(address->ip, other->ip, sizeof(address->ip)) == 0;
}

void address_from_bytes(struct address *address, const uint8_t *ip, size_t ip_bytes, uint16_t port)
{
	size_t at = sizeof(address->ip) - ip_bytes;

	memcpy(address->ip, mapped_prefix, at);
	memcpy(address->ip + at, ip, ip_bytes);
	address->port = port;
}

int address_from_sockaddr(struct address *address, const struct sockaddr_storage *from)
{
	if (from->ss_family == AF_INET) {
		struct sockaddr_in ipv4;

		memcpy(&ipv4, from, sizeof(ipv4));
		address_from_bytes(address, (const uint8_t *)&ipv4.sin_addr, sizeof(ipv4.sin_addr),
				   ntohs(ipv4.sin_port));
		return 0;
	}
	if (from->ss_family == AF_INET6) {
		struct sockaddr_in6 ipv6;

		memcpy(&ipv6, from, sizeof(ipv6));
		address_from_bytes(address, ipv6.sin6_addr.s6_addr, sizeof(ipv6.sin6_addr),
				   ntohs(ipv6.sin6_port));
		return 0;
	}
	errno = EAFNOSUPPORT;
	return -1;
}

socklen_t address_to_sockaddr(const struct address *address, struct sockaddr_storage *to)
{
	memset(to, 0, sizeof(*to));
	if (address_is_ipv4(address)) {
		struct sockaddr_in ipv4 = { .sin_family = AF_INET, .sin_port = htons(address->port) };

		memcpy(&ipv4.sin_addr, address->ip + IPV4_AT, sizeof(ipv4.sin_addr));
		memcpy(to, &ipv4, sizeof(ipv4));
		return sizeof(ipv4);
	}
	struct sockaddr_in6 ipv6 = { .sin6_family = AF_INET6, .sin6_port = htons(address->port) };

	memcpy(&ipv6.sin6_addr, address->ip, sizeof(ipv6.sin6_addr));
	memcpy(to, &ipv6, sizeof(ipv6));
	return sizeof(ipv6);
}

static int invalid(void)
{
	errno = EINVAL;
	return -1;
}

int address_port_from_text(uint16_t *port, const char *text)
{
	uint64_t value;

	if (!number_from_text(text, PORT_MAX, &value))
		return invalid();
	*port = (uint16_t)value;
	return 0;
}

/* Reads the length bytes at text as an address of this family; ip is untouched if they are not one. */
static int read_ip(struct address *address, int family, const char *text, size_t length)
{
	char copy[INET6_ADDRSTRLEN];
	uint8_t ip[sizeof(address->ip)];

	if (length >= sizeof(copy))
		return invalid();
	memcpy(copy, text, length);
	copy[length] = '\0';
	if (inet_pton(family, copy, ip) != 1)
		return invalid();
	address_from_bytes(address, ip, family == AF_INET ? sizeof(struct in_addr) : sizeof(ip),
			   address->port);
	return 0;
}

int address_from_text(struct address *address, const char *text)
{
	bool brackets = text[0] == '[';
	const char *start = brackets ? text + 1 : text;
	const char *end = strchr(start, brackets ? ']' : ':');

	if (end == NULL || (brackets && end[1] != ':'))
		return invalid();

	const char *port = brackets ? end + 2 : end + 1;
	struct address read = { .port = 0 };

	if (address_port_from_text(&read.port, port) != 0)
		return -1;
	if (read_ip(&read, brackets ? AF_INET6 : AF_INET, start, (size_t)(end - start)) != 0)
		return -1;
	*address = read;
	return 0;
}

/* Writes value, which is below 100,000, in decimal and returns where the text ends. */
static char *write_decimal(char *text, unsigned value)
{
	char digits[5];
	size_t count = 0;

	do {
		digits[count++] = (char)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	while (count > 0)
		*text++ = digits[--count];
	return text;
}

static char *write_ipv4(char *text, const uint8_t ipv4[4])
{
	for (size_t part = 0; part < 4; part++) {
		if (part > 0)
			*text++ = '.';
		text = write_decimal(text, ipv4[part]);
	}
	return text;
}

static char *write_ipv6(char *text, const uint8_t ipv6[16])
{
	*text++ = '[';
	/* It fails only for want of room, and ADDRESS_TEXT_BYTES has it. */
	if (inet_ntop(AF_INET6, ipv6, text, INET6_ADDRSTRLEN) != NULL)
		text += strlen(text);
	*text++ = ']';
	return text;
}

size_t address_text(const struct address *address, char text[ADDRESS_TEXT_BYTES])
{
	char *end;

	if (address_is_ipv4(address))
		end = write_ipv4(text, address->ip + IPV4_AT);
	else
		end = write_ipv6(text, address->ip);
	*end++ = ':';
	end = write_decimal(end, address->port);
	*end = '\0';
	return (size_t)(end - text);
}
