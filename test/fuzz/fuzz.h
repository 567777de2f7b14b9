/*
 * The frame of a fuzzer: one file a target, which is given bytes that anybody may have sent, and stops the program if
 * what comes of them is wrong.
 *
 * With clang's libFuzzer (make fuzz) the bytes are looked for that reach the most; in every build replay.c gives a
 * target those of files.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The target; its name is the library's. Always 0. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

#define MUST(condition)                                                                          \
	do {                                                                                     \
		if (!(condition)) {                                                              \
			fprintf(stderr, "%s:%d: must be: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                                 \
		}                                                                                \
	} while (0)

/* Takes numbers from the bytes, 0 where there are no more. */
struct source_bytes {
	const uint8_t *next;
	size_t left;
};

static inline uint64_t fuzz_number(struct source_bytes *from, size_t bytes)
{
	uint64_t number = 0;

	for (size_t i = 0; i < bytes && from->left > 0; i++, from->left--)
		number = number << 8 | *from->next++;
	return number;
}

#endif
