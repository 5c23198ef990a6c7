/* Floats that are computed together, by the processor that the kernels are compiled for. */

#ifndef EDLRR_LANES_H
#define EDLRR_LANES_H

#include <stdint.h>

#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX__)
#define LANES 8
#else
#define LANES 4
#endif

typedef float Lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float)), may_alias));
typedef int32_t Mask __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float)), may_alias));

#endif
