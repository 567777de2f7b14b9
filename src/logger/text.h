/* The text forms of the log, tagged and plain: what stands before the data of a record. */
#ifndef ECHOD_LOGGER_TEXT_H
#define ECHOD_LOGGER_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "common/record.h"
#include "logger/desk.h"
#include "options.h"

/* Room for the longest text before a record's data: a newline, words and an address. */
enum { TEXT_LEAD_BYTES = ADDRESS_TEXT_BYTES + 32 };

/*
 * What must be written before the data of this record, given where the output stands: a verdict
 * (verdict.h) without VERDICT_DECIDED.
 */
uint8_t text_verdict(const struct text_state *state, enum output_form form, const struct record *record);

/* Where the output stands after the record, whose payload is `payload`. Doing it twice does no harm. */
void text_advance(struct text_state *state, const struct record *record, const uint8_t *payload);

/* Writes what the record's verdict asks for into `lead` and returns its length. */
size_t text_lead(const struct record *record, char lead[TEXT_LEAD_BYTES]);

#endif
