// Matrix products in f32 for the emulated device, column by column as cuBLAS has them: C = alpha·A·B + beta·C.
#include <algorithm>
#include <stddef.h>
#include <vector>

extern "C" int emulated_product(const void *a, const void *b, void *c, void *stream); // driver.cpp

typedef int Result;
enum : Result { SUCCESS = 0, NOT_SUPPORTED = 15 };
enum { F32 = 0 };
struct Handle { void *stream; };

/// One product of op(A) (m, k) and op(B) (k, n); `a_t` and `b_t`: stored transposed.
static void product(bool a_t, bool b_t, int m, int n, int k, float alpha, const float *a, int lda, const float *b, int ldb, float beta,
                    float *c, int ldc) {
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

extern "C" {
Result cublasCreate_v2(Handle **handle) { return *handle = new Handle{nullptr}, SUCCESS; }
Result cublasDestroy_v2(Handle *handle) { return delete handle, SUCCESS; }
Result cublasSetStream_v2(Handle *handle, void *stream) { return handle->stream = stream, SUCCESS; }

Result cublasSgemmStridedBatched(Handle *handle, int a_t, int b_t, int m, int n, int k, const float *alpha, const float *a, int lda,
                                 long long a_step, const float *b, int ldb, long long b_step, const float *beta, float *c, int ldc,
                                 long long c_step, int batch) {
    if (Result failed = emulated_product(a, b, c, handle->stream)) return failed;
    for (int i = 0; i < batch; i++)
        product(a_t, b_t, m, n, k, *alpha, a + i * a_step, lda, b + i * b_step, ldb, *beta, c + i * c_step, ldc);
    return SUCCESS;
}

Result cublasSgemm_v2(Handle *handle, int a_t, int b_t, int m, int n, int k, const float *alpha, const float *a, int lda, const float *b,
                      int ldb, const float *beta, float *c, int ldc) {
    return cublasSgemmStridedBatched(handle, a_t, b_t, m, n, k, alpha, a, lda, 0, b, ldb, 0, beta, c, ldc, 0, 1);
}

Result cublasGemmStridedBatchedEx(Handle *handle, int a_t, int b_t, int m, int n, int k, const void *alpha, const void *a, int a_type,
                                  int lda, long long a_step, const void *b, int b_type, int ldb, long long b_step, const void *beta,
                                  void *c, int c_type, int ldc, long long c_step, int batch, int, int) {
    if (a_type != F32 || b_type != F32 || c_type != F32) return NOT_SUPPORTED;
    return cublasSgemmStridedBatched(handle, a_t, b_t, m, n, k, (const float *)alpha, (const float *)a, lda, a_step, (const float *)b,
                                     ldb, b_step, (const float *)beta, (float *)c, ldc, c_step, batch);
}

Result cublasGemmEx(Handle *handle, int a_t, int b_t, int m, int n, int k, const void *alpha, const void *a, int a_type, int lda,
                    const void *b, int b_type, int ldb, const void *beta, void *c, int c_type, int ldc, int compute, int algorithm) {
    return cublasGemmStridedBatchedEx(handle, a_t, b_t, m, n, k, alpha, a, a_type, lda, 0, b, b_type, ldb, 0, beta, c, c_type, ldc, 0, 1,
                                      compute, algorithm);
}
}
