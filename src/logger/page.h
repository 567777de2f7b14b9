/*
 * What is written at once: pieces, of which some are made here and some lie elsewhere.
 *
 * Who makes text asks for room, writes from there on, and says where it has come to. One record's text fits into
 * PAGE_RECORD_BYTES whatever it says.
 */
#ifndef ECHOD_LOGGER_PAGE_H
#define ECHOD_LOGGER_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum {
	PAGE_PIECES_MAX = 1024, /* IOV_MAX */
	/* Each byte of a record can be a line of its own, and has its source before it then. */
	PAGE_RECORD_BYTES = 256 << 10,
	PAGE_ROOM_BYTES = 1 << 20,
};

struct page {
	struct iovec pieces[PAGE_PIECES_MAX];
	size_t count;
	size_t bytes; /* of all pieces */
	size_t used;  /* of the room */
	uint8_t room[PAGE_ROOM_BYTES];
};

/* An empty page again. */
void page_clear(struct page *page);

/* Is there place for a record of any kind? */
bool page_has_place(const struct page *page);

/* Where to write to. */
uint8_t *page_room(struct page *page);

/* Adds what was written from page_room() up to `end`. */
void page_add(struct page *page, const uint8_t *end);

/* Adds bytes that lie elsewhere and stay there until the page is written. */
void page_refer(struct page *page, const uint8_t *bytes, size_t count);

/* Where it stands, and back to there. */
struct page_mark {
	size_t count, bytes, used, last_bytes;
};
struct page_mark page_mark(const struct page *page);
void page_back(struct page *page, struct page_mark mark);

/* Leaves out the first `count` bytes of what the page has, which is no less. */
void page_skip(struct page *page, uint64_t count);

#endif
