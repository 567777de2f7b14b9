/* SipHash-2-4; a pure function that any process calls. See siphash.h. */
#include "common/siphash.h"

struct state {
	uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t word, unsigned bits)
{
	return word << bits | word >> (64 - bits);
}

static void mix(struct state *state, int rounds)
{
	for (; rounds > 0; rounds--) {
		state->v0 += state->v1;
		state->v2 += state->v3;
		state->v1 = rotate(state->v1, 13) ^ state->v0;
		state->v3 = rotate(state->v3, 16) ^ state->v2;
		state->v0 = rotate(state->v0, 32) + state->v3;
		state->v2 += state->v1;
		state->v3 = rotate(state->v3, 21) ^ state->v0;
		state->v1 = rotate(state->v1, 17) ^ state->v2;
		state->v2 = rotate(state->v2, 32);
	}
}

static void take_word(struct state *state, uint64_t word)
{
	state->v3 ^= word;
	mix(state, 2);
	state->v0 ^= word;
}

uint64_t siphash(const uint64_t key[2], const uint64_t *words, size_t count)
{
	struct state state = {
		.v0 = key[0] ^ 0x736f6d6570736575,
		.v1 = key[1] ^ 0x646f72616e646f6d,
		.v2 = key[0] ^ 0x6c7967656e657261,
		.v3 = key[1] ^ 0x7465646279746573,
	};

	for (size_t i = 0; i < count; i++)
		take_word(&state, words[i]);
	take_word(&state, (uint64_t)(count * sizeof(*words)) << 56);
	state.v2 ^= 0xff;
	mix(&state, 4);
	return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}
