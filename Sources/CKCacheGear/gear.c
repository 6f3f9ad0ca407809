// Content-defined chunking by a gear hash (Xia et al., "FastCDC", USENIX ATC 2016, without its two masks).
// The table is made by splitmix64 from a fixed seed: it is part of the format (docs/format.md), since
// other cuts would only cost deduplication, never correctness.
#include "include/kcache_gear.h"

static uint64_t table[256];

__attribute__((constructor)) static void make_table(void) {
    uint64_t state = 0x6b63616368652d31; // "kcache-1"
    for (int i = 0; i < 256; i++) {
        uint64_t z = (state += 0x9e3779b97f4a7c15);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        table[i] = z ^ (z >> 31);
    }
}

size_t kcache_gear_cut(const uint8_t *bytes, size_t length, size_t minimum, size_t average_mask_bits,
                       size_t maximum) {
    if (length <= minimum) return length;
    size_t end = length < maximum ? length : maximum;
    uint64_t mask = (((uint64_t)1 << average_mask_bits) - 1) << (64 - average_mask_bits);
    uint64_t hash = 0;
    size_t i = minimum > 64 ? minimum - 64 : 0;
    for (; i < minimum; i++) hash = (hash << 1) + table[bytes[i]];
    for (; i < end; i++) {
        hash = (hash << 1) + table[bytes[i]];
        if (!(hash & mask)) return i + 1;
    }
    return end;
}
