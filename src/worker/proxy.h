/*
 * What a PROXY header says: "The PROXY protocol, Versions 1 & 2" (haproxy.org, proxy-protocol.txt), sections 2.1
 * and 2.2. A pure function of bytes that anybody may have sent.
 */
#ifndef ECHOD_WORKER_PROXY_H
#define ECHOD_WORKER_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"

enum {
	PROXY_V1_MAX_BYTES = 107, /* of a line with its end */
	PROXY_V2_FIXED_BYTES = 16,
	/* The longest header there can be. */
	PROXY_HEADER_MAX_BYTES = PROXY_V2_FIXED_BYTES + UINT16_MAX,
	/* With so many of its first bytes it is always known how long a header is and whom it names. */
	PROXY_LOOK_BYTES = PROXY_V1_MAX_BYTES,
};

struct proxy_header {
	uint32_t bytes;    /* all of it, with what may follow the addresses in version 2 */
	bool names_client; /* else (LOCAL, UNKNOWN, not TCP over IP) whom the connection comes from is meant */
	struct address client; /* if it does */
};

enum proxy_find {
	PROXY_FOUND,   /* *header is filled in; perhaps not all of its bytes have come */
	PROXY_PARTIAL, /* more bytes must tell */
	PROXY_WRONG,   /* whatever follows, it is no header */
};

/*
 * Looks at the first `count` bytes of a connection. The addresses must be as the specification writes them; what
 * version 2 has behind them, a checksum among it, is not looked at.
 */
enum proxy_find proxy_find(const uint8_t *bytes, size_t count, struct proxy_header *header);

#endif
