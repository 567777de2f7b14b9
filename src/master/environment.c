/* Numbers in the environment; run by the master. See environment.h. */
#include "master/environment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum environment_result environment_number(const char *name, uint64_t max, uint64_t *value)
{
	const char *text = getenv(name);

	if (text == NULL)
		return ENVIRONMENT_MISSING;
	if (*text == '\0' || strspn(text, "0123456789") != strlen(text))
		return ENVIRONMENT_WRONG;
	errno = 0;
	*value = strtoull(text, NULL, 10);
	return errno == 0 && *value >= 1 && *value <= max ? ENVIRONMENT_NUMBER : ENVIRONMENT_WRONG;
}
