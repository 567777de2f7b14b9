/* PROXY headers, as a proxy sends them. */
#ifndef HEADER_H
#define HEADER_H

#include "client.h"

enum { HEADER_MAX_BYTES = 4096, HEADER_KINDS = 6, HEADER_EXTRA_MAX_BYTES = 3000 };

/*
 * Makes the header of a stream, whose kind is its number modulo HEADER_KINDS, with so many bytes behind the addresses
 * where they may be; returns its length. A kind that names a client names another one for each stream and seed; client
 * is then its ADDRESS:PORT, and else untouched.
 */
size_t header_make(char header[HEADER_MAX_BYTES], uint64_t seed, unsigned stream, uint64_t extra,
		   char client[ADDRESS_BYTES]);

/* Sends it on a blocking socket, as long and in two pieces as random_state says. */
void header_send(int socket_fd, uint64_t seed, unsigned stream, uint64_t *random_state,
		 char client[ADDRESS_BYTES]);

#endif
