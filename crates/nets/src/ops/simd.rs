//! Arithmetic that the compiler turns into vector instructions, chosen for the machine when the program runs.
//!
//! A kernel is written once as an `#[inline(always)]` function over slices with a parameter `FMA`; [`dispatch!`] compiles
//! it for AVX-512, for AVX2 and for the baseline, and picks one at run time.

/// Instruction sets that a kernel is compiled for.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Level {
    Baseline,
    Avx2,
    Avx512,
}

/// The best instruction set of this machine (std caches the answer of cpuid).
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn level() -> Level {
    let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    if avx2 && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl") {
        Level::Avx512
    } else if avx2 {
        Level::Avx2
    } else {
        Level::Baseline
    }
}

/// `dispatch!(fn sum(x: &[f32]) -> f32 = sum_kernel);` defines `sum`, which runs `sum_kernel::<FMA>` compiled for this machine.
macro_rules! dispatch {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? = $kernel:ident) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments)]
        $vis fn $name($($arg: $ty),*) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512vl,avx2,fma")]
                fn avx512($($arg: $ty),*) $(-> $ret)? {
                    $kernel::<true>($($arg),*)
                }
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($arg: $ty),*) $(-> $ret)? {
                    $kernel::<true>($($arg),*)
                }
                match $crate::ops::simd::level() {
                    // SAFETY: `level` has just found these instruction sets on this machine.
                    $crate::ops::simd::Level::Avx512 => return unsafe { avx512($($arg),*) },
                    $crate::ops::simd::Level::Avx2 => return unsafe { avx2($($arg),*) },
                    $crate::ops::simd::Level::Baseline => {}
                }
            }
            // NEON, the baseline of aarch64, has a fused multiply-add; SSE2, that of x86-64, has not.
            $kernel::<{ cfg!(target_arch = "aarch64") }>($($arg),*)
        }
    };
}
pub(crate) use dispatch;

/// a·b + c, in one rounding where the instruction set has it.
#[inline(always)]
pub(crate) fn fma<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// e^x within 2 units in the last place (relative error below 2.4e-7); x below -87.3 gives about 1e-38, above 88.3 about 2e38.
///
/// x = n·ln 2 + r with |r| <= ln 2 / 2, e^x = 2^n · e^r, and e^r is a polynomial of degree 6 (Cephes, `expf`).
#[inline(always)]
pub(crate) fn exp<const FMA: bool>(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 · 2^23: adding it leaves n in the low bits of the mantissa
    let x = x.clamp(-87.3, 88.3);
    let shifted = fma::<FMA>(x, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = fma::<FMA>(n, -0.693_359_4, x); // ln 2 in two parts: the first is exact in few bits
    let r = fma::<FMA>(n, 2.121_944_4e-4, r);
    let mut p = 1.987_569_1e-4;
    p = fma::<FMA>(p, r, 1.398_2e-3);
    p = fma::<FMA>(p, r, 8.333_452e-3);
    p = fma::<FMA>(p, r, 4.166_579_6e-2);
    p = fma::<FMA>(p, r, 1.666_666_6e-1);
    p = fma::<FMA>(p, r, 0.5);
    let e_r = fma::<FMA>(p, r * r, r) + 1.0;
    let two_n = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    e_r * two_n
}

/// 1 / (1 + e^-x), absolute error below 1.2e-7.
#[inline(always)]
pub(crate) fn sigmoid<const FMA: bool>(x: f32) -> f32 {
    1.0 / (1.0 + exp::<FMA>(-x))
}

/// tanh x = 1 - 2 / (e^2x + 1), absolute error below 2.4e-7.
#[inline(always)]
pub(crate) fn tanh<const FMA: bool>(x: f32) -> f32 {
    1.0 - 2.0 / (exp::<FMA>(2.0 * x) + 1.0)
}

/// Φ(x) and φ(x), the standard normal distribution and density; absolute error of Φ below 4e-7.
///
/// Φ(x) = (1 + erf(x/√2)) / 2 with erf from Abramowitz and Stegun 7.1.26 (error 1.5e-7), which shares e^(-x²/2) with φ.
#[inline(always)]
pub(crate) fn normal<const FMA: bool>(x: f32) -> (f32, f32) {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let e = exp::<FMA>(-z * z);
    let t = 1.0 / fma::<FMA>(0.327_591_1, z, 1.0);
    let mut p = 1.061_405_4;
    p = fma::<FMA>(p, t, -1.453_152_1);
    p = fma::<FMA>(p, t, 1.421_413_8);
    p = fma::<FMA>(p, t, -0.284_496_72);
    p = fma::<FMA>(p, t, 0.254_829_6);
    let tail = 0.5 * p * t * e; // 1 - Φ(|x|)
    (if x < 0.0 { tail } else { 1.0 - tail }, e * 0.398_942_3)
}

/// A register of f32 numbers, for the one kernel whose sums must stay in registers ([`super::panels`]).
///
/// # Safety
/// The methods of a register type may only be called where its instruction set has been detected; `load` and `store`
/// need `WIDTH` numbers behind the pointer.
pub(super) trait Register: Copy {
    const WIDTH: usize;
    unsafe fn splat(x: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// self·b + c
    unsafe fn fma(self, b: Self, c: Self) -> Self;
}

/// A register type out of the intrinsics of an instruction set.
#[cfg(target_arch = "x86_64")]
macro_rules! register {
    ($type:ident, $width:literal, $splat:ident, $load:ident, $store:ident, $fma:ident) => {
        impl Register for std::arch::x86_64::$type {
            const WIDTH: usize = $width;
            #[inline(always)]
            unsafe fn splat(x: f32) -> Self {
                // SAFETY: the caller has detected the instruction set, here and below
                unsafe { std::arch::x86_64::$splat(x) }
            }
            #[inline(always)]
            unsafe fn load(from: *const f32) -> Self {
                unsafe { std::arch::x86_64::$load(from) }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut f32) {
                unsafe { std::arch::x86_64::$store(to, self) }
            }
            #[inline(always)]
            unsafe fn fma(self, b: Self, c: Self) -> Self {
                unsafe { std::arch::x86_64::$fma(self, b, c) }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
register!(__m512, 16, _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_fmadd_ps);
#[cfg(target_arch = "x86_64")]
register!(__m256, 8, _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_fmadd_ps);

/// Four numbers for any machine; the compiler makes SSE2 or NEON of it.
#[derive(Clone, Copy)]
pub(super) struct Four([f32; 4]);

impl Register for Four {
    const WIDTH: usize = 4;
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Four([x; 4])
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller vouches for four numbers
        Four(unsafe { from.cast::<[f32; 4]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller vouches for four numbers
        unsafe { to.cast::<[f32; 4]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn fma(self, b: Self, c: Self) -> Self {
        const FMA: bool = cfg!(target_arch = "aarch64");
        Four(std::array::from_fn(|i| fma::<FMA>(self.0[i], b.0[i], c.0[i])))
    }
}

/// Partial sums that a reduction keeps: fixed, so that the order of additions is the same on every machine.
pub(crate) const LANES: usize = 32;

/// Adds up partial sums: halves onto halves, until one is left.
#[inline(always)]
pub(crate) fn total(lanes: &[f32; LANES]) -> f32 {
    let mut sums: [f32; 8] = std::array::from_fn(|i| (lanes[i] + lanes[i + 16]) + (lanes[i + 8] + lanes[i + 24]));
    for width in [4, 2, 1] {
        (0..width).for_each(|i| sums[i] += sums[i + width]);
    }
    sums[0]
}

/// Σ f(x_i). Whole slices go in, not indices: the compiler makes no vectors where it must check an index.
#[inline(always)]
pub(crate) fn sum_of(x: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0f32; LANES];
    let (whole, rest) = x.as_chunks::<LANES>();
    whole.iter().for_each(|x| (0..LANES).for_each(|i| lanes[i] += f(x[i])));
    lanes.iter_mut().zip(rest).for_each(|(sum, &x)| *sum += f(x));
    total(&lanes)
}

/// Σ x_i·y_i over slices of one length.
#[inline(always)]
pub(crate) fn dot(x: &[f32], y: &[f32]) -> f32 {
    let mut lanes = [0f32; LANES];
    let ((x, rest_x), (y, rest_y)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    x.iter().zip(y).for_each(|(x, y)| (0..LANES).for_each(|i| lanes[i] += x[i] * y[i]));
    lanes.iter_mut().zip(rest_x.iter().zip(rest_y)).for_each(|(sum, (x, y))| *sum += x * y);
    total(&lanes)
}

/// The largest entry; -infinity where there is none.
#[inline(always)]
pub(crate) fn max(x: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let larger = |lane: &mut f32, x: f32| *lane = if x > *lane { x } else { *lane };
    let (whole, rest) = x.as_chunks::<LANES>();
    whole.iter().for_each(|x| (0..LANES).for_each(|i| larger(&mut lanes[i], x[i])));
    lanes.iter_mut().zip(rest).for_each(|(lane, &x)| larger(lane, x));
    lanes.iter().fold(f32::NEG_INFINITY, |a, &b| if b > a { b } else { a })
}

/// How many pieces to cut `n_rows` into: fixed by the rows alone, so that sums over rows do not depend on the thread count.
pub(crate) fn rows_per_piece(n_rows: usize) -> usize {
    n_rows.div_ceil(16).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exp_all<const FMA: bool>(x: &[f32], out: &mut [f32]) {
        out.iter_mut().zip(x).for_each(|(out, &x)| *out = exp::<FMA>(x));
    }
    dispatch!(fn exp_here(x: &[f32], out: &mut [f32]) = exp_all);

    fn grid(low: f32, high: f32) -> Vec<f32> {
        (0..=100_000).map(|i| low + (high - low) * i as f32 / 100_000.0).collect()
    }

    #[test]
    fn exp_is_within_two_units_in_the_last_place() {
        let x = grid(-87.0, 88.0);
        let mut out = vec![0.0; x.len()];
        exp_here(&x, &mut out);
        for (x, y) in x.iter().zip(out) {
            let exact = f64::from(*x).exp();
            assert!((f64::from(y) / exact - 1.0).abs() < 2.4e-7, "exp({x}) = {y}, not {exact}");
        }
    }

    #[test]
    fn sigmoid_and_tanh_keep_their_documented_error() {
        for x in grid(-30.0, 30.0) {
            let exact = f64::from(x).tanh();
            assert!((f64::from(tanh::<true>(x)) - exact).abs() < 2.4e-7, "tanh({x})");
            let exact = 1.0 / (1.0 + f64::from(-x).exp());
            assert!((f64::from(sigmoid::<false>(x)) - exact).abs() < 1.2e-7, "sigmoid({x})");
        }
    }

    #[test]
    fn normal_distribution_agrees_with_its_integral() {
        let (mut integral, step) = (0.5f64, 1e-4);
        for i in 0..50_000 {
            let x = f64::from(i) * step;
            let density = |x: f64| (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
            let (distribution, phi) = normal::<true>(x as f32);
            assert!((f64::from(distribution) - integral).abs() < 4e-7, "Φ({x}) = {distribution}, not {integral}");
            assert!((f64::from(normal::<true>(-x as f32).0) - (1.0 - integral)).abs() < 4e-7);
            assert!((f64::from(phi) - density(x)).abs() < 1e-7);
            integral += step / 6.0 * (density(x) + 4.0 * density(x + step / 2.0) + density(x + step));
        }
    }

    #[test]
    fn sums_and_maxima_cover_every_entry_of_odd_lengths() {
        for n in [0, 1, 31, 32, 33, 100] {
            let x: Vec<f32> = (0..n).map(|i| (i * 7 % 13) as f32).collect();
            assert_eq!(sum_of(&x, |x| x + 1.0), x.iter().sum::<f32>() + n as f32);
            assert_eq!(dot(&x, &x), x.iter().map(|x| x * x).sum::<f32>());
            assert_eq!(max(&x), x.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        }
    }
}
