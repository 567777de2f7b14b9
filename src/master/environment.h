/* Variables of the environment by which whoever starts the master tells it something. */
#ifndef ECHOD_MASTER_ENVIRONMENT_H
#define ECHOD_MASTER_ENVIRONMENT_H

#include <stdint.h>

enum environment_result {
	ENVIRONMENT_MISSING,
	ENVIRONMENT_NUMBER, /* *value is set */
	ENVIRONMENT_WRONG,  /* it is anything else */
};

/* Reads a variable that is to be a number from 1 to max, in decimal digits and nothing else. */
enum environment_result environment_number(const char *name, uint64_t max, uint64_t *value);

#endif
