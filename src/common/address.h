/*
 * The address of a TCP peer or listener and its text.
 *
 * IPv4 is kept as its IPv4-mapped IPv6 form (RFC 4291, 2.5.5.2) so that an address is the same few
 * bytes in the table, in a record and in a comparison; it is never shown that way.
 */
#ifndef ECHOD_ADDRESS_H
#define ECHOD_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct address {
	uint8_t ip[16]; /* network byte order; IPv4 as ::ffff:a.b.c.d */
	uint16_t port;  /* host byte order */
};

/* Room for the longest text, "[xxxx:xxxx:xxxx:xxxx:xxxx:xxxx:255.255.255.255]:65535", and its NUL. */
enum { ADDRESS_TEXT_BYTES = 56 };

/* Is this an IPv4 address? */
bool address_is_ipv4(const struct address *address);

/* Are they the same, port and all? */
bool address_equals(const struct address *address, const struct address *other);

/* Takes over an IPv4 address of 4 bytes or an IPv6 address of 16, in network byte order, and a port. */
void address_from_bytes(struct address *address, const uint8_t *ip, size_t ip_bytes, uint16_t port);

/* Takes over an AF_INET or AF_INET6 socket address; -1 with EAFNOSUPPORT for any other family. */
int address_from_sockaddr(struct address *address, const struct sockaddr_storage *from);

/* Makes the AF_INET or AF_INET6 socket address to bind to and returns its length. */
socklen_t address_to_sockaddr(const struct address *address, struct sockaddr_storage *to);

/*
 * Reads "127.0.0.1:7" or "[::1]:7": an IPv4 address in dotted decimal or an IPv6 address in brackets,
 * a colon and a decimal port from 0 to 65535, and nothing else. An IPv4-mapped IPv6 address is
 * taken for the IPv4 address it is. -1 with EINVAL if the text is anything else.
 */
int address_from_text(struct address *address, const char *text);

/* Reads a decimal port from 0 to 65535, digits alone; -1 with EINVAL if the text is anything else. */
int address_port_from_text(uint16_t *port, const char *text);

/*
 * Writes "127.0.0.1:5000" or "[::1]:5000" with a final NUL into text and returns its length
 * without the NUL. It is called for every change of source in the log, so it is made to be quick.
 */
size_t address_text(const struct address *address, char text[ADDRESS_TEXT_BYTES]);

#endif
