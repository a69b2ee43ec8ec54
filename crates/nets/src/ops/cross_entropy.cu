// A warp a row of logits: blockDim is (32, rows a block).

extern "C" __global__ void row_losses(
    const float *logits, const unsigned *targets, float *losses, unsigned n_rows, unsigned width
) {
    unsigned row = blockIdx.x * blockDim.y + threadIdx.y;
    if (row >= n_rows) return;
    const float *x = logits + (size_t)row * width;
    float top = x[0], sum = 0.0f;
    for (unsigned i = threadIdx.x; i < width; i += 32) top = fmaxf(top, x[i]);
    top = warp_max(top);
    for (unsigned i = threadIdx.x; i < width; i += 32) sum += expf(x[i] - top);
    sum = warp_sum(sum);
    unsigned target = targets[row];
    if (threadIdx.x == 0) losses[row] = target < width ? logf(sum) + top - x[target] : nanf("");
}

// (softmax - onehot)·grad/n, where `grad` (one number) is the gradient of the mean.
extern "C" __global__ void row_losses_back(
    const float *logits, const unsigned *targets, const float *grad, float *dlogits, unsigned n_rows, unsigned width
) {
    unsigned row = blockIdx.x * blockDim.y + threadIdx.y;
    if (row >= n_rows) return;
    const float *x = logits + (size_t)row * width;
    float *dx = dlogits + (size_t)row * width;
    float top = x[0], sum = 0.0f, scale = *grad / n_rows;
    for (unsigned i = threadIdx.x; i < width; i += 32) top = fmaxf(top, x[i]);
    top = warp_max(top);
    for (unsigned i = threadIdx.x; i < width; i += 32) sum += expf(x[i] - top);
    float factor = scale / warp_sum(sum);
    unsigned target = targets[row];
    for (unsigned i = threadIdx.x; i < width; i += 32) {
        dx[i] = expf(x[i] - top) * factor - (i == target ? scale : 0.0f);
    }
}
