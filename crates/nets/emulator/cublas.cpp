// Matrix products in f32 for the emulated device, column by column as cuBLAS has them: C = alpha·A·B + beta·C.
#include <algorithm>
#include <stddef.h>
#include <vector>

typedef int Result;
extern "C" void emulated_product_begins(); // both in driver.cpp
extern "C" Result emulated_product_uses(const void *address, size_t size, bool writes, void *stream);

enum : Result { SUCCESS = 0, INVALID_VALUE = 7, NOT_SUPPORTED = 15 };
enum { F32 = 0 };
struct Handle {
    void *stream;
};

/// One product of op(A) (m, k) and op(B) (k, n); `a_t` and `b_t`: stored transposed.
static void product(bool a_t, bool b_t, int m, int n, int k, float alpha, const float *a, int lda, const float *b,
                    int ldb, float beta, float *c, int ldc) {
    std::vector<float> columns; // of op(A), so that the inner loop runs over neighbours
    if (a_t) {
        columns.resize((size_t)m * k);
        for (int i = 0; i < m; i++)
            for (int l = 0; l < k; l++) columns[(size_t)l * m + i] = a[(size_t)i * lda + l];
        a = columns.data();
        lda = m;
    }
    std::vector<float> sums(m);
    for (int j = 0; j < n; j++) {
        std::fill(sums.begin(), sums.end(), 0.0f);
        for (int l = 0; l < k; l++) {
            float factor = b_t ? b[(size_t)l * ldb + j] : b[(size_t)j * ldb + l];
            const float *column = a + (size_t)l * lda;
            for (int i = 0; i < m; i++) sums[i] += column[i] * factor;
        }
        float *to = c + (size_t)j * ldc;
        for (int i = 0; i < m; i++) to[i] = alpha * sums[i] + (beta == 0 ? 0 : beta * to[i]); // with 0, C may be NaN
    }
}

/// Bytes from the first to the last number of `batch` matrices.
static size_t extent(int rows, int columns, int ld, long long step, int batch) {
    return sizeof(float) * (step * (batch - 1) + (size_t)ld * (columns - 1) + rows);
}

extern "C" {
Result cublasCreate_v2(Handle **handle) { return *handle = new Handle{nullptr}, SUCCESS; }
Result cublasDestroy_v2(Handle *handle) { return delete handle, SUCCESS; }
Result cublasSetStream_v2(Handle *handle, void *stream) { return handle->stream = stream, SUCCESS; }

Result cublasSgemmStridedBatched(Handle *handle, int a_t, int b_t, int m, int n, int k, const float *alpha,
                                 const float *a, int lda, long long a_step, const float *b, int ldb, long long b_step,
                                 const float *beta, float *c, int ldc, long long c_step, int batch) {
    if (m <= 0 || n <= 0 || k <= 0 || batch <= 0) return INVALID_VALUE;
    size_t a_size = a_t ? extent(k, m, lda, a_step, batch) : extent(m, k, lda, a_step, batch);
    size_t b_size = b_t ? extent(n, k, ldb, b_step, batch) : extent(k, n, ldb, b_step, batch);
    emulated_product_begins();
    if (Result failed = emulated_product_uses(a, a_size, false, handle->stream)) return failed;
    if (Result failed = emulated_product_uses(b, b_size, false, handle->stream)) return failed;
    if (Result failed = emulated_product_uses(c, extent(m, n, ldc, c_step, batch), true, handle->stream)) return failed;
    for (int i = 0; i < batch; i++)
        product(a_t, b_t, m, n, k, *alpha, a + i * a_step, lda, b + i * b_step, ldb, *beta, c + i * c_step, ldc);
    return SUCCESS;
}

Result cublasSgemm_v2(Handle *handle, int a_t, int b_t, int m, int n, int k, const float *alpha, const float *a,
                      int lda, const float *b, int ldb, const float *beta, float *c, int ldc) {
    return cublasSgemmStridedBatched(handle, a_t, b_t, m, n, k, alpha, a, lda, 0, b, ldb, 0, beta, c, ldc, 0, 1);
}

Result cublasGemmStridedBatchedEx(Handle *handle, int a_t, int b_t, int m, int n, int k, const void *alpha,
                                  const void *a, int a_type, int lda, long long a_step, const void *b, int b_type,
                                  int ldb, long long b_step, const void *beta, void *c, int c_type, int ldc,
                                  long long c_step, int batch, int, int) {
    if (a_type != F32 || b_type != F32 || c_type != F32) return NOT_SUPPORTED;
    return cublasSgemmStridedBatched(handle, a_t, b_t, m, n, k, (const float *)alpha, (const float *)a, lda, a_step,
                                     (const float *)b, ldb, b_step, (const float *)beta, (float *)c, ldc, c_step,
                                     batch);
}

Result cublasGemmEx(Handle *handle, int a_t, int b_t, int m, int n, int k, const void *alpha, const void *a, int a_type,
                    int lda, const void *b, int b_type, int ldb, const void *beta, void *c, int c_type, int ldc,
                    int compute, int algorithm) {
    return cublasGemmStridedBatchedEx(handle, a_t, b_t, m, n, k, alpha, a, a_type, lda, 0, b, b_type, ldb, 0, beta, c,
                                      c_type, ldc, 0, 1, compute, algorithm);
}
}
