// What a kernel's text refers to beyond C++, so that g++ compiles it: one host thread plays all threads of a block
// (block.cpp). Numbers of 16 and 8 bits only have names here: kernels for them are not emulated.
#pragma once
#include <algorithm>
#include <assert.h>
#include <cmath>
#include <limits>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <type_traits>

// ---- the language

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __noinline__
#define __launch_bounds__(...)
#define __constant__ static
// One block at a time in each host thread. What is in it at first, no kernel may rely on.
#define __shared__ static thread_local

struct uint3 {
    unsigned x, y, z;
};
struct dim3 {
    unsigned x, y, z;
};
extern __thread uint3 threadIdx, blockIdx;
extern __thread dim3 blockDim, gridDim;
extern __thread char *dynamic_shared; // stands for `extern __shared__ float name[]`: see the script `build`
static const int warpSize = 32;

// ---- threads that meet

/// What the lanes of a warp brought to an exchange; a lane that has returned from the kernel brings NaN.
struct Warp {
    uint64_t values[32];
    unsigned present;
};
void meet_block(int line);
const Warp &meet_warp(uint64_t value, int line);

inline void __syncthreads(int line = __builtin_LINE()) { meet_block(line); }
inline void __syncwarp(unsigned = ~0u, int line = __builtin_LINE()) { meet_warp(0, line); }

inline int lane() { return (threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)) % 32; }
template <class T> T shuffle(T value, int from, int line) {
    static_assert(sizeof value <= 8, "a shuffle moves 4 or 8 bytes");
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof value);
    bits = meet_warp(bits, line).values[from];
    memcpy(&value, &bits, sizeof value);
    return value;
}
// A lane that names one outside its section of `width` lanes gets its own value back.
template <class T> T __shfl_sync(unsigned, T value, int from, int width = 32, int line = __builtin_LINE()) {
    return shuffle(value, lane() / width * width + from % width, line);
}
template <class T> T __shfl_xor_sync(unsigned, T value, int mask, int width = 32, int line = __builtin_LINE()) {
    int from = lane() ^ mask;
    return shuffle(value, from / width <= lane() / width ? from : lane(), line);
}
template <class T> T __shfl_down_sync(unsigned, T value, int by, int width = 32, int line = __builtin_LINE()) {
    return shuffle(value, lane() % width + by < width ? lane() + by : lane(), line);
}
template <class T> T __shfl_up_sync(unsigned, T value, int by, int width = 32, int line = __builtin_LINE()) {
    return shuffle(value, lane() % width >= by ? lane() - by : lane(), line);
}
inline unsigned __ballot_sync(unsigned, int predicate, int line = __builtin_LINE()) {
    const Warp &warp = meet_warp(predicate != 0, line);
    unsigned votes = 0;
    for (int i = 0; i < 32; i++) votes |= (warp.present >> i & 1) && warp.values[i] ? 1u << i : 0;
    return votes;
}
inline int __any_sync(unsigned m, int p, int line = __builtin_LINE()) { return __ballot_sync(m, p, line) != 0; }
inline int __all_sync(unsigned m, int p, int line = __builtin_LINE()) { return __ballot_sync(m, !p, line) == 0; }

// Threads of a block take turns and never interrupt one another, so plain code is atomic.
template <class T, class U> T atomicAdd(T *at, U by) {
    T old = *at;
    *at = old + (T)by;
    return old;
}
template <class T, class U> T atomicMin(T *at, U by) {
    T old = *at;
    *at = std::min(old, (T)by);
    return old;
}
template <class T, class U> T atomicMax(T *at, U by) {
    T old = *at;
    *at = std::max(old, (T)by);
    return old;
}
template <class T, class U, class V> T atomicCAS(T *at, U expected, V by) {
    T old = *at;
    if (old == (T)expected) *at = (T)by;
    return old;
}

// ---- the mathematical library

template <class To, class From> To same_bits(From from) {
    To to;
    memcpy(&to, &from, sizeof to);
    return to;
}
inline long long __double_as_longlong(double x) { return same_bits<long long>(x); }
inline double __longlong_as_double(long long x) { return same_bits<double>(x); }
inline unsigned __float_as_uint(float x) { return same_bits<unsigned>(x); }
inline float __uint_as_float(unsigned x) { return same_bits<float>(x); }
inline int __float_as_int(float x) { return same_bits<int>(x); }
inline float __int_as_float(int x) { return same_bits<float>(x); }
inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
inline double rsqrt(double x) { return 1.0 / sqrt(x); }
inline float __expf(float x) { return expf(x); }
inline float __logf(float x) { return logf(x); }
inline float __fdividef(float a, float b) { return a / b; }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline float normcdff(float x) { return 0.5f * erfcf(-x * 0.70710678f); }
inline double normcdf(double x) { return 0.5 * erfc(-x * 0.70710678118654752); }
inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)((uint64_t)a * b >> 32); }
inline float max(float a, float b) { return fmaxf(a, b); }
inline float min(float a, float b) { return fminf(a, b); }
template <class A, class B> std::common_type_t<A, B> max(A a, B b) { return a > b ? a : b; }
template <class A, class B> std::common_type_t<A, B> min(A a, B b) { return a < b ? a : b; }
template <class T> T __ldg(const T *at) { return *at; }
using std::isinf;
using std::isnan;
using std::signbit;

struct alignas(8) float2 {
    float x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(16) double2 {
    double x, y;
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

// ---- names that candle's kernels mention

#define NOT_EMULATED assert(!"numbers of 16 and 8 bits are not emulated")
struct __half {
    uint16_t bits;
    __half() = default;
    __half(float) { NOT_EMULATED; }
    operator float() const {
        NOT_EMULATED;
        return NAN;
    }
};
struct __nv_bfloat16 {
    uint16_t bits;
    __nv_bfloat16() = default;
    __nv_bfloat16(float) { NOT_EMULATED; }
    operator float() const {
        NOT_EMULATED;
        return NAN;
    }
};
struct __nv_fp8_e4m3 {
    uint8_t __x;
    __nv_fp8_e4m3() = default;
    explicit __nv_fp8_e4m3(float) { NOT_EMULATED; }
};
#define __NV_E4M3 0
inline __half __nv_cvt_fp8_to_halfraw(uint8_t, int) { return __half(NAN); }
inline float __half2float(__half x) { return x; }
inline __half __hmax_nan(__half a, __half) {
    NOT_EMULATED;
    return a;
}
inline __half __hmin_nan(__half a, __half) {
    NOT_EMULATED;
    return a;
}
inline unsigned short __half_as_ushort(__half x) { return x.bits; }
inline __half __ushort_as_half(unsigned short bits) {
    __half x;
    x.bits = bits;
    return x;
}
namespace cuda {
namespace std {
using ::std::numeric_limits;
}
} // namespace cuda
