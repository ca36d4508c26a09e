/* replay.c - run one target over its corpus, a TAP line for each file. */
#include "config.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

static int
is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* A sanitizer aborts on a fault and the missing lines count as failures. */
static int
replay(const char *folder, const char *name)
{
	char path[4096];
	uint8_t *data = NULL;
	long size = -1;
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	file = fopen(path, "rb");
	if (file != NULL && fseek(file, 0, SEEK_END) == 0)
		size = ftell(file);
	if (size >= 0) {
		rewind(file);
		data = malloc(size == 0 ? 1 : (size_t)size);
		if (data != NULL && fread(data, 1, (size_t)size, file) != (size_t)size)
			size = -1;
	}
	if (file != NULL)
		fclose(file);
	if (size < 0 || data == NULL) {
		free(data);
		return -1;
	}
	LLVMFuzzerTestOneInput(data, (size_t)size);
	free(data);
	return 0;
}

int
main(int argc, char **argv)
{
	const char *source = getenv("SLUICE_SRC"), *slash = strrchr(argv[0], '/');
	struct dirent **entries;
	char folder[2048];
	int n, failed = 0;

	snprintf(folder, sizeof folder, "%s/tests/fuzz/corpus/%s",
	    source == NULL ? "." : source, slash == NULL ? argv[0] : slash + 1);
	if (argc > 1)
		snprintf(folder, sizeof folder, "%s", argv[1]);
	n = scandir(folder, &entries, is_visible, alphasort);
	if (n <= 0) {
		printf("Bail out! no corpus in %s\n", folder);
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("1..%d\n", n);
	for (int i = 0; i < n; i++) {
		int bad = replay(folder, entries[i]->d_name) < 0;

		failed |= bad;
		printf("%s %d - %s\n", bad ? "not ok" : "ok", i + 1,
		    entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return failed;
}
