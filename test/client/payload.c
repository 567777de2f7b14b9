/*
 * What the clients send, and the file that tells how much of it was sent. The contract is in
 * payload.h.
 */
#include "payload.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client.h"

enum { LETTERS = 4096, SLICE_MAX = 180 };

static char letters[LETTERS + SLICE_MAX];

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

static void fill_letters(void)
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:.";
	uint64_t state = 1;

	for (size_t i = 0; i < sizeof(letters); i++)
		letters[i] = alphabet[random_below(&state, 64)];
}

/* Short and long lines in turn, so that many fit one record and one fits no record's end. */
static void make_line(struct payload *payload)
{
	uint64_t state = payload->seed ^ ((uint64_t)payload->stream << 40) ^ payload->line_number;
	uint64_t random = random_next(&state);
	size_t slice = (random >> 16) % (random & 1 ? SLICE_MAX : 20);
	int head = snprintf(payload->line, sizeof(payload->line), "c%u l%" PRIu64 " ", payload->stream,
			    payload->line_number);

	memcpy(payload->line + head, letters + (random >> 32) % LETTERS, slice);
	payload->length = (size_t)head + slice;
	payload->line[payload->length++] = ';';
	payload->line[payload->length++] = '\n';
	payload->position = 0;
}

void payload_start(struct payload *payload, uint64_t seed, unsigned stream)
{
	if (!letters[0])
		fill_letters();
	payload->seed = seed;
	payload->stream = stream;
	payload->line_number = 0;
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

FILE *manifest_create(const char *path, uint64_t seed)
{
	FILE *manifest;

	if (path == NULL)
		return NULL;
	manifest = fopen(path, "we");
	if (manifest == NULL || fprintf(manifest, "seed %" PRIu64 "\n", seed) < 0)
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

void manifest_close(FILE *manifest)
{
	if (manifest != NULL && fclose(manifest) != 0)
		fail_errno("manifest");
}
