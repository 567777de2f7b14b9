/*
 * The frame of a unit test: a program that checks what it is about and says on stdout what was wrong.
 *
 * main() calls CHECK for every promise and returns unit_result(). Each test program is one file.
 */
#ifndef UNIT_H
#define UNIT_H

#include <stdbool.h>
#include <stdio.h>

static unsigned unit_checks;
static unsigned unit_failures;

static inline void unit_check(bool holds, const char *condition, const char *file, int line)
{
	unit_checks++;
	if (holds)
		return;
	unit_failures++;
	printf("%s:%d: does not hold: %s\n", file, line, condition);
}

#define CHECK(condition) unit_check((condition), #condition, __FILE__, __LINE__)

/* The exit status for main(): 0 if there were checks and all of them held. */
static inline int unit_result(void)
{
	printf("%u checks, %u failures\n", unit_checks, unit_failures);
	return unit_checks > 0 && unit_failures == 0 ? 0 : 1;
}

#endif
