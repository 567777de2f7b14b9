/* Addresses: their text both ways, socket addresses both ways, and every text that is none. */
#include "common/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static struct address ipv4(unsigned a, unsigned b, unsigned c, unsigned d, uint16_t port)
{
	struct address address = { .ip = { [10] = 0xff, [11] = 0xff }, .port = port };

	address.ip[12] = (uint8_t)a;
	address.ip[13] = (uint8_t)b;
	address.ip[14] = (uint8_t)c;
	address.ip[15] = (uint8_t)d;
	return address;
}

static bool same(const struct address *left, const struct address *right)
{
	return memcmp(left->ip, right->ip, sizeof(left->ip)) == 0 && left->port == right->port;
}

/* Is this the address's text, its length told rightly and nothing written beyond it? */
static bool has_text(const struct address *address, const char *expected)
{
	char text[ADDRESS_TEXT_BYTES + 1];
	size_t length = strlen(expected);

	memset(text, '#', sizeof(text));
	if (address_text(address, text) == length && memcmp(text, expected, length + 1) == 0 &&
	    text[ADDRESS_TEXT_BYTES] == '#')
		return true;
	text[ADDRESS_TEXT_BYTES] = '\0';
	printf("expected %s, got %s\n", expected, text);
	return false;
}

static void test_every_byte_and_port(void)
{
	char expected[ADDRESS_TEXT_BYTES];

	for (unsigned byte = 0; byte < 256; byte++) {
		struct address address = ipv4(byte, 255 - byte, byte, 7, 1);

		snprintf(expected, sizeof(expected), "%u.%u.%u.7:1", byte, 255 - byte, byte);
		CHECK(has_text(&address, expected));
	}
	for (unsigned port = 0; port < 65536; port++) {
		struct address address = ipv4(10, 0, 0, 1, (uint16_t)port);
		struct address read;

		snprintf(expected, sizeof(expected), "10.0.0.1:%u", port);
		CHECK(has_text(&address, expected));
		CHECK(address_from_text(&read, expected) == 0 && same(&read, &address));
	}
}

/* Texts that come back as they were given. */
static void test_both_ways(void)
{
	static const char *const texts[] = {
		"0.0.0.0:0",
		"127.0.0.1:5000",
		"255.255.255.255:65535",
		"[::]:0",
		"[::1]:7",
		"[1::]:7",
		"[2001:db8::a:0:0:1]:80",
		"[1:2:3:4:5:6:7:8]:10000",
		"[fe80::1:0]:9",
		"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
	};

	for (size_t at = 0; at < LENGTH(texts); at++) {
		struct address address;

		CHECK(address_from_text(&address, texts[at]) == 0);
		CHECK(has_text(&address, texts[at]));
		CHECK(address_is_ipv4(&address) == (texts[at][0] != '['));
	}
}

/* An IPv4-mapped IPv6 address is the IPv4 address, and never shown otherwise. */
static void test_mapped_form(void)
{
	struct address expected = ipv4(192, 0, 2, 33, 443);
	struct address address;

	CHECK(address_from_text(&address, "[::ffff:192.0.2.33]:443") == 0 && same(&address, &expected));
	CHECK(address_is_ipv4(&address));
	CHECK(has_text(&address, "192.0.2.33:443"));
	CHECK(address_from_text(&address, "[::FFFF:c000:221]:443") == 0 && same(&address, &expected));
	CHECK(address_from_text(&address, "[::fffe:192.0.2.33]:443") == 0 && !address_is_ipv4(&address));
	CHECK(address_from_text(&address, "[1::ffff:192.0.2.33]:443") == 0 && !address_is_ipv4(&address));
	CHECK(address_from_text(&address, "[::192.0.2.33]:443") == 0 && !address_is_ipv4(&address));
}

static void test_wrong_texts(void)
{
	static const char *const texts[] = {
		"",
		":",
		"7",
		":7",
		"[",
		"[]",
		"[]:7",
		"[::1",
		"[::1]",
		"[::1]7",
		"[::1]77",
		"[::1]:",
		"[::1]:x",
		"[::1]:65536",
		"[::1]]:7",
		"[[::1]:7",
		"[::1]:7 ",
		"[::1%lo]:7",
		"[:::1]:7",
		"[1:2:3:4:5:6:7:8:9]:7",
		"[12345::]:7",
		"[127.0.0.1]:7",
		"[::1 ]:7",
		"[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc]:7",
		"::1:7",
		"::1",
		"127.0.0.1",
		"127.0.0.1:",
		"127.0.0.1:-1",
		"127.0.0.1:+7",
		"127.0.0.1: 7",
		"127.0.0.1:7 ",
		"127.0.0.1:7x",
		"127.0.0.1:0x7",
		"127.0.0.1:65536",
		"127.0.0.1:99999999999999999999",
		"127.0.0.1::7",
		" 127.0.0.1:7",
		"127.0.0.1 :7",
		"127.0.0:7",
		"127.0.0.1.1:7",
		"127.0.0.256:7",
		"127.0.0.01:7",
		"127.1:7",
		"0x7f.0.0.1:7",
		"2130706433:7",
		"localhost:7",
		"*:7",
	};

	for (size_t at = 0; at < LENGTH(texts); at++) {
		struct address address;
		bool refused;

		errno = 0;
		refused = address_from_text(&address, texts[at]) == -1 && errno == EINVAL;
		CHECK(refused);
		if (!refused)
			printf("taken for an address: '%s'\n", texts[at]);
	}
}

static void test_port_texts(void)
{
	static const char *const wrong[] = {
		"",    " 7",    "7 ",    "+7",     "-7", "-0",
		"0x7", "65536", "70000", "655350", "7:", "18446744073709551623"
	};
	uint16_t port = 1;

	CHECK(address_port_from_text(&port, "0") == 0 && port == 0);
	CHECK(address_port_from_text(&port, "1234") == 0 && port == 1234);
	CHECK(address_port_from_text(&port, "65535") == 0 && port == 65535);
	for (size_t at = 0; at < LENGTH(wrong); at++) {
		errno = 0;
		CHECK(address_port_from_text(&port, wrong[at]) == -1 && errno == EINVAL);
	}
}

static void test_ipv4_socket_address(void)
{
	struct address address = ipv4(127, 1, 2, 3, 4660);
	struct sockaddr_storage socket_address;
	struct sockaddr_in expected = { .sin_family = AF_INET, .sin_port = htons(4660) };
	struct address back;

	CHECK(inet_pton(AF_INET, "127.1.2.3", &expected.sin_addr) == 1);
	CHECK(address_to_sockaddr(&address, &socket_address) == sizeof(expected));
	CHECK(memcmp(&socket_address, &expected, sizeof(expected)) == 0);
	CHECK(address_from_sockaddr(&back, &socket_address) == 0 && same(&back, &address));
}

static void test_ipv6_socket_address(void)
{
	struct address address;
	struct sockaddr_storage socket_address;
	struct sockaddr_in6 expected = { .sin6_family = AF_INET6, .sin6_port = htons(4660) };
	struct address back;

	CHECK(address_from_text(&address, "[2001:db8::7]:4660") == 0);
	CHECK(inet_pton(AF_INET6, "2001:db8::7", &expected.sin6_addr) == 1);
	CHECK(address_to_sockaddr(&address, &socket_address) == sizeof(expected));
	CHECK(memcmp(&socket_address, &expected, sizeof(expected)) == 0);
	CHECK(address_from_sockaddr(&back, &socket_address) == 0 && same(&back, &address));
}

/* An IPv4 peer of an IPv6 socket is the IPv4 peer that it is; other families are none of ours. */
static void test_other_socket_addresses(void)
{
	struct sockaddr_in6 mapped = { .sin6_family = AF_INET6, .sin6_port = htons(7) };
	struct sockaddr_storage socket_address = { .ss_family = AF_UNIX };
	struct address expected = ipv4(10, 0, 0, 9, 7);
	struct address address;

	errno = 0;
	CHECK(address_from_sockaddr(&address, &socket_address) == -1 && errno == EAFNOSUPPORT);
	CHECK(inet_pton(AF_INET6, "::ffff:10.0.0.9", &mapped.sin6_addr) == 1);
	memcpy(&socket_address, &mapped, sizeof(mapped));
	CHECK(address_from_sockaddr(&address, &socket_address) == 0 && same(&address, &expected));
}

int main(void)
{
	test_every_byte_and_port();
	test_both_ways();
	test_mapped_form();
	test_wrong_texts();
	test_port_texts();
	test_ipv4_socket_address();
	test_ipv6_socket_address();
	test_other_socket_addresses();
	return unit_result();
}
