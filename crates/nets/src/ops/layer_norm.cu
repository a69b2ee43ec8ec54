// Forward: a warp a row, blockDim is (32, rows a block). `bias` may be null.

__device__ __forceinline__ float2 moments(const float *x, unsigned width, float eps) {
    float sum = 0.0f, squares = 0.0f;
    for (unsigned i = threadIdx.x % 32; i < width; i += 32) sum += x[i];
    float mean = warp_sum(sum) / width;
    for (unsigned i = threadIdx.x % 32; i < width; i += 32) squares += (x[i] - mean) * (x[i] - mean);
    return make_float2(mean, 1.0f / sqrtf(warp_sum(squares) / width + eps));
}

extern "C" __global__ void layer_norm(
    const float *x, const float *weight, const float *bias, float *y, unsigned has_bias, unsigned n_rows, unsigned width, float eps
) {
    unsigned row = blockIdx.x * blockDim.y + threadIdx.y;
    if (row >= n_rows) return;
    const float *in = x + (size_t)row * width;
    float *out = y + (size_t)row * width;
    float2 m = moments(in, width, eps);
    for (unsigned i = threadIdx.x; i < width; i += 32) {
        out[i] = (in[i] - m.x) * m.y * weight[i] + (has_bias ? bias[i] : 0.0f);
    }
}

// Backward: a block some rows, one after the other. It writes dx, and its rows' share of dw and db into row blockIdx.x of `sums`
// (blocks, 2·width), which are added up afterwards: the same bits each time.
extern "C" __global__ void layer_norm_back(
    const float *x, const float *weight, const float *dy, float *dx, float *sums, unsigned n_rows, unsigned width, unsigned rows_per_block,
    float eps
) {
    __shared__ float row_moments[2], row_means[2];
    float *dw = sums + (size_t)blockIdx.x * 2 * width, *db = dw + width;
    for (unsigned i = threadIdx.x; i < width; i += blockDim.x) dw[i] = db[i] = 0.0f;
    unsigned first = blockIdx.x * rows_per_block, end = min(first + rows_per_block, n_rows);
    for (unsigned row = first; row < end; row++) {
        const float *in = x + (size_t)row * width, *grad = dy + (size_t)row * width;
        if (threadIdx.x < 32) {
            float2 m = moments(in, width, eps);
            float sum_g = 0.0f, sum_gx = 0.0f;
            for (unsigned i = threadIdx.x; i < width; i += 32) {
                float g = grad[i] * weight[i];
                sum_g += g;
                sum_gx += g * (in[i] - m.x) * m.y;
            }
            sum_g = warp_sum(sum_g);
            sum_gx = warp_sum(sum_gx);
            if (threadIdx.x == 0) {
                row_moments[0] = m.x, row_moments[1] = m.y;
                row_means[0] = sum_g / width, row_means[1] = sum_gx / width;
            }
        }
        __syncthreads();
        for (unsigned i = threadIdx.x; i < width; i += blockDim.x) {
            float normal = (in[i] - row_moments[0]) * row_moments[1];
            dx[(size_t)row * width + i] = (grad[i] * weight[i] - row_means[0] - normal * row_means[1]) * row_moments[1];
            dw[i] += grad[i] * normal;
            db[i] += grad[i];
        }
        __syncthreads(); // before the first warp writes the next row's moments
    }
}
