// The draws of `drop_kernel`: y = x·scale where the entry's hash is not below the threshold, else 0. A thread an entry.

extern "C" __global__ void drop(
    const float *x, float *y, unsigned n, unsigned first, unsigned key0, unsigned key1, unsigned threshold, float scale
) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    unsigned h = (first + i) ^ key0;
    h = (h ^ (h >> 16)) * 0x7FEB352Du;
    h ^= key1;
    h = (h ^ (h >> 15)) * 0x846CA68Bu;
    h ^= h >> 16;
    y[i] = h < threshold ? 0.0f : x[i] * scale;
}
