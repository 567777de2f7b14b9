/* Numbers in the environment; run by the master. See environment.h. */
#include "master/environment.h"

#include <stdlib.h>

#include "common/number.h"

enum environment_result environment_number(const char *name, uint64_t max, uint64_t *value)
{
	const char *text = getenv(name);

	if (text == NULL)
		return ENVIRONMENT_MISSING;
	return number_from_text(text, max, value) && *value >= 1 ? ENVIRONMENT_NUMBER : ENVIRONMENT_WRONG;
}
