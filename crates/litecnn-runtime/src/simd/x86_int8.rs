//! Bytes with AVX-512 and AVX2, each with and without the instructions for products of bytes (VNNI).
//!
//! Without them bytes become pairs of 16-bit numbers, even and odd ones apart, which are multiplied and added without
//! loss; the multiplication of bytes that AVX2 has would saturate.

use core::arch::x86_64::*;

use super::int8::{ByteOf, Dots, DotsTask};

/// # Safety
/// The processor must have the instructions.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,bmi1,bmi2")]
pub(crate) unsafe fn run_avx512_vnni<T: DotsTask>(task: T) {
    task.run(Avx512Vnni(()));
}

/// # Safety
/// The processor must have the instructions.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi1,bmi2")]
pub(crate) unsafe fn run_avx512<T: DotsTask>(task: T) {
    task.run(Avx512(()));
}

/// # Safety
/// The processor must have the instructions.
#[target_feature(enable = "avx2,fma,avxvnni")]
pub(crate) unsafe fn run_avx2_vnni<T: DotsTask>(task: T) {
    task.run(Avx2Vnni(()));
}

/// # Safety
/// The processor must have the instructions.
#[target_feature(enable = "avx2,fma")]
pub(crate) unsafe fn run_avx2<T: DotsTask>(task: T) {
    task.run(Avx2(()));
}

/// AVX-512 F, BW, DQ, VL and VNNI.
#[derive(Clone, Copy)]
pub(crate) struct Avx512Vnni(());

/// AVX-512 F, BW, DQ and VL.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

/// AVX2 and AVX-VNNI.
#[derive(Clone, Copy)]
pub(crate) struct Avx2Vnni(());

/// AVX2.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

/// Multipliers and shifts of four outputs, as vectors.
#[derive(Clone, Copy)]
pub(crate) struct Scales<V> {
    shifts: [V; 4],
    /// Of the first and third output, four 16-bit lanes each.
    ac: V,
    bd: V,
}

/// Multipliers and shifts of four channels, the same in every quarter of a vector.
#[derive(Clone, Copy)]
pub(crate) struct Channels<V> {
    shifts: V,
    /// Each of 16 bits, twice a quarter; the zeros times 2^7.
    multipliers: V,
    added: V,
    zeros: V,
}

/// Byte 0 of the first four lanes, byte 8, byte 4, byte 12: what packing has put apart, beside each other.
const INTERLEAVE: [i8; 16] = [0, 8, 4, 12, 1, 9, 5, 13, 2, 10, 6, 14, 3, 11, 7, 15];
/// Three bytes a lane and a zero, from twelve.
const THREES: [i8; 16] = [0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1];

#[inline(always)]
fn sixteen(bytes: &[i8; 16]) -> __m128i {
    // SAFETY: 16 bytes are read; every x86-64 processor has the instruction.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

/// Two 16-bit numbers in each half of a quarter of a vector.
#[inline(always)]
fn halves(first: u32, second: u32) -> __m128i {
    let four = |m: u32| i64::from(m) * 0x0001_0001_0001_0001;
    // SAFETY: every x86-64 processor has the instruction.
    unsafe { _mm_set_epi64x(four(second), four(first)) }
}

#[inline(always)]
fn quarter(four: [u32; 4]) -> __m128i {
    // SAFETY: 16 bytes are read; every x86-64 processor has the instruction.
    unsafe { _mm_loadu_si128(four.as_ptr().cast()) }
}

/// Four 16-bit numbers, twice.
#[inline(always)]
fn shorts(four: [u32; 4]) -> __m128i {
    let low = four[0] | four[1] << 16;
    let high = four[2] | four[3] << 16;
    quarter([low, high, low, high])
}

macro_rules! wide {
    ($token:ident, $data:ty, $weights:ty, |$v:ident| $split_data:expr, $split_weights:expr,
     |$sum:ident, $d:ident, $w:ident| $dot:expr) => {
        #[allow(unused_unsafe, reason = "with VNNI data and weights stay as they are")]
        impl Dots for $token {
            type V = __m512i;
            type Data = $data;
            type Weights = $weights;
            type Scales = Scales<__m512i>;
            type Channels = Channels<__m512i>;
            const WIDTH: usize = 16;
            const MANY: bool = true;
            #[inline(always)]
            fn splat(self, value: u32) -> __m512i {
                // SAFETY: the token stands for the instructions.
                unsafe { _mm512_set1_epi32(value as i32) }
            }
            #[inline(always)]
            unsafe fn load(self, from: *const u32) -> __m512i {
                // SAFETY: the token stands for the instructions, the caller vouches for the values.
                unsafe { _mm512_loadu_si512(from.cast()) }
            }
            #[inline(always)]
            fn load_part(self, from: &[u32]) -> __m512i {
                let count = from.len().min(16);
                // SAFETY: the token stands for the instructions; lanes beyond the mask are not looked at.
                unsafe { _mm512_maskz_loadu_epi32(((1u32 << count) - 1) as __mmask16, from.as_ptr().cast()) }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut u32, v: __m512i) {
                // SAFETY: the token stands for the instructions, the caller vouches for the places.
                unsafe { _mm512_storeu_si512(to.cast(), v) }
            }
            #[inline(always)]
            fn data(self, $v: __m512i) -> $data {
                // SAFETY: the token stands for the instructions.
                unsafe { $split_data }
            }
            #[inline(always)]
            fn weights(self, $v: __m512i) -> $weights {
                // SAFETY: the token stands for the instructions.
                unsafe { $split_weights }
            }
            #[inline(always)]
            fn dot(self, $sum: __m512i, $d: $data, $w: $weights) -> __m512i {
                // SAFETY: the token stands for the instructions.
                unsafe { $dot }
            }
            #[inline(always)]
            fn add(self, a: __m512i, b: __m512i) -> __m512i {
                // SAFETY: the token stands for the instructions.
                unsafe { _mm512_add_epi32(a, b) }
            }
            #[inline(always)]
            fn max(self, a: __m512i, b: __m512i) -> __m512i {
                // SAFETY: the token stands for the instructions.
                unsafe { _mm512_max_epi32(a, b) }
            }
            #[inline(always)]
            fn scales(self, [a, b, c, d]: [u32; 4], shifts: [u32; 4]) -> Scales<__m512i> {
                let mut vectors = [self.splat(0); 4];
                for k in 0..4 {
                    vectors[k] = self.splat(shifts[k]);
                }
                let (ac, bd) = (halves(a, c), halves(b, d));
                // SAFETY: the token stands for the instructions.
                let [ac, bd] = unsafe { [_mm512_broadcast_i32x4(ac), _mm512_broadcast_i32x4(bd)] };
                Scales { shifts: vectors, ac, bd }
            }
            #[inline(always)]
            fn requantise(self, [a, b, c, d]: [__m512i; 4], by: &Scales<__m512i>) -> __m512i {
                // SAFETY: the token stands for the instructions.
                unsafe {
                    let half = _mm512_set1_epi16(32);
                    let (a, b) = (_mm512_srav_epi32(a, by.shifts[0]), _mm512_srav_epi32(b, by.shifts[1]));
                    let (c, d) = (_mm512_srav_epi32(c, by.shifts[2]), _mm512_srav_epi32(d, by.shifts[3]));
                    let ac = _mm512_mulhrs_epi16(_mm512_packs_epi32(a, c), by.ac);
                    let bd = _mm512_mulhrs_epi16(_mm512_packs_epi32(b, d), by.bd);
                    let ac = _mm512_srai_epi16::<6>(_mm512_adds_epi16(ac, half));
                    let bd = _mm512_srai_epi16::<6>(_mm512_adds_epi16(bd, half));
                    let order = _mm512_broadcast_i32x4(sixteen(&INTERLEAVE));
                    _mm512_shuffle_epi8(_mm512_packus_epi16(ac, bd), order)
                }
            }
            #[inline(always)]
            fn requantise_lanes(self, sum: __m512i, multipliers: __m512i, shifts: __m512i) -> __m512i {
                // SAFETY: the token stands for the instructions.
                unsafe {
                    let [least, most] = [_mm512_set1_epi32(-0x8000), _mm512_set1_epi32(0x7fff)];
                    let short = _mm512_srav_epi32(sum, shifts);
                    let short = _mm512_min_epi32(_mm512_max_epi32(short, least), most);
                    let scaled = _mm512_mullo_epi32(short, multipliers);
                    let scaled = _mm512_srai_epi32::<15>(_mm512_add_epi32(scaled, _mm512_set1_epi32(0x4000)));
                    let small = _mm512_srai_epi32::<6>(_mm512_add_epi32(scaled, _mm512_set1_epi32(32)));
                    _mm512_min_epi32(_mm512_max_epi32(small, _mm512_setzero_si512()), _mm512_set1_epi32(255))
                }
            }
            #[inline(always)]
            fn store_bytes(self, to: &mut [u8], v: __m512i) {
                let count = to.len().min(16);
                // SAFETY: the token stands for the instructions; bytes beyond the mask are not written.
                unsafe {
                    let mask = ((1u32 << count) - 1) as __mmask16;
                    _mm_mask_storeu_epi8(to.as_mut_ptr().cast(), mask, _mm512_cvtepi32_epi8(v));
                }
            }
            #[inline(always)]
            unsafe fn split_to(self, v: __m512i, even: *mut u32, odd: *mut u32) {
                // SAFETY: the token stands for the instructions, the caller vouches for the places.
                unsafe {
                    _mm256_storeu_si256(even.cast(), _mm512_cvtepi64_epi32(v));
                    _mm256_storeu_si256(odd.cast(), _mm512_cvtepi64_epi32(_mm512_srli_epi64::<32>(v)));
                }
            }
            #[inline(always)]
            unsafe fn pairs_to(self, v: __m512i, to: *mut u32) {
                // SAFETY: the token stands for the instructions, the caller vouches for the places.
                unsafe {
                    // The upper halves of the lanes are zero: they are channels that there are not.
                    let joined = _mm512_or_si512(v, _mm512_srli_epi64::<16>(v));
                    _mm256_storeu_si256(to.cast(), _mm512_cvtepi64_epi32(joined));
                }
            }
            #[inline(always)]
            unsafe fn fours_to(self, a: __m512i, b: __m512i, to: *mut u32) {
                // SAFETY: the token stands for the instructions, the caller vouches for the places.
                unsafe {
                    let both = _mm512_or_si512(a, _mm512_slli_epi32::<16>(b));
                    let joined = _mm512_or_si512(both, _mm512_srli_epi64::<24>(both));
                    _mm256_storeu_si256(to.cast(), _mm512_cvtepi64_epi32(joined));
                }
            }
            #[inline(always)]
            fn overlapping(self, from: &[u8]) -> __m512i {
                let from = &from[..34];
                // SAFETY: the token stands for the instructions; 32 bytes are read from 0 and from 2 on.
                unsafe {
                    let low = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.as_ptr().cast()));
                    let high = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.as_ptr().add(2).cast()));
                    _mm512_or_si512(low, _mm512_slli_epi32::<16>(high))
                }
            }
            #[inline(always)]
            fn threes(self, from: &[u8]) -> __m512i {
                let from = &from[..48];
                // SAFETY: the token stands for the instructions; the mask leaves 48 bytes.
                unsafe {
                    let quarters = _mm512_setr_epi32(0, 1, 2, 2, 3, 4, 5, 5, 6, 7, 8, 8, 9, 10, 11, 11);
                    let bytes = _mm512_maskz_loadu_epi32(0x0fff, from.as_ptr().cast());
                    let order = _mm512_broadcast_i32x4(sixteen(&THREES));
                    _mm512_shuffle_epi8(_mm512_permutexvar_epi32(quarters, bytes), order)
                }
            }
            #[inline(always)]
            fn broadcast(self, four: [u32; 4]) -> __m512i {
                // SAFETY: the token stands for the instructions.
                unsafe { _mm512_broadcast_i32x4(quarter(four)) }
            }
            #[inline(always)]
            fn max_bytes(self, a: __m512i, b: __m512i) -> __m512i {
                // SAFETY: the token stands for the instructions.
                unsafe { _mm512_max_epu8(a, b) }
            }
            #[inline(always)]
            fn min_bytes(self, a: __m512i, b: __m512i) -> __m512i {
                // SAFETY: the token stands for the instructions.
                unsafe { _mm512_min_epu8(a, b) }
            }
            #[inline(always)]
            fn interleave(self, [a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
                // SAFETY: the token stands for the instructions.
                unsafe {
                    let (ab, cd) = (_mm512_unpacklo_epi8(a, b), _mm512_unpacklo_epi8(c, d));
                    let (high_ab, high_cd) = (_mm512_unpackhi_epi8(a, b), _mm512_unpackhi_epi8(c, d));
                    [
                        _mm512_unpacklo_epi16(ab, cd),
                        _mm512_unpackhi_epi16(ab, cd),
                        _mm512_unpacklo_epi16(high_ab, high_cd),
                        _mm512_unpackhi_epi16(high_ab, high_cd),
                    ]
                }
            }
            #[inline(always)]
            fn transpose(self, [a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
                // SAFETY: the token stands for the instructions.
                unsafe {
                    let (ab, cd) = (_mm512_unpacklo_epi32(a, b), _mm512_unpacklo_epi32(c, d));
                    let (high_ab, high_cd) = (_mm512_unpackhi_epi32(a, b), _mm512_unpackhi_epi32(c, d));
                    [
                        _mm512_unpacklo_epi64(ab, cd),
                        _mm512_unpackhi_epi64(ab, cd),
                        _mm512_unpacklo_epi64(high_ab, high_cd),
                        _mm512_unpackhi_epi64(high_ab, high_cd),
                    ]
                }
            }
            #[inline(always)]
            fn channels(self, by: &[ByteOf; 4]) -> Channels<__m512i> {
                let shifts = self.broadcast([by[0].shift, by[1].shift, by[2].shift, by[3].shift]);
                let multipliers = shorts([by[0].multiplier, by[1].multiplier, by[2].multiplier, by[3].multiplier]);
                let added = shorts([by[0].added, by[1].added, by[2].added, by[3].added]);
                let zeros = shorts([by[0].zero << 7, by[1].zero << 7, by[2].zero << 7, by[3].zero << 7]);
                // SAFETY: the token stands for the instructions.
                let [multipliers, added, zeros] = unsafe {
                    [_mm512_broadcast_i32x4(multipliers), _mm512_broadcast_i32x4(added), _mm512_broadcast_i32x4(zeros)]
                };
                Channels { shifts, multipliers, added, zeros }
            }
            #[inline(always)]
            fn requantise_channels(
                self,
                [a, b, c, d]: [__m512i; 4],
                by: &Channels<__m512i>,
                added: Option<__m512i>,
            ) -> __m512i {
                // SAFETY: the token stands for the instructions.
                unsafe {
                    let (a, b) = (_mm512_srav_epi32(a, by.shifts), _mm512_srav_epi32(b, by.shifts));
                    let (c, d) = (_mm512_srav_epi32(c, by.shifts), _mm512_srav_epi32(d, by.shifts));
                    let mut ab = _mm512_mulhrs_epi16(_mm512_packs_epi32(a, b), by.multipliers);
                    let mut cd = _mm512_mulhrs_epi16(_mm512_packs_epi32(c, d), by.multipliers);
                    if let Some(added) = added {
                        // Times 2^8, then halved.
                        let low = _mm512_srli_epi16::<1>(_mm512_unpacklo_epi8(_mm512_setzero_si512(), added));
                        let high = _mm512_srli_epi16::<1>(_mm512_unpackhi_epi8(_mm512_setzero_si512(), added));
                        let low = _mm512_mulhrs_epi16(_mm512_sub_epi16(low, by.zeros), by.added);
                        let high = _mm512_mulhrs_epi16(_mm512_sub_epi16(high, by.zeros), by.added);
                        (ab, cd) = (_mm512_adds_epi16(ab, low), _mm512_adds_epi16(cd, high));
                    }
                    let half = _mm512_set1_epi16(32);
                    let ab = _mm512_srai_epi16::<6>(_mm512_adds_epi16(ab, half));
                    let cd = _mm512_srai_epi16::<6>(_mm512_adds_epi16(cd, half));
                    _mm512_packus_epi16(ab, cd)
                }
            }
        }
    };
}

wide!(Avx512Vnni, __m512i, __m512i, |v| v, v, |sum, d, w| _mm512_dpbusd_epi32(sum, d, w));
wide!(
    Avx512,
    [__m512i; 2],
    [__m512i; 2],
    |v| [_mm512_and_si512(v, _mm512_set1_epi16(0xff)), _mm512_srli_epi16::<8>(v)],
    [_mm512_srai_epi16::<8>(_mm512_slli_epi16::<8>(v)), _mm512_srai_epi16::<8>(v)],
    |sum, d, w| {
        let [even, odd] = [_mm512_madd_epi16(d[0], w[0]), _mm512_madd_epi16(d[1], w[1])];
        _mm512_add_epi32(_mm512_add_epi32(sum, even), odd)
    }
);

macro_rules! narrow {
    ($token:ident, $data:ty, $weights:ty, |$v:ident| $split_data:expr, $split_weights:expr,
     |$sum:ident, $d:ident, $w:ident| $dot:expr) => {
        #[allow(unused_unsafe, reason = "with VNNI data and weights stay as they are")]
        impl Dots for $token {
            type V = __m256i;
            type Data = $data;
            type Weights = $weights;
            type Scales = Scales<__m256i>;
            type Channels = Channels<__m256i>;
            const WIDTH: usize = 8;
            const MANY: bool = false;
            #[inline(always)]
            fn splat(self, value: u32) -> __m256i {
                // SAFETY: the token stands for the instructions.
                unsafe { _mm256_set1_epi32(value as i32) }
            }
            #[inline(always)]
            unsafe fn load(self, from: *const u32) -> __m256i {
                // SAFETY: the token stands for the instructions, the caller vouches for the values.
                unsafe { _mm256_loadu_si256(from.cast()) }
            }
            #[inline(always)]
            fn load_part(self, from: &[u32]) -> __m256i {
                let count = from.len().min(8) as i32;
                // SAFETY: the token stands for the instructions; lanes beyond the mask are not looked at.
                unsafe {
                    let mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
                    _mm256_maskload_epi32(from.as_ptr().cast(), mask)
                }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut u32, v: __m256i) {
                // SAFETY: the token stands for the instructions, the caller vouches for the places.
                unsafe { _mm256_storeu_si256(to.cast(), v) }
            }
            #[inline(always)]
            fn data(self, $v: __m256i) -> $data {
                // SAFETY: the token stands for the instructions.
                unsafe { $split_data }
            }
            #[inline(always)]
            fn weights(self, $v: __m256i) -> $weights {
                // SAFETY: the token stands for the instructions.
                unsafe { $split_weights }
            }
            #[inline(always)]
            fn dot(self, $sum: __m256i, $d: $data, $w: $weights) -> __m256i {
                // SAFETY: the token stands for the instructions.
                unsafe { $dot }
            }
            #[inline(always)]
            fn add(self, a: __m256i, b: __m256i) -> __m256i {
                // SAFETY: the token stands for the instructions.
                unsafe { _mm256_add_epi32(a, b) }
            }
            #[inline(always)]
            fn max(self, a: __m256i, b: __m256i) -> __m256i {
                // SAFETY: the token stands for the instructions.
                unsafe { _mm256_max_epi32(a, b) }
            }
            #[inline(always)]
            fn scales(self, [a, b, c, d]: [u32; 4], shifts: [u32; 4]) -> Scales<__m256i> {
                let mut vectors = [self.splat(0); 4];
                for k in 0..4 {
                    vectors[k] = self.splat(shifts[k]);
                }
                let (ac, bd) = (halves(a, c), halves(b, d));
                // SAFETY: the token stands for the instructions.
                let [ac, bd] = unsafe { [_mm256_broadcastsi128_si256(ac), _mm256_broadcastsi128_si256(bd)] };
                Scales { shifts: vectors, ac, bd }
            }
            #[inline(always)]
            fn requantise(self, [a, b, c, d]: [__m256i; 4], by: &Scales<__m256i>) -> __m256i {
                // SAFETY: the token stands for the instructions.
                unsafe {
                    let half = _mm256_set1_epi16(32);
                    let (a, b) = (_mm256_srav_epi32(a, by.shifts[0]), _mm256_srav_epi32(b, by.shifts[1]));
                    let (c, d) = (_mm256_srav_epi32(c, by.shifts[2]), _mm256_srav_epi32(d, by.shifts[3]));
                    let ac = _mm256_mulhrs_epi16(_mm256_packs_epi32(a, c), by.ac);
                    let bd = _mm256_mulhrs_epi16(_mm256_packs_epi32(b, d), by.bd);
                    let ac = _mm256_srai_epi16::<6>(_mm256_adds_epi16(ac, half));
                    let bd = _mm256_srai_epi16::<6>(_mm256_adds_epi16(bd, half));
                    let order = _mm256_broadcastsi128_si256(sixteen(&INTERLEAVE));
                    _mm256_shuffle_epi8(_mm256_packus_epi16(ac, bd), order)
                }
            }
            #[inline(always)]
            fn requantise_lanes(self, sum: __m256i, multipliers: __m256i, shifts: __m256i) -> __m256i {
                // SAFETY: the token stands for the instructions.
                unsafe {
                    let [least, most] = [_mm256_set1_epi32(-0x8000), _mm256_set1_epi32(0x7fff)];
                    let short = _mm256_srav_epi32(sum, shifts);
                    let short = _mm256_min_epi32(_mm256_max_epi32(short, least), most);
                    let scaled = _mm256_mullo_epi32(short, multipliers);
                    let scaled = _mm256_srai_epi32::<15>(_mm256_add_epi32(scaled, _mm256_set1_epi32(0x4000)));
                    let small = _mm256_srai_epi32::<6>(_mm256_add_epi32(scaled, _mm256_set1_epi32(32)));
                    _mm256_min_epi32(_mm256_max_epi32(small, _mm256_setzero_si256()), _mm256_set1_epi32(255))
                }
            }
            #[inline(always)]
            fn store_bytes(self, to: &mut [u8], v: __m256i) {
                let mut lanes = [0u32; 8];
                // SAFETY: the token stands for the instructions; there is room for eight lanes.
                unsafe { self.store(lanes.as_mut_ptr(), v) };
                for (to, lane) in to.iter_mut().zip(lanes) {
                    *to = lane as u8;
                }
            }
            #[inline(always)]
            unsafe fn split_to(self, v: __m256i, even: *mut u32, odd: *mut u32) {
                // SAFETY: the token stands for the instructions, the caller vouches for the places.
                unsafe {
                    let sorted = _mm256_permutevar8x32_epi32(v, _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7));
                    _mm_storeu_si128(even.cast(), _mm256_castsi256_si128(sorted));
                    _mm_storeu_si128(odd.cast(), _mm256_extracti128_si256::<1>(sorted));
                }
            }
            #[inline(always)]
            unsafe fn pairs_to(self, v: __m256i, to: *mut u32) {
                // SAFETY: the token stands for the instructions, the caller vouches for the places.
                unsafe {
                    // The upper halves of the lanes are zero: they are channels that there are not.
                    let joined = _mm256_or_si256(v, _mm256_srli_epi64::<16>(v));
                    let even = _mm256_permutevar8x32_epi32(joined, _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7));
                    _mm_storeu_si128(to.cast(), _mm256_castsi256_si128(even));
                }
            }
            #[inline(always)]
            unsafe fn fours_to(self, a: __m256i, b: __m256i, to: *mut u32) {
                // SAFETY: the token stands for the instructions, the caller vouches for the places.
                unsafe {
                    let both = _mm256_or_si256(a, _mm256_slli_epi32::<16>(b));
                    let joined = _mm256_or_si256(both, _mm256_srli_epi64::<24>(both));
                    let even = _mm256_permutevar8x32_epi32(joined, _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7));
                    _mm_storeu_si128(to.cast(), _mm256_castsi256_si128(even));
                }
            }
            #[inline(always)]
            fn overlapping(self, from: &[u8]) -> __m256i {
                let from = &from[..18];
                // SAFETY: the token stands for the instructions; 16 bytes are read from 0 and from 2 on.
                unsafe {
                    let low = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.as_ptr().cast()));
                    let high = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.as_ptr().add(2).cast()));
                    _mm256_or_si256(low, _mm256_slli_epi32::<16>(high))
                }
            }
            #[inline(always)]
            fn threes(self, from: &[u8]) -> __m256i {
                let from = &from[..24];
                // SAFETY: the token stands for the instructions; 16 bytes are read from 0 and from 8 on.
                unsafe {
                    let low = _mm_shuffle_epi8(_mm_loadu_si128(from.as_ptr().cast()), sixteen(&THREES));
                    let high = _mm_loadu_si128(from.as_ptr().add(8).cast());
                    let high = _mm_shuffle_epi8(_mm_srli_si128::<4>(high), sixteen(&THREES));
                    _mm256_set_m128i(high, low)
                }
            }
            #[inline(always)]
            fn broadcast(self, four: [u32; 4]) -> __m256i {
                // SAFETY: the token stands for the instructions.
                unsafe { _mm256_broadcastsi128_si256(quarter(four)) }
            }
            #[inline(always)]
            fn max_bytes(self, a: __m256i, b: __m256i) -> __m256i {
                // SAFETY: the token stands for the instructions.
                unsafe { _mm256_max_epu8(a, b) }
            }
            #[inline(always)]
            fn min_bytes(self, a: __m256i, b: __m256i) -> __m256i {
                // SAFETY: the token stands for the instructions.
                unsafe { _mm256_min_epu8(a, b) }
            }
            #[inline(always)]
            fn interleave(self, [a, b, c, d]: [__m256i; 4]) -> [__m256i; 4] {
                // SAFETY: the token stands for the instructions.
                unsafe {
                    let (ab, cd) = (_mm256_unpacklo_epi8(a, b), _mm256_unpacklo_epi8(c, d));
                    let (high_ab, high_cd) = (_mm256_unpackhi_epi8(a, b), _mm256_unpackhi_epi8(c, d));
                    [
                        _mm256_unpacklo_epi16(ab, cd),
                        _mm256_unpackhi_epi16(ab, cd),
                        _mm256_unpacklo_epi16(high_ab, high_cd),
                        _mm256_unpackhi_epi16(high_ab, high_cd),
                    ]
                }
            }
            #[inline(always)]
            fn transpose(self, [a, b, c, d]: [__m256i; 4]) -> [__m256i; 4] {
                // SAFETY: the token stands for the instructions.
                unsafe {
                    let (ab, cd) = (_mm256_unpacklo_epi32(a, b), _mm256_unpacklo_epi32(c, d));
                    let (high_ab, high_cd) = (_mm256_unpackhi_epi32(a, b), _mm256_unpackhi_epi32(c, d));
                    [
                        _mm256_unpacklo_epi64(ab, cd),
                        _mm256_unpackhi_epi64(ab, cd),
                        _mm256_unpacklo_epi64(high_ab, high_cd),
                        _mm256_unpackhi_epi64(high_ab, high_cd),
                    ]
                }
            }
            #[inline(always)]
            fn channels(self, by: &[ByteOf; 4]) -> Channels<__m256i> {
                let shifts = self.broadcast([by[0].shift, by[1].shift, by[2].shift, by[3].shift]);
                let multipliers = shorts([by[0].multiplier, by[1].multiplier, by[2].multiplier, by[3].multiplier]);
                let added = shorts([by[0].added, by[1].added, by[2].added, by[3].added]);
                let zeros = shorts([by[0].zero << 7, by[1].zero << 7, by[2].zero << 7, by[3].zero << 7]);
                // SAFETY: the token stands for the instructions.
                let [multipliers, added, zeros] = unsafe {
                    [
                        _mm256_broadcastsi128_si256(multipliers),
                        _mm256_broadcastsi128_si256(added),
                        _mm256_broadcastsi128_si256(zeros),
                    ]
                };
                Channels { shifts, multipliers, added, zeros }
            }
            #[inline(always)]
            fn requantise_channels(
                self,
                [a, b, c, d]: [__m256i; 4],
                by: &Channels<__m256i>,
                added: Option<__m256i>,
            ) -> __m256i {
                // SAFETY: the token stands for the instructions.
                unsafe {
                    let (a, b) = (_mm256_srav_epi32(a, by.shifts), _mm256_srav_epi32(b, by.shifts));
                    let (c, d) = (_mm256_srav_epi32(c, by.shifts), _mm256_srav_epi32(d, by.shifts));
                    let mut ab = _mm256_mulhrs_epi16(_mm256_packs_epi32(a, b), by.multipliers);
                    let mut cd = _mm256_mulhrs_epi16(_mm256_packs_epi32(c, d), by.multipliers);
                    if let Some(added) = added {
                        // Times 2^8, then halved.
                        let low = _mm256_srli_epi16::<1>(_mm256_unpacklo_epi8(_mm256_setzero_si256(), added));
                        let high = _mm256_srli_epi16::<1>(_mm256_unpackhi_epi8(_mm256_setzero_si256(), added));
                        let low = _mm256_mulhrs_epi16(_mm256_sub_epi16(low, by.zeros), by.added);
                        let high = _mm256_mulhrs_epi16(_mm256_sub_epi16(high, by.zeros), by.added);
                        (ab, cd) = (_mm256_adds_epi16(ab, low), _mm256_adds_epi16(cd, high));
                    }
                    let half = _mm256_set1_epi16(32);
                    let ab = _mm256_srai_epi16::<6>(_mm256_adds_epi16(ab, half));
                    let cd = _mm256_srai_epi16::<6>(_mm256_adds_epi16(cd, half));
                    _mm256_packus_epi16(ab, cd)
                }
            }
        }
    };
}

narrow!(Avx2Vnni, __m256i, __m256i, |v| v, v, |sum, d, w| _mm256_dpbusd_avx_epi32(sum, d, w));
narrow!(
    Avx2,
    [__m256i; 2],
    [__m256i; 2],
    |v| [_mm256_and_si256(v, _mm256_set1_epi16(0xff)), _mm256_srli_epi16::<8>(v)],
    [_mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(v)), _mm256_srai_epi16::<8>(v)],
    |sum, d, w| {
        let [even, odd] = [_mm256_madd_epi16(d[0], w[0]), _mm256_madd_epi16(d[1], w[1])];
        _mm256_add_epi32(_mm256_add_epi32(sum, even), odd)
    }
);
