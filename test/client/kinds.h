/* The kinds of payload. */
#ifndef KINDS_H
#define KINDS_H

#include "payload.h"

/* The name of each, in the order of enum payload_kind; NULL is behind the last. */
extern const char *const kind_names[];

/* Readies what the kind needs, in a payload that is to begin. */
void kind_start(struct payload *payload);

/* Makes the line of payload->line_number, at least one byte; returns its length. */
size_t kind_line(struct payload *payload);

#endif
