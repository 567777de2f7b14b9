/* Base64 as RFC 4648 has it. */
#ifndef BASE64_H
#define BASE64_H

#include <stdbool.h>
#include <stddef.h>

/* Decodes into as many bytes as there are characters at most; false if it is not exactly how bytes are encoded. */
bool base64_decode(const char *from, size_t characters, char *to, size_t *bytes);

#endif
