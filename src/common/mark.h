/* Finding the marks that records begin with, in any bytes; who writes records looks, and so does the logger. */
#ifndef ECHOD_MARK_H
#define ECHOD_MARK_H

#include <stddef.h>
#include <stdint.h>

/* Where the next mark (record.h) from `from` on begins; `count` if none does that ends before `count`. */
size_t mark_find(const uint8_t *bytes, size_t from, size_t count);

#endif
