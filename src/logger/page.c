/* Gathering what is written at once; run by the logger. See page.h. */
#include "logger/page.h"

void page_clear(struct page *page)
{
	page->count = page->bytes = page->used = 0;
}

bool page_has_place(const struct page *page)
{
	return page->count + 2 <= PAGE_PIECES_MAX && page->used + PAGE_RECORD_BYTES <= PAGE_ROOM_BYTES;
}

uint8_t *page_room(struct page *page)
{
	return page->room + page->used;
}

static void add_piece(struct page *page, const uint8_t *bytes, size_t count)
{
	struct iovec *last = page->count > 0 ? &page->pieces[page->count - 1] : NULL;

	if (count == 0)
		return;
	page->bytes += count;
	if (last != NULL && (const uint8_t *)last->iov_base + last->iov_len == bytes)
		last->iov_len += count;
	else
		page->pieces[page->count++] =
			(struct iovec){ .iov_base = (void *)(uintptr_t)bytes, .iov_len = count };
}

void page_add(struct page *page, const uint8_t *end)
{
	const uint8_t *begin = page_room(page);

	add_piece(page, begin, (size_t)(end - begin));
	page->used = (size_t)(end - page->room);
}

void page_refer(struct page *page, const uint8_t *bytes, size_t count)
{
	add_piece(page, bytes, count);
}

struct page_mark page_mark(const struct page *page)
{
	return (struct page_mark){
		.count = page->count,
		.bytes = page->bytes,
		.used = page->used,
		.last_bytes = page->count > 0 ? page->pieces[page->count - 1].iov_len : 0,
	};
}

void page_back(struct page *page, struct page_mark mark)
{
	page->count = mark.count;
	page->bytes = mark.bytes;
	page->used = mark.used;
	if (mark.count > 0)
		page->pieces[mark.count - 1].iov_len = mark.last_bytes; /* to which more had been added */
}

void page_skip(struct page *page, uint64_t count)
{
	page->bytes -= count;
	for (size_t i = 0; i < page->count && count > 0; i++) {
		struct iovec *piece = &page->pieces[i];
		size_t part = count < piece->iov_len ? (size_t)count : piece->iov_len;

		piece->iov_base = (uint8_t *)piece->iov_base + part;
		piece->iov_len -= part;
		count -= part;
	}
}
