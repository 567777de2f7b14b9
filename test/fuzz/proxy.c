/* PROXY headers: whatever a client begins with. */
#include "worker/proxy.h"

#include "fuzz.h"

static bool same(const struct proxy_header *header, const struct proxy_header *other)
{
	return header->bytes == other->bytes && header->names_client == other->names_client &&
	       (!header->names_client || address_equals(&header->client, &other->client));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	struct proxy_header header = { .bytes = 0 };
	enum proxy_find found = proxy_find(bytes, count, &header);

	if (found == PROXY_FOUND)
		MUST(header.bytes > 0 && header.bytes <= PROXY_HEADER_MAX_BYTES);
	MUST(found != PROXY_PARTIAL || count < PROXY_LOOK_BYTES);
	/* What is known of some bytes stays so whatever follows, and is not known of fewer in another way. */
	for (size_t fewer = 0; fewer < count && fewer <= PROXY_LOOK_BYTES; fewer++) {
		struct proxy_header before = { .bytes = 0 };
		enum proxy_find earlier = proxy_find(bytes, fewer, &before);

		MUST(earlier == PROXY_PARTIAL || earlier == found);
		MUST(earlier != PROXY_FOUND || same(&before, &header));
	}
	return 0;
}
