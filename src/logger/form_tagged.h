/* What a log for people to read has in common, be it on a terminal or not. */
#ifndef ECHOD_LOGGER_FORM_TAGGED_H
#define ECHOD_LOGGER_FORM_TAGGED_H

#include <stdint.h>

#include "common/record.h"
#include "logger/desk.h"

/* As form.h has it. */
uint8_t tagged_verdict(const struct text_state *state, const struct record *record);

/* How many bytes the record says are not in the log. */
uint64_t tagged_unlogged(const struct record *record, const uint8_t *payload);

/* What stands before the data of a decided record; returns where it has come to, like the next. */
uint8_t *tagged_put_lead(uint8_t *at, const struct record *record);

/* The line that says how much of a connection is not in the log. */
uint8_t *tagged_put_unlogged(uint8_t *at, uint64_t bytes);

#endif
