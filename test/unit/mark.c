/* Marks are found wherever they begin and end, and nothing else is. */
#include "common/mark.h"

#include <stdlib.h>
#include <string.h>

#include "common/record.h"
#include "unit.h"

enum { BYTES = 700 };

static uint8_t bytes[BYTES];

/* The last bytes of a run that is long enough, found byte by byte. */
static size_t find_slowly(size_t from, size_t count)
{
	size_t run = 0;

	for (size_t at = from; at < count; at++) {
		run = bytes[at] == RECORD_MARK_BYTE ? run + 1 : 0;
		if (run >= RECORD_MARK_BYTES && (at + 1 == count || bytes[at + 1] != RECORD_MARK_BYTE))
			return at + 1 - RECORD_MARK_BYTES;
	}
	return count;
}

static void put_run(size_t at, size_t count)
{
	memset(bytes, 'x', sizeof(bytes));
	memset(bytes + at, RECORD_MARK_BYTE, count);
}

/* Runs of each length about that of a mark, at each place. */
static void check_places(void)
{
	for (size_t run = RECORD_MARK_BYTES - 2; run <= RECORD_MARK_BYTES + 9; run++) {
		for (size_t at = 0; at + run <= 400; at++) {
			put_run(at, run);
			for (size_t from = 0; from < 3; from++)
				CHECK(mark_find(bytes, from, BYTES) == find_slowly(from, BYTES));
			CHECK(mark_find(bytes, 0, at + run) == find_slowly(0, at + run));
			CHECK(mark_find(bytes, at, at + run - 1) == find_slowly(at, at + run - 1));
		}
	}
}

static void check_random(unsigned seed)
{
	size_t at = 0;

	srandom(seed);
	while (at < BYTES) {
		size_t run = (size_t)random() % (2 * RECORD_MARK_BYTES);

		run = run < BYTES - at ? run : BYTES - at;
		memset(bytes + at, random() % 2 == 0 ? RECORD_MARK_BYTE : RECORD_MARK_BYTE + 1, run);
		at += run;
	}
	for (size_t from = 0; from < BYTES; from += 1 + (size_t)random() % 40) {
		size_t count = from + (size_t)random() % (BYTES - from);

		CHECK(mark_find(bytes, from, count) == find_slowly(from, count));
	}
}

int main(void)
{
	check_places();
	for (unsigned seed = 1; seed <= 2000; seed++)
		check_random(seed);
	return unit_result();
}
