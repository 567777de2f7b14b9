/*
 * Memory that outlives the process using it.
 *
 * A region is an anonymous file (memfd_create(2)) mapped shared. The master creates every region
 * and keeps the descriptor, so the contents survive the death of any child and the master's own
 * exec; a child keeps only the mappings that are its business. None of it goes into core dumps.
 *
 * Where a child may read but not write, that begins and ends with a multiple of MEMORY_WALL_BYTES.
 */
#ifndef ECHOD_MEMORY_H
#define ECHOD_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* No system has larger pages (aarch64 may have such). */
enum { MEMORY_WALL_BYTES = 65536 };

struct memory {
	void *base;
	size_t bytes;
	int fd; /* -1 if none is held */
};

/*
 * Creates a region of so many zero bytes; pages are taken from the system when first touched.
 * -1 with errno (ENOMEM, EMFILE, ...); the caller then has nothing to release.
 */
int memory_create(struct memory *memory, const char *name, size_t bytes);

/*
 * Maps the region behind fd, which stays the caller's on failure and is the region's from then on.
 * -1 with errno; EINVAL if the region does not have exactly that size.
 */
int memory_attach(struct memory *memory, int fd, size_t bytes);

/* So many bytes, rounded up to whole pages. */
static inline uint64_t memory_whole_pages(uint64_t bytes, uint64_t page_bytes)
{
	return (bytes + page_bytes - 1) / page_bytes * page_bytes;
}

/*
 * From now on this process can only read these bytes of a region whose descriptor it still has, from that place on;
 * what others write there it sees. -1 with errno of mmap(2).
 */
int memory_protect(const struct memory *memory, size_t from, size_t bytes);

/* Unmaps the region and closes its descriptor, if it still has one. */
void memory_release(struct memory *memory);

#endif
