/*
 * What the escaped and the hex form have in common: the SOURCE of a line, and the lines of events and messages.
 */
#include <string.h>

#include "logsplit.h"

bool take_message(struct text *line)
{
	if (!take_words(line, "echod: "))
		return false;
	for (; line->next < line->end; line->next++) {
		if ((uint8_t)*line->next < ' ' || *line->next == 0x7f)
			fail_line("byte 0x%02x in a message", (uint8_t)*line->next);
	}
	return true;
}

void take_source(struct text *line, char address[ADDRESS_BYTES])
{
	const char *start = line->next;
	size_t length;

	while (line->next < line->end && *line->next != ' ' && *line->next != '*')
		line->next++;
	length = (size_t)(line->next - start);
	/* The colon of ": " is part of it so far. */
	if (length > 0 && line->next < line->end && *line->next == ' ' && start[length - 1] == ':') {
		line->next--;
		length--;
	}
	if (length == 0 || length >= ADDRESS_BYTES || line->next == line->end)
		fail_line("it does not begin with ADDRESS:PORT");
	memcpy(address, start, length);
	address[length] = '\0';
	if (strlen(address) != length || !is_address(address))
		fail_line("it does not begin with ADDRESS:PORT");
}

struct source *connected_source(const char *address)
{
	struct source *source = last_source(address);

	if (source == NULL)
		fail_line("%s is not connected", address);
	if (source->closed)
		fail_line("the connection of %s has ended before", address);
	return source;
}

static void take_connected(struct text *line, const char *address)
{
	const struct source *before = last_source(address);
	char local[ADDRESS_BYTES];
	size_t length = (size_t)(line->end - line->next);

	if (before != NULL && !before->closed)
		fail_line("%s is connected already", address);
	if (length >= sizeof(local))
		fail_line("connected to what is not ADDRESS:PORT");
	memcpy(local, line->next, length);
	local[length] = '\0';
	if (strlen(local) != length || !is_address(local))
		fail_line("connected to what is not ADDRESS:PORT");
	line->next = line->end;
	source_open(address);
}

static bool take_closed(struct text *line, struct totals *totals)
{
	if (!take_name(line) || !take_words(line, ", received ") || !take_number(line, &totals->received) ||
	    !take_words(line, ", echoed ") || !take_number(line, &totals->echoed) ||
	    !take_words(line, ", dropped ") || !take_number(line, &totals->dropped))
		return false;
	if (!take_words(line, ", "))
		return true;
	return take_number(line, &totals->unlogged) && totals->unlogged > 0 &&
	       take_words(line, " bytes not logged");
}

void take_event(struct text *line, const char *address)
{
	struct totals totals = { 0 };
	struct text rest;
	uint64_t bytes = 0;

	if (take_words(line, "connected to ")) {
		take_connected(line, address);
		return;
	}
	rest = *line;
	if (take_words(&rest, "closed: ") && take_closed(&rest, &totals) && rest.next == rest.end) {
		source_close(connected_source(address), &totals);
		return;
	}
	rest = *line;
	if (take_words(&rest, "dropped ") && take_number(&rest, &bytes) && take_words(&rest, " bytes") &&
	    rest.next == rest.end) {
		source_dropped(connected_source(address), bytes);
		return;
	}
	rest = *line;
	if (!take_number(&rest, &bytes) || bytes == 0 || !take_words(&rest, " bytes not logged") ||
	    rest.next != rest.end)
		fail_line("not an event of the log's");
	source_unlogged(connected_source(address), bytes);
}
