// Queries, keys and values of all heads, each in one piece: (B, T, parts, heads, d) -> (parts, B, heads, T, d), a thread an entry.
extern "C" __global__ void to_heads(
    const float *x, float *y, unsigned n, unsigned batch, unsigned t, unsigned parts, unsigned heads, unsigned d
) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    unsigned k = i % d, h = i / d % heads, part = i / (d * heads) % parts, at = i / (d * heads * parts) % t;
    unsigned b = i / (d * heads * parts * t);
    y[((((size_t)part * batch + b) * heads + h) * t + at) * d + k] = x[i];
}

// The way back, of one part: (B, heads, T, d) -> its place in (B, T, parts, heads, d).
extern "C" __global__ void from_heads(
    const float *x, float *y, unsigned n, unsigned batch, unsigned t, unsigned parts, unsigned heads, unsigned d, unsigned part
) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    unsigned k = i % d, at = i / d % t, h = i / (d * t) % heads, b = i / (d * t * heads);
    y[((((size_t)b * t + at) * parts + part) * heads + h) * d + k] = x[i];
}

// P from the scores Q·Kᵀ, in place; a warp a row, blockDim is (32, rows a block). Position i sees j <= i.
extern "C" __global__ void causal_softmax(float *scores, unsigned n_rows, unsigned t, float scale) {
    unsigned row = blockIdx.x * blockDim.y + threadIdx.y;
    if (row >= n_rows) return;
    unsigned seen = row % t + 1;
    float *p = scores + (size_t)row * t;
    float top = p[0], sum = 0.0f;
    for (unsigned i = threadIdx.x; i < seen; i += 32) top = fmaxf(top, p[i]);
    top = warp_max(top);
    for (unsigned i = threadIdx.x; i < seen; i += 32) {
        p[i] = expf((p[i] - top) * scale);
        sum += p[i];
    }
    float inverse = 1.0f / warp_sum(sum);
    for (unsigned i = threadIdx.x; i < t; i += 32) p[i] = i < seen ? p[i] * inverse : 0.0f;
}

// The gradient of the scores from P and dP, in place of dP: dS = P∘(dP - Σ P∘dP)·scale.
extern "C" __global__ void causal_softmax_back(const float *weights, float *grad, unsigned n_rows, unsigned t, float scale) {
    unsigned row = blockIdx.x * blockDim.y + threadIdx.y;
    if (row >= n_rows) return;
    unsigned seen = row % t + 1;
    const float *p = weights + (size_t)row * t;
    float *dp = grad + (size_t)row * t, dot = 0.0f;
    for (unsigned i = threadIdx.x; i < seen; i += 32) dot += p[i] * dp[i];
    dot = warp_sum(dot);
    for (unsigned i = threadIdx.x; i < t; i += 32) dp[i] = i < seen ? p[i] * (dp[i] - dot) * scale : 0.0f;
}
