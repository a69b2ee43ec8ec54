// x·Φ(x) and its gradient, a thread an entry.

extern "C" __global__ void gelu(const float *x, float *y, unsigned n) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = x[i] * normcdff(x[i]);
}

extern "C" __global__ void gelu_back(const float *x, const float *dy, float *dx, unsigned n) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    float density = 0.39894228f * expf(-0.5f * x[i] * x[i]);
    dx[i] = dy[i] * (normcdff(x[i]) + x[i] * density);
}
