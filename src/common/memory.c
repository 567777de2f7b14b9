/* Shared memory regions; every process. See memory.h. */
#include "common/memory.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int map(struct memory *memory, int fd, size_t bytes)
{
	void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);

	if (base == MAP_FAILED)
		return -1;
	/* A core dump would touch every page of it, and so have the system supply them: terabytes. */
	(void)madvise(base, bytes, MADV_DONTDUMP);
	/* What is taken is counted in pages, and given back so. */
	(void)madvise(base, bytes, MADV_NOHUGEPAGE);
	*memory = (struct memory){ .base = base, .bytes = bytes, .fd = fd };
	return 0;
}

int memory_create(struct memory *memory, const char *name, size_t bytes)
{
	int fd = memfd_create(name, 0);
	int error;

	if (fd < 0)
		return -1;
	if (ftruncate(fd, (off_t)bytes) == 0 && map(memory, fd, bytes) == 0)
		return 0;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

int memory_attach(struct memory *memory, int fd, size_t bytes)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		return -1;
	if (status.st_size != (off_t)bytes) {
		errno = EINVAL;
		return -1;
	}
	return map(memory, fd, bytes);
}

int memory_protect(const struct memory *memory, size_t from, size_t bytes)
{
	void *place = (uint8_t *)memory->base + from;

	/* Shared, it could be made a hole: for that a mapping need not be writable, but one that might be (madvise(2)). */
	if (mmap(place, bytes, PROT_READ, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, memory->fd, (off_t)from) ==
	    MAP_FAILED)
		return -1;
	(void)madvise(place, bytes, MADV_DONTDUMP);
	return 0;
}

void memory_release(struct memory *memory)
{
	if (memory->base != NULL)
		munmap(memory->base, memory->bytes);
	if (memory->fd >= 0)
		close(memory->fd);
	*memory = (struct memory){ .base = NULL, .bytes = 0, .fd = -1 };
}
