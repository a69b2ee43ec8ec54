// Rows of the table, a thread an entry. A token outside the table gives NaN, which the training loop reports: a check on the host
// would wait for the device.

extern "C" __global__ void embed(
    const unsigned *tokens, const float *table, float *y, unsigned n, unsigned width, unsigned n_rows
) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    unsigned token = tokens[i / width];
    y[i] = token < n_rows ? table[(size_t)token * width + i % width] : nanf("");
}

// The gradient of the table: a block a row and some columns of it. Each thread adds up its column over the tokens in their order, so
// that the sum has the same bits each time.
extern "C" __global__ void embed_back(
    const unsigned *tokens, const float *dy, float *dtable, unsigned n_tokens, unsigned width
) {
    unsigned row = blockIdx.x, column = blockIdx.y * blockDim.x + threadIdx.x;
    if (column >= width) return;
    float sum = 0.0f;
    for (unsigned i = 0; i < n_tokens; i++) {
        if (tokens[i] == row) sum += dy[(size_t)i * width + column];
    }
    dtable[(size_t)row * width + column] = sum;
}
