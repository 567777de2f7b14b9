/* Numbers: the lesser of two, and such as somebody has written, of which nothing is guessed. */
#ifndef ECHOD_NUMBER_H
#define ECHOD_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

static inline uint64_t number_lesser(uint64_t one, uint64_t other)
{
	return one < other ? one : other;
}

/* Reads decimal digits and nothing else. False, and *value is untouched, if it is none or more than max. */
bool number_from_text(const char *text, uint64_t max, uint64_t *value);

#endif
