/*
 * client parts: looks into the shared memory of a running server, or damages it.
 *
 *     parts rings PID                     the bytes of memory that echo buffers really take
 *     parts spoil PID PEER COUNTER BYTES  adds so many, which may be negative, to a counter of the
 *                                         connection from PEER: received, sent, queued, ring_base or
 *                                         ring_held
 *
 *     parts relayout PID                  gives the layout of the master's memory another number
 *
 * PID is the master's.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"
#include "common/address.h"
#include "common/table.h"
#include "master/ledger.h"

/* What is done with a region of memory; fd is its file. */
typedef void memory_visit(int fd, void *base);

static uint64_t ring_bytes;

/* Goes through the stretches of the file that have memory. */
static void add_ring_memory(int fd, void *base)
{
	const struct part *part = base;
	off_t at = (off_t)part->plan.rings_at;

	for (;;) {
		off_t start = lseek(fd, at, SEEK_DATA);

		if (start < 0 && errno == ENXIO)
			return;
		at = start < 0 ? -1 : lseek(fd, start, SEEK_HOLE);
		if (at < 0)
			fail_errno("lseek");
		ring_bytes += (uint64_t)(at - start);
	}
}

static struct address wanted_peer;
static const char *wanted_counter;
static int64_t change_bytes;
static unsigned spoiled;

static _Atomic uint64_t *counter(struct slot *slot)
{
	const struct {
		const char *name;
		_Atomic uint64_t *place;
	} counters[] = {
		{ "received", &slot->received },   { "sent", &slot->sent },
		{ "queued", &slot->queued },       { "ring_base", &slot->ring_base },
		{ "ring_held", &slot->ring_held },
	};

	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		if (strcmp(wanted_counter, counters[i].name) == 0)
			return counters[i].place;
	}
	fail("'%s' is not a counter", wanted_counter);
}

static void spoil(int fd, void *base)
{
	struct part *part = base;

	(void)fd;
	for (uint32_t i = 0; i < part->plan.slot_count; i++) {
		struct slot *slot = &part->slots[i];

		if (atomic_load(&slot->state) != SLOT_OPEN || slot->peer.port != wanted_peer.port ||
		    memcmp(slot->peer.ip, wanted_peer.ip, sizeof(wanted_peer.ip)) != 0)
			continue;
		atomic_fetch_add(counter(slot), (uint64_t)change_bytes);
		spoiled++;
	}
}

static void change_layout(int fd, void *base)
{
	struct ledger *ledger = base;

	(void)fd;
	ledger->layout++;
}

static void visit(const char *path, memory_visit *what)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct stat status;
	void *base;

	if (fd < 0 || fstat(fd, &status) != 0)
		fail_errno("%s", path);
	base = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (base == MAP_FAILED)
		fail_errno("%s", path);
	what(fd, base);
	munmap(base, (size_t)status.st_size);
	close(fd);
}

static void visit_all(const char *pid, const char *name, memory_visit *what)
{
	char path[512], target[64], wanted[64];
	unsigned found = 0;
	struct dirent *entry;
	DIR *folder;

	snprintf(wanted, sizeof(wanted), "/memfd:%s ", name);
	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	folder = opendir(path);
	if (folder == NULL)
		fail_errno("%s", path);
	while ((entry = readdir(folder)) != NULL) {
		ssize_t length;

		snprintf(path, sizeof(path), "/proc/%s/fd/%s", pid, entry->d_name);
		length = readlink(path, target, sizeof(target) - 1);
		target[length > 0 ? length : 0] = '\0';
		if (strncmp(target, wanted, strlen(wanted)) != 0)
			continue;
		visit(path, what);
		found++;
	}
	closedir(folder);
	if (found == 0)
		fail("process %s has no memory called %s", pid, name);
}

int parts_main(int argc, char *argv[])
{
	if (argc == 3 && strcmp(argv[1], "rings") == 0) {
		visit_all(argv[2], "echod-worker", add_ring_memory);
		say("%" PRIu64, ring_bytes);
		return 0;
	}
	if (argc == 3 && strcmp(argv[1], "relayout") == 0) {
		visit_all(argv[2], "echod-ledger", change_layout);
		return 0;
	}
	if (argc != 6 || strcmp(argv[1], "spoil") != 0 || address_from_text(&wanted_peer, argv[3]) != 0)
		fail("usage: parts rings PID, spoil PID PEER COUNTER BYTES, or relayout PID");
	wanted_counter = argv[4];
	change_bytes = strtoll(argv[5], NULL, 10);
	visit_all(argv[2], "echod-worker", spoil);
	if (spoiled != 1)
		fail("%u connections from %s", spoiled, argv[3]);
	return 0;
}
