/* SipHash-2-4: what its authors' reference implementation (vectors.h) gives for the bytes 0, 1, 2 and so on. */
#include "common/siphash.h"

#include "unit.h"

int main(void)
{
	static const uint64_t key[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
	static const uint64_t words[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };

	CHECK(siphash(key, words, 0) == 0x726fdb47dd0e0e31);
	CHECK(siphash(key, words, 1) == 0x93f5f5799a932462);
	CHECK(siphash(key, words, 2) == 0x3f2acc7f57c29bdb);
	return unit_result();
}
