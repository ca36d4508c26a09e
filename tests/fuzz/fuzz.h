/* fuzz.h - what libFuzzer calls, and what replay.c calls with the corpus. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Unlike assert, it is there in every build. */
#define must(condition) ((condition) ? (void)0 : abort())

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
#endif
