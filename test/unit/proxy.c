/* PROXY headers: every prefix of each, whom each names, and what is none, wherever it goes wrong. */
#include "worker/proxy.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define LONGEST   "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"

/* A literal that may have NULs in it. */
#define BYTES(literal) (literal), sizeof(literal) - 1

/* Looks at bytes that end where memory that may be read does, for the sanitizers to see. */
static enum proxy_find look(const char *bytes, size_t count, struct proxy_header *header)
{
	uint8_t *copy = malloc(count > 0 ? count : 1);
	enum proxy_find found;

	memcpy(copy, bytes, count);
	found = proxy_find(copy, count, header);
	free(copy);
	return found;
}

static bool names(const struct proxy_header *header, const char *client)
{
	char text[ADDRESS_TEXT_BYTES];

	if (!header->names_client)
		return client == NULL;
	address_text(&header->client, text);
	return client != NULL && strcmp(text, client) == 0;
}

/*
 * A header of `bytes` bytes, of which the first `needed` tell whom it names (NULL: nobody). No fewer do, and what comes
 * behind it changes nothing.
 */
static void check_found(const char *header, size_t bytes, size_t needed, const char *client)
{
	static const char behind[] = "\r\nPROXY TCP4 9.9.9.9 9.9.9.9 9 9\r\n";
	char *both = malloc(bytes + sizeof(behind));
	struct proxy_header found;

	memcpy(both, header, bytes);
	memcpy(both + bytes, behind, sizeof(behind));
	for (size_t count = 0; count < needed; count++)
		CHECK(look(both, count, &found) == PROXY_PARTIAL);
	for (size_t count = needed; count < bytes + sizeof(behind); count++) {
		CHECK(look(both, count, &found) == PROXY_FOUND);
		CHECK(found.bytes == bytes && names(&found, client));
	}
	CHECK(needed <= PROXY_LOOK_BYTES);
	free(both);
}

static void check_line(const char *line, const char *client)
{
	check_found(line, strlen(line), strlen(line), client);
}

/* What is no header: from some byte on it is known to be none, and before it is waited for more. */
static void check_wrong(const char *bytes, size_t count)
{
	struct proxy_header header;
	bool wrong = false;

	for (size_t first = 0; first <= count; first++) {
		enum proxy_find found = look(bytes, first, &header);

		CHECK(found == PROXY_WRONG || (found == PROXY_PARTIAL && !wrong));
		wrong |= found == PROXY_WRONG;
	}
	CHECK(wrong);
}

static void check_lines(void)
{
	check_line("PROXY TCP4 1.2.3.4 5.6.7.8 56324 443\r\n", "1.2.3.4:56324");
	check_line("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255:65535");
	check_line("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", "0.0.0.0:0");
	check_line("PROXY TCP6 2001:DB8::1 ::1 56324 443\r\n", "[2001:db8::1]:56324");
	check_line("PROXY TCP6 " LONGEST " " LONGEST " 65535 65535\r\n", "[" LONGEST "]:65535");
	check_line("PROXY TCP6 ::ffff:1.2.3.4 :: 1 2\r\n", "1.2.3.4:1");
	check_line("PROXY UNKNOWN\r\n", NULL);
	check_line("PROXY UNKNOWN " LONGEST " " LONGEST " 65535 65535\r\n", NULL);
	check_found(BYTES("PROXY UNKNOWN \n\r\0 anything\r\n"), 28, NULL);
}

static void check_wrong_lines(void)
{
	static const char *const lines[] = {
		"X",
		"proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
		"PROXY\r\n",
		"PROXY \r\n",
		"PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
		"PROXY\tTCP4 1.2.3.4 5.6.7.8 1 2\r\n",
		"PROXY TCP5 1.2.3.4 5.6.7.8 1 2\r\n",
		"PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n",
		"PROXY tcp4 1.2.3.4 5.6.7.8 1 2\r\n",
		"PROXY UNKNOWNS\r\n",
		"PROXY UNKNOWN\n\r\n",
		"PROXY TCP4\r\n",
		"PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",
		"PROXY TCP4 1.2.3.4 5.6.7.8 1 \r\n",
		"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n",
		"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n",
		"PROXY TCP4 1.2.3.4  5.6.7.8 1 2\r\n",
		"PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n",
		"PROXY TCP4 1.2.3.256 5.6.7.8 1 2\r\n",
		"PROXY TCP4 1.2.3.4:5 5.6.7.8 1 2\r\n",
		"PROXY TCP4 01.2.3.4 5.6.7.8 1 2\r\n",
		"PROXY TCP4 1.2.3.4 5.6.7 1 2\r\n",
		"PROXY TCP4 ::1 ::1 1 2\r\n",
		"PROXY TCP4 [::1] 5.6.7.8 1 2\r\n",
		"PROXY TCP4 1.2.3.4 [::1] 1 2\r\n",
		"PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n",
		"PROXY TCP6 [::1] [::1] 1 2\r\n",
		"PROXY TCP6 ::1]:1 ::1 1 2\r\n",
		"PROXY TCP6 fe80::1%lo ::1 1 2\r\n",
		"PROXY TCP6 1::2::3 ::1 1 2\r\n",
		"PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n",
		"PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n",
		"PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n",
		"PROXY TCP4 1.2.3.4 5.6.7.8 1 00\r\n",
		"PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n",
		"PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n",
		"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n\r\n",
		"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\r\n",
		"PROXY UNKNOWN " LONGEST " " LONGEST " 65535 65535 \r\n", /* 108 bytes */
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		check_wrong(lines[i], strlen(lines[i]));
	check_wrong(BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\0\r\n"));
	check_wrong(BYTES("PROXY TCP4\0 1.2.3.4 5.6.7.8 1 2\r\n"));
}

/* A byte that changes a line but for those that may be others makes it wrong. */
static void check_every_byte(void)
{
	static const char line[] = "PROXY TCP4 1.2.3.4 5.6.7.8 56324 443\r\n";
	char other[sizeof(line)];
	struct proxy_header header;

	for (size_t at = 0; at < sizeof(line) - 1; at++) {
		for (int byte = 0; byte <= UINT8_MAX; byte++) {
			bool digit = line[at] >= '0' && line[at] <= '9' && at >= strlen("PROXY TCP4");

			memcpy(other, line, sizeof(line));
			other[at] = (char)byte;
			if (byte == (uint8_t)line[at] || (digit && byte >= '0' && byte <= '9'))
				continue;
			CHECK(look(other, sizeof(line) - 1, &header) != PROXY_FOUND);
		}
	}
}

/* A header of version 2 whose bytes behind the first sixteen are these and then nonsense. */
static size_t make_v2(char *header, uint8_t command, uint8_t family, size_t length, const char *addresses)
{
	memcpy(header, SIGNATURE, 12);
	header[12] = (char)command;
	header[13] = (char)family;
	header[14] = (char)(length >> 8);
	header[15] = (char)length;
	memset(header + 16, 0xa5, length);
	memcpy(header + 16, addresses, length < 36 ? length : 36);
	return 16 + length;
}

static const char addresses[36] = "\1\2\3\4\5\6\7\x8\xdc\4\1\xbb";

static void check_binary(void)
{
	static const char ipv6[] = "[102:304:506:708:dc04:1bb::]:772";
	static const char both[36] = "\1\2\3\4\5\6\7\x8\xdc\4\1\xbb\0\0\0\0"
				     "................\3\4\5\6";
	static char header[PROXY_HEADER_MAX_BYTES];
	static const size_t extra[] = { 0, 1, 7, 60, 200, 5000 };

	for (size_t i = 0; i < sizeof(extra) / sizeof(extra[0]); i++) {
		check_found(header, make_v2(header, 0x21, 0x11, 12 + extra[i], addresses), 28,
			    "1.2.3.4:56324");
		check_found(header, make_v2(header, 0x21, 0x21, 36 + extra[i], both), 52, ipv6);
		check_found(header, make_v2(header, 0x20, 0x11, extra[i], addresses), 16, NULL);
		check_found(header, make_v2(header, 0x21, 0x00, extra[i], addresses), 16, NULL);
		check_found(header, make_v2(header, 0x21, 0x31, extra[i], addresses), 16, NULL);
	}
	CHECK(make_v2(header, 0x21, 0x11, UINT16_MAX, addresses) == PROXY_HEADER_MAX_BYTES);
}

/* Every value of the bytes that say what the rest is. */
static void check_commands(void)
{
	char header[64];

	for (int command = 0; command <= UINT8_MAX; command++) {
		for (int family = 0; family <= UINT8_MAX; family++) {
			size_t bytes = make_v2(header, (uint8_t)command, (uint8_t)family, 36, addresses);
			bool known = family >> 4 <= 3 && (family & 0xf) <= 2;
			struct proxy_header found;
			enum proxy_find result = look(header, bytes, &found);

			if (command != 0x20 && (command != 0x21 || !known)) {
				CHECK(result == PROXY_WRONG);
				continue;
			}
			CHECK(result == PROXY_FOUND && found.bytes == bytes);
			CHECK(found.names_client == (command == 0x21 && (family == 0x11 || family == 0x21)));
		}
	}
}

static void check_wrong_binary(void)
{
	char header[64];

	for (size_t length = 0; length < 12; length++)
		check_wrong(header, make_v2(header, 0x21, 0x11, length, addresses));
	for (size_t length = 0; length < 36; length++)
		check_wrong(header, make_v2(header, 0x21, 0x21, length, addresses));
	for (size_t at = 0; at < 12; at++) {
		size_t bytes = make_v2(header, 0x21, 0x11, 12, addresses);

		header[at] ^= 0x20;
		check_wrong(header, bytes);
	}
}

/* Whatever comes, it is read within its bounds and never without end waited for. */
static void check_random(void)
{
	static const char *const starts[] = { "PROXY ", "PROXY TCP4 ", "PROXY TCP6 ", "PROXY UNKNOWN" };
	char bytes[PROXY_LOOK_BYTES];
	struct proxy_header header;

	for (int round = 0; round < 100000; round++) {
		const char *start = starts[round % 4];

		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = "0123456789abcdef:.: \r\n[]%\0"[random() % 26];
		memcpy(bytes, start, strlen(start));
		CHECK(look(bytes, sizeof(bytes), &header) != PROXY_PARTIAL);
		make_v2(bytes, (uint8_t)(0x20 + random() % 2), (uint8_t)random(), 48, addresses);
		CHECK(look(bytes, sizeof(bytes), &header) != PROXY_PARTIAL);
	}
}

int main(void)
{
	srandom(1);
	check_lines();
	check_wrong_lines();
	check_every_byte();
	check_binary();
	check_commands();
	check_wrong_binary();
	check_random();
	return unit_result();
}
