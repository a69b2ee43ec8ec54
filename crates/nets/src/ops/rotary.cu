// Pairs of queries and keys turned by the angle whose cosine and sine stand in the tables (T, half), or by its negative (`sign` -1);
// values are copied. A thread a pair of x (B, T, 3C).

extern "C" __global__ void turn(
    const float *x, const float *cos, const float *sin, float *y, unsigned n_pairs, unsigned t, unsigned width, unsigned half, float sign
) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n_pairs) return;
    unsigned per_row = width / 2, row = i / per_row, pair = i % per_row;
    size_t a = (size_t)row * width + pair / half * 2 * half + pair % half, b = a + half;
    bool is_value = pair >= width / 3; // the last third of the pairs
    unsigned angle = row % t * half + pair % half;
    float c = is_value ? 1.0f : cos[angle], s = is_value ? 0.0f : sign * sin[angle];
    y[a] = x[a] * c - x[b] * s;
    y[b] = x[a] * s + x[b] * c;
}
