/* Digits; a pure function that any process calls. See number.h. */
#include "common/number.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool number_from_text(const char *text, uint64_t max, uint64_t *value)
{
	uint64_t number;

	/* strtoull() takes blanks and signs. */
	if (*text == '\0' || text[strspn(text, "0123456789")] != '\0')
		return false;
	errno = 0;
	number = strtoull(text, NULL, 10);
	if (errno != 0 || number > max)
		return false;
	*value = number;
	return true;
}
