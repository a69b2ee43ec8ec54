// One step of all sequences, a thread a cell. `inputs` and `grad` are (B, T, ...) as the layer gets them; `gates` (T, B, 4H), `cells` and
// `states` (T, B, H) have time first, so that a step's numbers are in one piece for the products between the steps.

__device__ __forceinline__ float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

extern "C" __global__ void lstm_step(
    const float *inputs, const float *recurrent, const float *bias, float *gates, float *cells, float *states, unsigned batch, unsigned t,
    unsigned hidden, unsigned step
) {
    unsigned n = batch * hidden, at = blockIdx.x * blockDim.x + threadIdx.x;
    if (at >= n) return;
    unsigned b = at / hidden, j = at % hidden;
    float a[4];
    for (unsigned g = 0; g < 4; g++) {
        a[g] = inputs[((size_t)b * t + step) * 4 * hidden + g * hidden + j] + bias[g * hidden + j];
        if (step > 0) a[g] += recurrent[(size_t)b * 4 * hidden + g * hidden + j];
    }
    float i = sigmoid(a[0]), f = sigmoid(a[1]), g = tanhf(a[2]), o = sigmoid(a[3]);
    float *own = gates + ((size_t)step * batch + b) * 4 * hidden + j;
    own[0] = i, own[hidden] = f, own[2 * hidden] = g, own[3 * hidden] = o;
    float *cell = cells + (size_t)step * n + at;
    *cell = i * g + (step > 0 ? f * *(cell - n) : 0.0f);
    states[(size_t)step * n + at] = o * tanhf(*cell);
}

// The activated gates of a step become the gradients of what they were computed from. `dh` (B, H) is what reaches h_t from step t + 1,
// and `dc` (B, H) is dc_t, which leaves with dc_(t-1); neither is read at the last step.
extern "C" __global__ void lstm_step_back(
    const float *grad, const float *cells, const float *dh, float *dc, float *gates, unsigned batch, unsigned t, unsigned hidden,
    unsigned step
) {
    unsigned n = batch * hidden, at = blockIdx.x * blockDim.x + threadIdx.x;
    if (at >= n) return;
    unsigned b = at / hidden, j = at % hidden;
    bool is_last = step + 1 == t;
    float *own = gates + ((size_t)step * batch + b) * 4 * hidden + j;
    float i = own[0], f = own[hidden], g = own[2 * hidden], o = own[3 * hidden];
    const float *cell = cells + (size_t)step * n + at;
    float h = grad[((size_t)b * t + step) * hidden + j] + (is_last ? 0.0f : dh[at]);
    float tanh_c = tanhf(*cell), before = step > 0 ? *(cell - n) : 0.0f;
    float c = h * o * (1.0f - tanh_c * tanh_c) + (is_last ? 0.0f : dc[at]);
    own[0] = c * g * i * (1.0f - i);
    own[hidden] = c * before * f * (1.0f - f);
    own[2 * hidden] = c * i * (1.0f - g * g);
    own[3 * hidden] = h * tanh_c * o * (1.0f - o);
    dc[at] = c * f;
}
