/* Gives a fuzzer's target the bytes of each file that is named, once. */
#include <dirent.h>

#include "fuzz.h"

enum { BYTES_MAX = 1 << 20 };

int main(int argc, char *argv[])
{
	static uint8_t bytes[BYTES_MAX];

	for (int i = 1; i < argc; i++) {
		FILE *file = fopen(argv[i], "re");
		size_t count;
		uint8_t *exact;

		if (file == NULL) {
			perror(argv[i]);
			return 1;
		}
		count = fread(bytes, 1, sizeof(bytes), file);
		fclose(file);
		/* So that a read behind their end is found. */
		exact = malloc(count > 0 ? count : 1);
		if (exact == NULL)
			return 1;
		memcpy(exact, bytes, count);
		LLVMFuzzerTestOneInput(exact, count);
		free(exact);
	}
	return argc > 1 ? 0 : 1;
}
