/*
 * The connections of the manifests, and what the log has told of each. The contracts are in logsplit.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "logsplit.h"

static struct source *sources; /* in order of address and then as in the manifests */
static size_t count, room;
static bool have_other_kinds;

/* ---- the manifests ---- */

static int compare_addresses(const void *a, const void *b)
{
	return strcmp(((const struct source *)a)->address, ((const struct source *)b)->address);
}

static int compare_sources(const void *a, const void *b)
{
	const struct source *left = a, *right = b;
	int by_address = compare_addresses(a, b);

	return by_address != 0 ? by_address : (left->order > right->order) - (left->order < right->order);
}

static void add_source(const struct source *source)
{
	if (count == room) {
		room = room ? 2 * room : 64;
		sources = realloc(sources, room * sizeof(*sources));
		if (sources == NULL)
			fail_errno("memory");
	}
	sources[count] = *source;
	sources[count].order = count;
	count++;
}

void read_manifest(const char *path)
{
	FILE *manifest = fopen(path, "re");
	char first[64], kind_name[16] = "lines";
	uint64_t seed;
	enum payload_kind kind;
	struct source source = { 0 };
	char mark[2];
	unsigned stream;

	if (manifest == NULL)
		fail_errno("%s", path);
	if (fgets(first, sizeof(first), manifest) == NULL ||
	    sscanf(first, "seed %" SCNu64 " %15s", &seed, kind_name) < 1)
		fail("%s: no seed", path);
	kind = payload_kind(kind_name);
	have_other_kinds |= kind != PAYLOAD_LINES;
	for (;;) {
		source.optional = fscanf(manifest, " %1[?]", mark) == 1;
		if (fscanf(manifest, "%63s %u %" SCNu64 " %" SCNu64, source.address, &stream, &source.least,
			   &source.bytes) != 4)
			break;
		payload_start(&source.payload, kind, seed, stream);
		add_source(&source);
	}
	if (feof(manifest) == 0)
		fail("%s: a line is not a manifest's", path);
	fclose(manifest);
}

void sort_sources(bool only_lines)
{
	if (only_lines && have_other_kinds)
		fail("this form can be undone only where lines were sent");
	qsort(sources, count, sizeof(*sources), compare_sources);
	for (size_t i = 1; only_lines && i < count; i++) {
		if (compare_addresses(&sources[i - 1], &sources[i]) == 0)
			fail("%s is in the manifests twice", sources[i].address);
	}
}

size_t source_count(void)
{
	return count;
}

struct source *source_at(size_t index)
{
	return &sources[index];
}

void check_all_found(bool must_close)
{
	for (size_t i = 0; i < count; i++) {
		const struct source *source = &sources[i];

		if (source->optional && !source->announced)
			continue;
		if (!source->announced)
			fail("log: %s is not announced", source->address);
		if (source->found < source->least)
			fail("log: %s sent %" PRIu64 " bytes, and %" PRIu64 " are there", source->address,
			     source->bytes, source->found);
		if (must_close && !source->closed)
			fail("log: the connection of %s does not end", source->address);
	}
}

/* ---- finding one ---- */

struct source *first_source(const char *address)
{
	struct source wanted = { 0 };
	struct source *found;

	snprintf(wanted.address, sizeof(wanted.address), "%s", address);
	found = bsearch(&wanted, sources, count, sizeof(*sources), compare_addresses);
	while (found != NULL && found > sources && compare_addresses(&wanted, found - 1) == 0)
		found--;
	return found;
}

struct source *last_source(const char *address)
{
	struct source *source = first_source(address);
	struct source *last = NULL;

	for (; source != NULL && source < sources + count; source++) {
		if (!source->announced || strcmp(source->address, address) != 0)
			break;
		last = source;
	}
	return last;
}

/* ---- what the log says of it ---- */

size_t source_match(struct source *source, const char *from, size_t bytes)
{
	uint64_t left = source->bytes - source->found;
	size_t matched = payload_match(&source->payload, from, bytes < left ? bytes : (size_t)left);

	source->found += matched;
	return matched;
}

struct source *source_open(const char *address)
{
	struct source *source = first_source(address);

	if (source == NULL)
		fail_line("%s is an ADDRESS:PORT that no client had", address);
	while (source < sources + count && source->announced && strcmp(source->address, address) == 0)
		source++;
	if (source == sources + count || strcmp(source->address, address) != 0)
		fail_line("%s connects more often than that client did", address);
	source->announced = true;
	return source;
}

void source_data(struct source *source, const char *from, size_t bytes)
{
	size_t matched = source_match(source, from, bytes);

	if (matched == bytes)
		return;
	if (source->found == source->bytes)
		fail_line("%s did not send more than %" PRIu64 " bytes", source->address, source->bytes);
	fail_line("not what %s sent as byte %" PRIu64, source->address, source->found);
}

void source_unlogged(struct source *source, uint64_t bytes)
{
	if (bytes > source->bytes - source->found)
		fail_line("%s did not send more than %" PRIu64 " bytes", source->address, source->bytes);
	payload_skip(&source->payload, bytes);
	source->found += bytes;
	source->unlogged += bytes;
}

void source_dropped(struct source *source, uint64_t bytes)
{
	if (bytes == 0)
		fail_line("nothing is dropped");
	source->dropped += bytes;
}

/* The end's count of what is not logged has what was left out on the way in it. */
void source_close(struct source *source, const struct totals *totals)
{
	if (totals->unlogged < source->unlogged)
		fail_line("%" PRIu64 " bytes not logged, but %" PRIu64 " were said before", totals->unlogged,
			  source->unlogged);
	source_unlogged(source, totals->unlogged - source->unlogged);
	if (totals->received != source->found)
		fail_line("received %" PRIu64 ", but the log has told of %" PRIu64 " bytes", totals->received,
			  source->found);
	if (totals->dropped < source->dropped)
		fail_line("dropped %" PRIu64 ", but %" PRIu64 " were said before", totals->dropped,
			  source->dropped);
	if (totals->dropped > totals->received || totals->echoed > totals->received - totals->dropped)
		fail_line("echoed and dropped are more than received");
	source->closed = true;
}
