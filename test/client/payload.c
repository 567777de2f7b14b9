/*
 * What the clients send, and the file that tells how much of it was sent. The contract is in
 * payload.h.
 */
#include "payload.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "kinds.h"

uint64_t random_next(uint64_t *state)
{
	uint64_t mixed = *state += 0x9e3779b97f4a7c15U;

	mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9U;
	mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebU;
	return mixed ^ (mixed >> 31);
}

uint64_t random_below(uint64_t *state, uint64_t limit)
{
	return random_next(state) % limit;
}

enum payload_kind payload_kind(const char *name)
{
	unsigned kind = 0;

	while (name != NULL && kind_names[kind] != NULL && strcmp(kind_names[kind], name) != 0)
		kind++;
	if (kind_names[kind] == NULL)
		fail("'%s' is not a kind of payload", name);
	return (enum payload_kind)kind;
}

static void make_line(struct payload *payload)
{
	payload->length = kind_line(payload);
	payload->position = 0;
}

void payload_start(struct payload *payload, enum payload_kind kind, uint64_t seed, unsigned stream)
{
	payload->kind = kind;
	payload->seed = seed;
	payload->stream = stream;
	payload->line_number = 0;
	kind_start(payload);
	make_line(payload);
}

char payload_peek(const struct payload *payload)
{
	return payload->line[payload->position];
}

static void advance(struct payload *payload, size_t bytes)
{
	payload->position += bytes;
	if (payload->position < payload->length)
		return;
	payload->line_number++;
	make_line(payload);
}

void payload_take(struct payload *payload, char *to, size_t bytes)
{
	while (bytes > 0) {
		size_t part = payload->length - payload->position;

		if (part > bytes)
			part = bytes;
		memcpy(to, payload->line + payload->position, part);
		advance(payload, part);
		to += part;
		bytes -= part;
	}
}

void payload_skip(struct payload *payload, uint64_t bytes)
{
	while (bytes > 0) {
		size_t part = payload->length - payload->position;

		if (part > bytes)
			part = (size_t)bytes;
		advance(payload, part);
		bytes -= part;
	}
}

size_t payload_take_line(struct payload *payload, char *to)
{
	size_t bytes = payload->length - payload->position;

	payload_take(payload, to, bytes);
	return bytes;
}

static size_t equal_bytes(const char *a, const char *b, size_t most)
{
	size_t equal = 0;

	if (memcmp(a, b, most) == 0)
		return most;
	while (a[equal] == b[equal])
		equal++;
	return equal;
}

size_t payload_match(struct payload *payload, const char *from, size_t bytes)
{
	size_t matched = 0;

	while (matched < bytes) {
		size_t part = payload->length - payload->position;
		size_t equal;

		if (part > bytes - matched)
			part = bytes - matched;
		equal = equal_bytes(payload->line + payload->position, from + matched, part);
		advance(payload, equal);
		matched += equal;
		if (equal < part)
			break;
	}
	return matched;
}

FILE *manifest_create(const char *path, enum payload_kind kind, uint64_t seed)
{
	FILE *manifest;

	if (path == NULL)
		return NULL;
	manifest = fopen(path, "we");
	if (manifest == NULL || fprintf(manifest, "seed %" PRIu64 " %s\n", seed, kind_names[kind]) < 0)
		fail_errno("%s", path);
	return manifest;
}

void manifest_add(FILE *manifest, const char *address, unsigned stream, uint64_t bytes)
{
	manifest_add_range(manifest, address, stream, bytes, bytes);
}

void manifest_add_range(FILE *manifest, const char *address, unsigned stream, uint64_t least, uint64_t most)
{
	if (manifest != NULL &&
	    fprintf(manifest, "%s %u %" PRIu64 " %" PRIu64 "\n", address, stream, least, most) < 0)
		fail_errno("manifest");
}

void manifest_add_optional(FILE *manifest, const char *address, unsigned stream, uint64_t most)
{
	if (manifest != NULL && fprintf(manifest, "?%s %u 0 %" PRIu64 "\n", address, stream, most) < 0)
		fail_errno("manifest");
}

void manifest_close(FILE *manifest)
{
	if (manifest != NULL && fclose(manifest) != 0)
		fail_errno("manifest");
}
