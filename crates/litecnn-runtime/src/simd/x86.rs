//! AVX-512 and AVX2.

use core::arch::x86_64::*;

use super::{Simd, Task};

/// # Safety
/// The processor must have the instructions.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi1,bmi2")]
pub(crate) unsafe fn run_avx512<T: Task>(task: T) -> T::Output {
    task.run(Avx512(()))
}

/// # Safety
/// The processor must have the instructions.
#[inline(never)]
#[target_feature(enable = "avx2,fma")]
pub(crate) unsafe fn run_avx2<T: Task>(task: T) -> T::Output {
    task.run(Avx2(()))
}

/// AVX-512 F, BW, DQ and VL.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

/// AVX2 and FMA.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

/// An intrinsic of a token's instructions that touches no memory.
macro_rules! compute {
    ($token:expr, $intrinsic:ident($($value:ident),*)) => {{
        let Self(()) = $token;
        // SAFETY: there is a token, which is only made where the processor has the instructions.
        unsafe { $intrinsic($($value),*) }
    }};
}

/// Even lanes, then odd ones.
static EVEN_ODD: Order = {
    // SAFETY: both are 64 bytes, of which all patterns are values.
    Order(unsafe { core::mem::transmute::<[i32; 16], __m512i>([0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15]) })
};

/// Eight numbers from `8 - n` on are a mask of the first `n` lanes.
static FIRST: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

#[repr(transparent)]
#[derive(Clone, Copy)]
struct Order(__m512i);

impl Simd for Avx512 {
    type V = __m512;
    const WIDTH: usize = 16;
    const MANY: bool = true;
    #[inline(always)]
    fn call<T: Task>(self, task: T) -> T::Output {
        // SAFETY: there is a token, so there are the instructions.
        unsafe { run_avx512(task) }
    }
    #[inline(always)]
    fn zero(self) -> __m512 {
        compute!(self, _mm512_setzero_ps())
    }
    #[inline(always)]
    fn splat(self, value: f32) -> __m512 {
        compute!(self, _mm512_set1_ps(value))
    }
    #[inline(always)]
    unsafe fn load_from(self, from: *const f32) -> __m512 {
        // SAFETY: there is a token, so there are the instructions; the caller vouches for 16 values.
        unsafe { _mm512_loadu_ps(from) }
    }
    #[inline(always)]
    fn load(self, from: &[f32]) -> __m512 {
        let from = &from[..16];
        // SAFETY: the slice has just been cut to as many values.
        unsafe { self.load_from(from.as_ptr()) }
    }
    #[inline(always)]
    fn load_part(self, from: &[f32]) -> __m512 {
        let count = from.len().min(16);
        // SAFETY: there is a token, so there are the instructions; lanes beyond the mask, which has a bit a value, are not
        // looked at, be they anywhere.
        unsafe { _mm512_maskz_loadu_ps(((1u32 << count) - 1) as __mmask16, from.as_ptr()) }
    }
    #[inline(always)]
    unsafe fn load_few(self, from: *const f32, count: usize) -> __m512 {
        // SAFETY: there is a token, so there are the instructions; the caller vouches for the values that the mask lets
        // through.
        unsafe { _mm512_maskz_loadu_ps(((1u32 << count) - 1) as __mmask16, from) }
    }
    #[inline(always)]
    unsafe fn store_few(self, to: *mut f32, count: usize, v: __m512) {
        // SAFETY: as for `load_few`.
        unsafe { _mm512_mask_storeu_ps(to, ((1u32 << count) - 1) as __mmask16, v) }
    }
    #[inline(always)]
    unsafe fn store_to(self, to: *mut f32, v: __m512) {
        // SAFETY: there is a token, so there are the instructions; the caller vouches for 16 places.
        unsafe { _mm512_storeu_ps(to, v) }
    }
    #[inline(always)]
    fn store(self, to: &mut [f32], v: __m512) {
        let to = &mut to[..16];
        // SAFETY: the slice has just been cut to as many places.
        unsafe { self.store_to(to.as_mut_ptr(), v) }
    }
    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        compute!(self, _mm512_add_ps(a, b))
    }
    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        compute!(self, _mm512_sub_ps(a, b))
    }
    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        compute!(self, _mm512_mul_ps(a, b))
    }
    #[inline(always)]
    fn fma(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        compute!(self, _mm512_fmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        compute!(self, _mm512_max_ps(a, b))
    }
    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        compute!(self, _mm512_min_ps(a, b))
    }
    #[inline(always)]
    fn sum(self, v: __m512) -> f32 {
        compute!(self, _mm512_reduce_add_ps(v))
    }
    #[inline(always)]
    unsafe fn copy_half(self, from: *const f32, to: *mut f32) {
        // SAFETY: there is a token, so there are the instructions; the caller vouches for 8 values and places.
        unsafe { _mm256_storeu_ps(to, _mm256_loadu_ps(from)) }
    }
    #[inline(always)]
    unsafe fn split_to(self, v: __m512, even: *mut f32, odd: *mut f32) {
        // SAFETY: there is a token, so there are the instructions; the caller vouches for 8 places each; a reference is
        // good to read from.
        unsafe {
            // Seeing the order, the compiler would take five instructions for this one.
            let order = core::ptr::read_volatile(&raw const EVEN_ODD).0;
            let sorted = _mm512_permutexvar_ps(order, v);
            _mm256_storeu_ps(even, _mm512_castps512_ps256(sorted));
            _mm256_storeu_ps(odd, _mm512_extractf32x8_ps::<1>(sorted));
        }
    }
    #[inline(always)]
    unsafe fn turn(self, from: *const f32, stride: usize, to: *mut f32) {
        // SAFETY: there is a token, so there are the instructions; the caller vouches for 16 values of 16 rows and as many
        // places.
        unsafe {
            let mut rows = [_mm512_setzero_ps(); 16];
            for r in 0..16 {
                rows[r] = _mm512_loadu_ps(from.add(r * stride));
            }
            let columns = turned_16(self, rows);
            for i in 0..16 {
                _mm512_storeu_ps(to.add(16 * i), columns[i]);
            }
        }
    }
    #[inline(always)]
    unsafe fn turn_bytes(self, from: *const u8, stride: usize, scale: __m512, shift: __m512, to: *mut f32) {
        // SAFETY: there is a token, so there are the instructions; the caller vouches for 64 bytes of 16 rows, and for
        // 64 vectors.
        unsafe {
            let mut rows = [_mm512_setzero_ps(); 16];
            for r in 0..16 {
                rows[r] = _mm512_loadu_ps(from.add(r * stride).cast());
            }
            let (columns, byte) = (turned_16(self, rows), _mm512_set1_epi32(0xff));
            for i in 0..16 {
                // Four values of each row.
                let mut four = _mm512_castps_si512(columns[i]);
                for b in 0..4 {
                    let value = _mm512_cvtepi32_ps(_mm512_and_si512(four, byte));
                    _mm512_storeu_ps(to.add(16 * (4 * i + b)), _mm512_fmadd_ps(value, scale, shift));
                    four = _mm512_srli_epi32::<8>(four);
                }
            }
        }
    }
    #[inline(always)]
    fn load_split(self, from: &[f32]) -> (__m512, __m512) {
        let from = &from[..32];
        // SAFETY: there is a token, so there are the instructions; the slice has just been cut to two vectors.
        unsafe {
            let low = _mm512_loadu_ps(from.as_ptr());
            let high = _mm512_loadu_ps(from.as_ptr().add(16));
            let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            let odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
            (_mm512_permutex2var_ps(low, even, high), _mm512_permutex2var_ps(low, odd, high))
        }
    }
    #[inline(always)]
    fn bytes_split(self, from: &[u8]) -> (__m512, __m512) {
        let from = &from[..32];
        // SAFETY: there is a token, so there are the instructions; the slice has just been cut to the 32 bytes read.
        unsafe {
            let pairs = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.as_ptr().cast()));
            let even = _mm512_and_si512(pairs, _mm512_set1_epi32(0xff));
            (_mm512_cvtepi32_ps(even), _mm512_cvtepi32_ps(_mm512_srli_epi32::<8>(pairs)))
        }
    }
    #[inline(always)]
    fn colours_split(self, from: &[u8]) -> [(__m512, __m512); 3] {
        let from = &from[..96];
        // SAFETY: there is a token, so there are the instructions; the slice has just been cut to 96 bytes, and masks let
        // through 48 from its start and from its middle.
        unsafe {
            // Four pixels are 12 bytes: to each quarter of a vector, then each pixel to a 32-bit lane of its own.
            let quarters = _mm512_setr_epi32(0, 1, 2, 2, 3, 4, 5, 5, 6, 7, 8, 8, 9, 10, 11, 11);
            let pixels = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1));
            let low = _mm512_maskz_loadu_epi32(0x0fff, from.as_ptr().cast());
            let low = _mm512_shuffle_epi8(_mm512_permutexvar_epi32(quarters, low), pixels);
            let high = _mm512_maskz_loadu_epi32(0x0fff, from.as_ptr().add(48).cast());
            let high = _mm512_shuffle_epi8(_mm512_permutexvar_epi32(quarters, high), pixels);
            let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            let odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
            let even = _mm512_permutex2var_epi32(low, even, high);
            let odd = _mm512_permutex2var_epi32(low, odd, high);
            let byte = _mm512_set1_epi32(0xff);
            let mut colours = [(_mm512_setzero_ps(), _mm512_setzero_ps()); 3];
            let (mut even, mut odd) = (even, odd);
            for (e, o) in &mut colours {
                *e = _mm512_cvtepi32_ps(_mm512_and_si512(even, byte));
                *o = _mm512_cvtepi32_ps(_mm512_and_si512(odd, byte));
                (even, odd) = (_mm512_srli_epi32::<8>(even), _mm512_srli_epi32::<8>(odd));
            }
            colours
        }
    }
}

impl Simd for Avx2 {
    type V = __m256;
    const WIDTH: usize = 8;
    const MANY: bool = false;
    #[inline(always)]
    fn call<T: Task>(self, task: T) -> T::Output {
        // SAFETY: there is a token, so there are the instructions.
        unsafe { run_avx2(task) }
    }
    #[inline(always)]
    fn zero(self) -> __m256 {
        compute!(self, _mm256_setzero_ps())
    }
    #[inline(always)]
    fn splat(self, value: f32) -> __m256 {
        compute!(self, _mm256_set1_ps(value))
    }
    #[inline(always)]
    unsafe fn load_from(self, from: *const f32) -> __m256 {
        // SAFETY: there is a token, so there are the instructions; the caller vouches for 8 values.
        unsafe { _mm256_loadu_ps(from) }
    }
    #[inline(always)]
    fn load(self, from: &[f32]) -> __m256 {
        let from = &from[..8];
        // SAFETY: the slice has just been cut to as many values.
        unsafe { self.load_from(from.as_ptr()) }
    }
    #[inline(always)]
    fn load_part(self, from: &[f32]) -> __m256 {
        let mut part = [0.0; 8];
        for (to, from) in part.iter_mut().zip(from) {
            *to = *from;
        }
        self.load(&part)
    }
    #[inline(always)]
    unsafe fn load_few(self, from: *const f32, count: usize) -> __m256 {
        let first = &FIRST[8 - count..][..8];
        // SAFETY: there is a token, so there are the instructions; the slice has eight numbers; the caller vouches for the
        // values that the mask lets through.
        unsafe { _mm256_maskload_ps(from, _mm256_loadu_si256(first.as_ptr().cast())) }
    }
    #[inline(always)]
    unsafe fn store_few(self, to: *mut f32, count: usize, v: __m256) {
        let first = &FIRST[8 - count..][..8];
        // SAFETY: as for `load_few`.
        unsafe { _mm256_maskstore_ps(to, _mm256_loadu_si256(first.as_ptr().cast()), v) }
    }
    #[inline(always)]
    unsafe fn store_to(self, to: *mut f32, v: __m256) {
        // SAFETY: there is a token, so there are the instructions; the caller vouches for 8 places.
        unsafe { _mm256_storeu_ps(to, v) }
    }
    #[inline(always)]
    fn store(self, to: &mut [f32], v: __m256) {
        let to = &mut to[..8];
        // SAFETY: the slice has just been cut to as many places.
        unsafe { self.store_to(to.as_mut_ptr(), v) }
    }
    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        compute!(self, _mm256_add_ps(a, b))
    }
    #[inline(always)]
    fn sub(self, a: __m256, b: __m256) -> __m256 {
        compute!(self, _mm256_sub_ps(a, b))
    }
    #[inline(always)]
    fn mul(self, a: __m256, b: __m256) -> __m256 {
        compute!(self, _mm256_mul_ps(a, b))
    }
    #[inline(always)]
    fn fma(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        compute!(self, _mm256_fmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn max(self, a: __m256, b: __m256) -> __m256 {
        compute!(self, _mm256_max_ps(a, b))
    }
    #[inline(always)]
    fn min(self, a: __m256, b: __m256) -> __m256 {
        compute!(self, _mm256_min_ps(a, b))
    }
    #[inline(always)]
    fn sum(self, v: __m256) -> f32 {
        // SAFETY: there is a token, so there are the instructions.
        unsafe {
            let four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }
    #[inline(always)]
    unsafe fn copy_half(self, from: *const f32, to: *mut f32) {
        // SAFETY: there is a token, so there are the instructions; the caller vouches for 4 values and places.
        unsafe { _mm_storeu_ps(to, _mm_loadu_ps(from)) }
    }
    #[inline(always)]
    unsafe fn split_to(self, v: __m256, even: *mut f32, odd: *mut f32) {
        // SAFETY: there is a token, so there are the instructions; the caller vouches for 4 places each.
        unsafe {
            let sorted = _mm256_permutevar8x32_ps(v, _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7));
            _mm_storeu_ps(even, _mm256_castps256_ps128(sorted));
            _mm_storeu_ps(odd, _mm256_extractf128_ps::<1>(sorted));
        }
    }
    #[inline(always)]
    unsafe fn turn(self, from: *const f32, stride: usize, to: *mut f32) {
        // SAFETY: there is a token, so there are the instructions; the caller vouches for 8 values of 8 rows and as many
        // places.
        unsafe {
            let mut rows = [_mm256_setzero_ps(); 8];
            for r in 0..8 {
                rows[r] = _mm256_loadu_ps(from.add(r * stride));
            }
            let columns = turned_8(self, rows);
            for i in 0..8 {
                _mm256_storeu_ps(to.add(8 * i), columns[i]);
            }
        }
    }
    #[inline(always)]
    unsafe fn turn_bytes(self, from: *const u8, stride: usize, scale: __m256, shift: __m256, to: *mut f32) {
        // SAFETY: there is a token, so there are the instructions; the caller vouches for 32 bytes of 8 rows, and for
        // 32 vectors.
        unsafe {
            let mut rows = [_mm256_setzero_ps(); 8];
            for r in 0..8 {
                rows[r] = _mm256_loadu_ps(from.add(r * stride).cast());
            }
            let (columns, byte) = (turned_8(self, rows), _mm256_set1_epi32(0xff));
            for i in 0..8 {
                // Four values of each row.
                let mut four = _mm256_castps_si256(columns[i]);
                for b in 0..4 {
                    let value = _mm256_cvtepi32_ps(_mm256_and_si256(four, byte));
                    _mm256_storeu_ps(to.add(8 * (4 * i + b)), _mm256_fmadd_ps(value, scale, shift));
                    four = _mm256_srli_epi32::<8>(four);
                }
            }
        }
    }
    #[inline(always)]
    fn load_split(self, from: &[f32]) -> (__m256, __m256) {
        let from = &from[..16];
        // SAFETY: there is a token, so there are the instructions; the slice has just been cut to two vectors.
        unsafe {
            let (low, high) = (_mm256_loadu_ps(from.as_ptr()), _mm256_loadu_ps(from.as_ptr().add(8)));
            // The quarters come out as 0, 2, 1, 3.
            let even = _mm256_castps_pd(_mm256_shuffle_ps::<0b10_00_10_00>(low, high));
            let odd = _mm256_castps_pd(_mm256_shuffle_ps::<0b11_01_11_01>(low, high));
            let even = _mm256_castpd_ps(_mm256_permute4x64_pd::<0b11_01_10_00>(even));
            (even, _mm256_castpd_ps(_mm256_permute4x64_pd::<0b11_01_10_00>(odd)))
        }
    }
    #[inline(always)]
    fn bytes_split(self, from: &[u8]) -> (__m256, __m256) {
        let from = &from[..16];
        // SAFETY: there is a token, so there are the instructions; the slice has just been cut to the 16 bytes read.
        unsafe {
            let pairs = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.as_ptr().cast()));
            let even = _mm256_and_si256(pairs, _mm256_set1_epi32(0xff));
            (_mm256_cvtepi32_ps(even), _mm256_cvtepi32_ps(_mm256_srli_epi32::<8>(pairs)))
        }
    }
    #[inline(always)]
    fn colours_split(self, from: &[u8]) -> [(__m256, __m256); 3] {
        let from = &from[..48];
        // SAFETY: there is a token, so there are the instructions; the slice has just been cut to 48 bytes, and the last
        // lanes read bytes 42 to 45 and 44 to 47.
        unsafe {
            // Eight even pixels lie 6 bytes apart; a lane reads 4 bytes, of which the last is another pixel's. The
            // last one reads a byte earlier so as not to look beyond the slice.
            let base = from.as_ptr();
            let at = _mm256_setr_epi32(0, 6, 12, 18, 24, 30, 36, 42);
            let even = _mm256_i32gather_epi32::<1>(base.cast(), at);
            let at = _mm256_setr_epi32(3, 9, 15, 21, 27, 33, 39, 44);
            let odd = _mm256_i32gather_epi32::<1>(base.cast(), at);
            let odd = _mm256_srlv_epi32(odd, _mm256_setr_epi32(0, 0, 0, 0, 0, 0, 0, 8));
            let byte = _mm256_set1_epi32(0xff);
            let mut colours = [(_mm256_setzero_ps(), _mm256_setzero_ps()); 3];
            let (mut even, mut odd) = (even, odd);
            for (e, o) in &mut colours {
                *e = _mm256_cvtepi32_ps(_mm256_and_si256(even, byte));
                *o = _mm256_cvtepi32_ps(_mm256_and_si256(odd, byte));
                (even, odd) = (_mm256_srli_epi32::<8>(even), _mm256_srli_epi32::<8>(odd));
            }
            colours
        }
    }
}

/// Rows to columns.
#[inline(always)]
fn turned_16(_: Avx512, rows: [__m512; 16]) -> [__m512; 16] {
    // SAFETY: there is a token, so there are the instructions.
    unsafe {
        let zero = _mm512_setzero_ps();
        let (mut fours, mut columns) = ([[zero; 4]; 4], [zero; 16]);
        // Of four rows the columns 0, 4, 8 and 12; 1, 5, 9 and 13; and so on.
        for i in 0..4 {
            let [a, b, c, d] = [rows[4 * i], rows[4 * i + 1], rows[4 * i + 2], rows[4 * i + 3]];
            let (low, high) = (_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
            let (next_low, next_high) = (_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
            fours[i] = [
                _mm512_shuffle_ps::<0b01_00_01_00>(low, next_low),
                _mm512_shuffle_ps::<0b11_10_11_10>(low, next_low),
                _mm512_shuffle_ps::<0b01_00_01_00>(high, next_high),
                _mm512_shuffle_ps::<0b11_10_11_10>(high, next_high),
            ];
        }
        for i in 0..4 {
            let [a, b, c, d] = [fours[0][i], fours[1][i], fours[2][i], fours[3][i]];
            // Quarters 0 and 2 of both, or 1 and 3.
            let (even, odd) =
                (_mm512_shuffle_f32x4::<0b10_00_10_00>(a, b), _mm512_shuffle_f32x4::<0b11_01_11_01>(a, b));
            let next_even = _mm512_shuffle_f32x4::<0b10_00_10_00>(c, d);
            let next_odd = _mm512_shuffle_f32x4::<0b11_01_11_01>(c, d);
            columns[i] = _mm512_shuffle_f32x4::<0b10_00_10_00>(even, next_even);
            columns[4 + i] = _mm512_shuffle_f32x4::<0b10_00_10_00>(odd, next_odd);
            columns[8 + i] = _mm512_shuffle_f32x4::<0b11_01_11_01>(even, next_even);
            columns[12 + i] = _mm512_shuffle_f32x4::<0b11_01_11_01>(odd, next_odd);
        }
        columns
    }
}

/// As [`turned_16`].
#[inline(always)]
fn turned_8(_: Avx2, rows: [__m256; 8]) -> [__m256; 8] {
    // SAFETY: there is a token, so there are the instructions.
    unsafe {
        let zero = _mm256_setzero_ps();
        let (mut fours, mut columns) = ([[zero; 4]; 2], [zero; 8]);
        for i in 0..2 {
            let [a, b, c, d] = [rows[4 * i], rows[4 * i + 1], rows[4 * i + 2], rows[4 * i + 3]];
            let (low, high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
            let (next_low, next_high) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
            fours[i] = [
                _mm256_shuffle_ps::<0b01_00_01_00>(low, next_low),
                _mm256_shuffle_ps::<0b11_10_11_10>(low, next_low),
                _mm256_shuffle_ps::<0b01_00_01_00>(high, next_high),
                _mm256_shuffle_ps::<0b11_10_11_10>(high, next_high),
            ];
        }
        for i in 0..4 {
            columns[i] = _mm256_permute2f128_ps::<0x20>(fours[0][i], fours[1][i]);
            columns[4 + i] = _mm256_permute2f128_ps::<0x31>(fours[0][i], fours[1][i]);
        }
        columns
    }
}
