//! Vectors of `f32`, one image a lane: the same operations in the same order on every instruction set, so results
//! do not depend on which one a processor has.

/// Images worked on together: the innermost axis of every buffer.
pub const LANES: usize = 16;

/// A set of vector instructions.
///
/// Everything is `unsafe`: the processor must have the instructions, pointers must be good for [`Simd::WIDTH`]
/// values. Implementations are inlined into functions that enable the instructions.
pub(crate) trait Simd: Copy {
    type V: Copy;
    /// Lanes of a vector; divides [`LANES`].
    const WIDTH: usize;
    /// Pixels of a pooling window computed together: as many as the registers hold, 2 or 4.
    const PIXELS: usize;
    unsafe fn zero() -> Self::V;
    unsafe fn splat(value: f32) -> Self::V;
    unsafe fn load(from: *const f32) -> Self::V;
    unsafe fn store(to: *mut f32, v: Self::V);
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`, rounded once.
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `max(0, v)`; not-a-number stays.
    unsafe fn relu(v: Self::V) -> Self::V;
    /// `a > b ? a : b`
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
    /// One bit a lane: `a > b`.
    unsafe fn greater(a: Self::V, b: Self::V) -> u16;
    /// `a > b ? v : 0`
    unsafe fn where_greater(a: Self::V, b: Self::V, v: Self::V) -> Self::V;
    /// Lanes whose bit is set, zero elsewhere. Bits above the vector's lanes do not count.
    unsafe fn keep(bits: u16, v: Self::V) -> Self::V;
}

/// Instructions the kernels are run with; only made where the processor has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level(pub(crate) Instructions);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "others have the portable one only"))]
pub(crate) enum Instructions {
    /// x86-64 with AVX-512F.
    Avx512,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    Portable,
}

impl Level {
    /// Plain Rust. Fast where fused multiplication and addition is one instruction anyway (aarch64), otherwise only
    /// good for comparing.
    pub const PORTABLE: Self = Self(Instructions::Portable);

    /// The best one this processor has.
    pub fn detect() -> Self {
        Self::available()[0]
    }

    /// Whether the kernels are worth using with it here.
    pub fn is_fast(self) -> bool {
        self != Self::PORTABLE || cfg!(target_arch = "aarch64")
    }

    /// All that this processor has, best first.
    pub fn available() -> Vec<Self> {
        let mut levels = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if std::arch::is_x86_feature_detected!("avx512f") {
                levels.push(Self(Instructions::Avx512));
            }
            if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
                levels.push(Self(Instructions::Avx2));
            }
        }
        levels.push(Self::PORTABLE);
        levels
    }
}

/// Defines a function that runs a generic one with the instructions of a [`Level`].
macro_rules! with_level {
    ($(#[$doc:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) = $generic:ident) => {
        $(#[$doc])*
        #[allow(clippy::too_many_arguments, reason = "shapes and buffers, each of its own kind")]
        $vis fn $name(level: $crate::simd::Level, $($arg: $type),*) {
            match level.0 {
                #[cfg(target_arch = "x86_64")]
                $crate::simd::Instructions::Avx512 => {
                    #[target_feature(enable = "avx512f")]
                    #[allow(clippy::too_many_arguments, reason = "as above")]
                    unsafe fn run($($arg: $type),*) {
                        // SAFETY: as for the function around it.
                        unsafe { $generic::<$crate::simd::x86::Avx512>($($arg),*) }
                    }
                    // SAFETY: the level is only made where the processor has the instructions.
                    unsafe { run($($arg),*) }
                }
                #[cfg(target_arch = "x86_64")]
                $crate::simd::Instructions::Avx2 => {
                    #[target_feature(enable = "avx2,fma")]
                    #[allow(clippy::too_many_arguments, reason = "as above")]
                    unsafe fn run($($arg: $type),*) {
                        // SAFETY: as for the function around it.
                        unsafe { $generic::<$crate::simd::x86::Avx2>($($arg),*) }
                    }
                    // SAFETY: as above.
                    unsafe { run($($arg),*) }
                }
                // SAFETY: plain Rust; the generic function checks its buffers.
                _ => unsafe { $generic::<$crate::simd::portable::Portable>($($arg),*) },
            }
        }
    };
}
pub(crate) use with_level;

#[cfg(target_arch = "x86_64")]
pub(crate) mod x86 {
    use std::arch::x86_64::*;

    use super::Simd;

    #[derive(Clone, Copy)]
    pub(crate) struct Avx512;

    // SAFETY (all blocks below): callers have the instructions and good pointers, see the trait.
    #[allow(clippy::undocumented_unsafe_blocks, reason = "said above, once")]
    impl Simd for Avx512 {
        type V = __m512;
        const WIDTH: usize = 16;
        const PIXELS: usize = 4;
        #[inline(always)]
        unsafe fn zero() -> __m512 {
            unsafe { _mm512_setzero_ps() }
        }
        #[inline(always)]
        unsafe fn splat(value: f32) -> __m512 {
            unsafe { _mm512_set1_ps(value) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> __m512 {
            unsafe { _mm512_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f32, v: __m512) {
            unsafe { _mm512_storeu_ps(to, v) }
        }
        #[inline(always)]
        unsafe fn add(a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_add_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn sub(a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_sub_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn fma(a: __m512, b: __m512, c: __m512) -> __m512 {
            unsafe { _mm512_fmadd_ps(a, b, c) }
        }
        #[inline(always)]
        unsafe fn relu(v: __m512) -> __m512 {
            unsafe { _mm512_max_ps(_mm512_setzero_ps(), v) }
        }
        #[inline(always)]
        unsafe fn max(a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_max_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn greater(a: __m512, b: __m512) -> u16 {
            unsafe { _mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b) }
        }
        #[inline(always)]
        unsafe fn where_greater(a: __m512, b: __m512, v: __m512) -> __m512 {
            unsafe { _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b), v) }
        }
        #[inline(always)]
        unsafe fn keep(bits: u16, v: __m512) -> __m512 {
            unsafe { _mm512_maskz_mov_ps(bits, v) }
        }
    }

    #[derive(Clone, Copy)]
    pub(crate) struct Avx2;

    #[allow(clippy::undocumented_unsafe_blocks, reason = "said above, once")]
    impl Simd for Avx2 {
        type V = __m256;
        const WIDTH: usize = 8;
        const PIXELS: usize = 2;
        #[inline(always)]
        unsafe fn zero() -> __m256 {
            unsafe { _mm256_setzero_ps() }
        }
        #[inline(always)]
        unsafe fn splat(value: f32) -> __m256 {
            unsafe { _mm256_set1_ps(value) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> __m256 {
            unsafe { _mm256_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f32, v: __m256) {
            unsafe { _mm256_storeu_ps(to, v) }
        }
        #[inline(always)]
        unsafe fn add(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_add_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn sub(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_sub_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn fma(a: __m256, b: __m256, c: __m256) -> __m256 {
            unsafe { _mm256_fmadd_ps(a, b, c) }
        }
        #[inline(always)]
        unsafe fn relu(v: __m256) -> __m256 {
            unsafe { _mm256_max_ps(_mm256_setzero_ps(), v) }
        }
        #[inline(always)]
        unsafe fn max(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_max_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn greater(a: __m256, b: __m256) -> u16 {
            unsafe { _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(a, b)) as u16 }
        }
        #[inline(always)]
        unsafe fn where_greater(a: __m256, b: __m256, v: __m256) -> __m256 {
            unsafe { _mm256_and_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(a, b), v) }
        }
        #[inline(always)]
        unsafe fn keep(bits: u16, v: __m256) -> __m256 {
            unsafe {
                let place = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
                let set = _mm256_and_si256(_mm256_set1_epi32(i32::from(bits)), place);
                _mm256_and_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32(set, place)), v)
            }
        }
    }
}

pub(crate) mod portable {
    use super::Simd;

    #[derive(Clone, Copy)]
    pub(crate) struct Portable;

    const N: usize = 4;

    #[allow(clippy::undocumented_unsafe_blocks, reason = "pointers are the caller's care, see the trait")]
    impl Simd for Portable {
        type V = [f32; N];
        const WIDTH: usize = N;
        const PIXELS: usize = 4;
        #[inline(always)]
        unsafe fn zero() -> [f32; N] {
            [0.0; N]
        }
        #[inline(always)]
        unsafe fn splat(value: f32) -> [f32; N] {
            [value; N]
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> [f32; N] {
            unsafe { from.cast::<[f32; N]>().read_unaligned() }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f32, v: [f32; N]) {
            unsafe { to.cast::<[f32; N]>().write_unaligned(v) }
        }
        #[inline(always)]
        unsafe fn add(mut a: [f32; N], b: [f32; N]) -> [f32; N] {
            for i in 0..N {
                a[i] += b[i];
            }
            a
        }
        #[inline(always)]
        unsafe fn sub(mut a: [f32; N], b: [f32; N]) -> [f32; N] {
            for i in 0..N {
                a[i] -= b[i];
            }
            a
        }
        #[inline(always)]
        unsafe fn fma(a: [f32; N], b: [f32; N], mut c: [f32; N]) -> [f32; N] {
            for i in 0..N {
                c[i] = a[i].mul_add(b[i], c[i]);
            }
            c
        }
        #[inline(always)]
        unsafe fn relu(mut v: [f32; N]) -> [f32; N] {
            for x in &mut v {
                *x = if 0.0 > *x { 0.0 } else { *x };
            }
            v
        }
        #[inline(always)]
        unsafe fn max(mut a: [f32; N], b: [f32; N]) -> [f32; N] {
            for i in 0..N {
                a[i] = if a[i] > b[i] { a[i] } else { b[i] };
            }
            a
        }
        #[inline(always)]
        unsafe fn greater(a: [f32; N], b: [f32; N]) -> u16 {
            let mut bits = 0;
            for i in 0..N {
                bits |= u16::from(a[i] > b[i]) << i;
            }
            bits
        }
        #[inline(always)]
        unsafe fn where_greater(a: [f32; N], b: [f32; N], mut v: [f32; N]) -> [f32; N] {
            for i in 0..N {
                v[i] = if a[i] > b[i] { v[i] } else { 0.0 };
            }
            v
        }
        #[inline(always)]
        unsafe fn keep(bits: u16, mut v: [f32; N]) -> [f32; N] {
            for i in 0..N {
                v[i] = if bits >> i & 1 == 1 { v[i] } else { 0.0 };
            }
            v
        }
    }
}
