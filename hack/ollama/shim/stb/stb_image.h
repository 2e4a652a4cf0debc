// Stands in for stb_image.h, which Ollama's module lacks (see ../../README.md).
// Every image is refused, as one that cannot be decoded; text is not affected.
#pragma once
// The code that includes stb_image.h counts on it for these.
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned char stbi_uc;

static inline stbi_uc *stbi_load_from_memory(const stbi_uc *, int, int *, int *, int *, int) { return nullptr; }
static inline void stbi_image_free(void *) {}
