#pragma once
#include <stddef.h>
#include <stdint.h>

/// Gear hash: the offset, within `length`, after which content-defined chunking cuts.
size_t kcache_gear_cut(const uint8_t *bytes, size_t length, size_t minimum, size_t average_mask_bits,
                       size_t maximum);
