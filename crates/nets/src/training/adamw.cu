// The equations of optimizer.rs for all parameters at once: block (i, k) takes some entries of parameter k.

struct Slot {
    float *p;
    const float *g;
    float *m, *v;
    unsigned long long n, decays;
};

extern "C" __global__ void adamw(
    const Slot *slots, float grad_scale, float beta1, float beta2, float rest1, float rest2, float keep, float rate, float v_scale,
    float epsilon
) {
    Slot slot = slots[blockIdx.y];
    float kept = slot.decays ? keep : 1.0f;
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < slot.n; i += (size_t)gridDim.x * blockDim.x) {
        float x = slot.g[i] * grad_scale;
        float m = beta1 * slot.m[i] + rest1 * x, v = beta2 * slot.v[i] + rest2 * (x * x);
        slot.m[i] = m, slot.v[i] = v;
        slot.p[i] = slot.p[i] * kept - rate * m / (sqrtf(v) * v_scale + epsilon);
    }
}

// Each warp's share of its parameter's Σ g². The host adds the shares in order: the same bits each time.
extern "C" __global__ void sums_of_squares(const Slot *slots, float *shares) {
    Slot slot = slots[blockIdx.y];
    float sum = 0.0f;
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < slot.n; i += (size_t)gridDim.x * blockDim.x) {
        sum += slot.g[i] * slot.g[i];
    }
    sum = warp_sum(sum);
    unsigned warp = (blockIdx.y * gridDim.x + blockIdx.x) * (blockDim.x / 32) + threadIdx.x / 32;
    if (threadIdx.x % 32 == 0) shares[warp] = sum;
}
