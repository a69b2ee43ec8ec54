// The equations of optimizer.rs: one pass over memory, a thread an entry, in place.

extern "C" __global__ void adamw(
    float *p, const float *g, float *m, float *v, unsigned n, float grad_scale, float beta1, float beta2, float rest1, float rest2,
    float keep, float rate, float v_scale, float epsilon
) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    float x = g[i] * grad_scale;
    m[i] = beta1 * m[i] + rest1 * x;
    v[i] = beta2 * v[i] + rest2 * (x * x);
    p[i] = p[i] * keep - rate * m[i] / (sqrtf(v[i]) * v_scale + epsilon);
}

// Each warp's share of Σ g²: warp w of all `n_warps` takes every n_warps-th stretch of 32 entries. The host adds the shares in order.
extern "C" __global__ void sum_of_squares(const float *g, float *shares, unsigned n, unsigned n_warps) {
    unsigned warp = (blockIdx.x * blockDim.x + threadIdx.x) / 32;
    if (warp >= n_warps) return;
    float sum = 0.0f;
    for (size_t i = (size_t)warp * 32 + threadIdx.x % 32; i < n; i += (size_t)n_warps * 32) sum += g[i] * g[i];
    sum = warp_sum(sum);
    if (threadIdx.x % 32 == 0) shares[warp] = sum;
}
