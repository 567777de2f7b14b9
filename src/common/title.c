/* What ps(1) shows as a process's arguments; run by the master's children. See title.h. */
#include "common/title.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

/* Where the strings of a list end that lie one behind the other from `end` on. */
static char *end_of(char *const strings[], char *end)
{
	for (; *strings != NULL && *strings == end; strings++)
		end += strlen(*strings) + 1;
	return end;
}

void title_set(char *const argv[], const char *text)
{
	static char *no_environment[] = { NULL };
	char *start = argv[0];
	size_t length = strlen(text);
	size_t room = (size_t)(end_of(environ, end_of(argv, start)) - start);

	if (room == 0)
		return;
	environ = no_environment;
	if (length > room - 1)
		length = room - 1;
	/* The kernel shows what is beyond the arguments if there is no NUL where they ended (proc(5)). */
	memset(start, '\0', room);
	memcpy(start, text, length);
}
