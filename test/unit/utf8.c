/* What is a character, what is unsafe, and what may yet become one: against a plain reading of RFC 3629. */
#include "logger/utf8.h"

#include <string.h>

#include "unit.h"

/* One of many, which would be too many to count. */
#define FAIL(promise) unit_check(false, promise, __FILE__, __LINE__)

/* As the RFC's table has it, from the code point to the bytes. */
static size_t encode(uint32_t code, uint8_t bytes[4])
{
	if (code < 0x80) {
		bytes[0] = (uint8_t)code;
		return 1;
	}
	if (code < 0x800) {
		bytes[0] = (uint8_t)(0xc0 | code >> 6);
		bytes[1] = (uint8_t)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		bytes[0] = (uint8_t)(0xe0 | code >> 12);
		bytes[1] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
		bytes[2] = (uint8_t)(0x80 | (code & 0x3f));
		return 3;
	}
	bytes[0] = (uint8_t)(0xf0 | code >> 18);
	bytes[1] = (uint8_t)(0x80 | (code >> 12 & 0x3f));
	bytes[2] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
	bytes[3] = (uint8_t)(0x80 | (code & 0x3f));
	return 4;
}

/* Every code point: a character, unless it is a surrogate; each true beginning of it may yet become one. */
static void check_all_characters(void)
{
	for (uint32_t code = 0; code < 0x110000; code++) {
		uint8_t bytes[5] = { 0 };
		size_t count = encode(code, bytes);
		bool surrogate = code >= 0xd800 && code < 0xe000;

		if (utf8_character(bytes, count) != (surrogate ? 0 : count))
			FAIL("every code point but a surrogate is a character");
		if (surrogate)
			continue;
		if (utf8_code(bytes, count) != code || utf8_cut(bytes, count) != 0)
			FAIL("its bytes tell it, and all of them are not cut");
		for (size_t part = 1; part < count; part++) {
			if (utf8_character(bytes, part) != 0 || utf8_cut(bytes, part) != part)
				FAIL("a part of it is no character, but may become one");
		}
	}
	CHECK(true);
}

/* Every sequence of up to four bytes that matters: it is a character if and only if some code point gives it. */
static void check_no_others(void)
{
	unsigned characters = 0;

	for (unsigned first = 0x80; first < 256; first++) {
		for (unsigned second = 0; second < 256; second++) {
			for (unsigned third = 0x70; third < 0xd0; third++) {
				uint8_t bytes[4] = { (uint8_t)first, (uint8_t)second, (uint8_t)third, 0x80 };
				size_t count = utf8_character(bytes, 4);
				uint8_t again[4];

				if (count == 0)
					continue;
				characters++;
				if (encode(utf8_code(bytes, count), again) != count ||
				    memcmp(bytes, again, count) != 0)
					FAIL("a character is what its code point gives");
			}
		}
	}
	CHECK(characters > 0);
}

static void check_unsafe(void)
{
	unsigned count = 0;

	for (uint32_t code = 0; code < 0x110000; code++)
		count += utf8_is_unsafe(code);
	/* C0, DEL, C1, the twelve that turn text around, and two separators */
	CHECK(count == 32 + 1 + 32 + 12 + 2);
	CHECK(utf8_is_unsafe(0) && utf8_is_unsafe(0x1b) && utf8_is_unsafe(0x7f) && utf8_is_unsafe(0x9f));
	CHECK(!utf8_is_unsafe(0x20) && !utf8_is_unsafe(0xa0) && !utf8_is_unsafe(0x2027) &&
	      !utf8_is_unsafe(0x202f));
}

static void check_cut(void)
{
	CHECK(utf8_cut((const uint8_t *)"", 0) == 0);
	CHECK(utf8_cut((const uint8_t *)"a\xe2", 2) == 1);
	CHECK(utf8_cut((const uint8_t *)"\xe2\x82", 2) == 2);
	CHECK(utf8_cut((const uint8_t *)"\xf0\x9f\x98", 3) == 3);
	CHECK(utf8_cut((const uint8_t *)"\xe0\x80", 2) == 0); /* overlong */
	CHECK(utf8_cut((const uint8_t *)"\xed\xa0", 2) == 0); /* a surrogate */
	CHECK(utf8_cut((const uint8_t *)"\xf4\x90", 2) == 0); /* too large */
	CHECK(utf8_cut((const uint8_t *)"\xc0", 1) == 0);
	CHECK(utf8_cut((const uint8_t *)"\x82\x82", 2) == 0);
}

/* Wherever a byte that is not plain stands, it is found, and so are the two others. */
static void check_plain(void)
{
	uint8_t bytes[100];

	for (size_t place = 0; place < sizeof(bytes); place++) {
		for (int byte = 0; byte < 256; byte++) {
			bool plain = byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';

			memset(bytes, 'a', sizeof(bytes));
			bytes[place] = (uint8_t)byte;
			if (utf8_plain(bytes, sizeof(bytes), '"', '\\') != (plain ? sizeof(bytes) : place))
				FAIL("plain bytes are told from others");
			if (utf8_is_valid(bytes, sizeof(bytes)) != (byte < 0x80))
				FAIL("ASCII is valid");
		}
	}
	CHECK(true);
}

int main(void)
{
	check_all_characters();
	check_no_others();
	check_unsafe();
	check_cut();
	check_plain();
	return unit_result();
}
