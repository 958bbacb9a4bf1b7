//! Bytes in plain Rust.

use super::MAX_WIDTH;
use super::int8::{ByteOf, Dots, byte};

/// Plain Rust in arrays, of four usually; wider ones are for tests of what only the widest vectors do.
#[derive(Clone, Copy)]
pub(crate) struct PortableDots<const N: usize, const MANY: bool>;

impl<const N: usize, const MANY: bool> Dots for PortableDots<N, MANY> {
    type V = [u32; N];
    type Data = [[i32; N]; 4];
    type Weights = [[i32; N]; 4];
    type Scales = ([u32; 4], [u32; 4]);
    type Channels = [ByteOf; 4];
    const WIDTH: usize = {
        assert!(N.is_multiple_of(4) && MAX_WIDTH.is_multiple_of(N));
        N
    };
    const MANY: bool = MANY;
    #[inline(always)]
    fn splat(self, value: u32) -> [u32; N] {
        [value; N]
    }
    #[inline(always)]
    unsafe fn load(self, from: *const u32) -> [u32; N] {
        // SAFETY: the caller vouches for four values.
        unsafe { from.cast::<[u32; N]>().read_unaligned() }
    }
    #[inline(always)]
    fn load_part(self, from: &[u32]) -> [u32; N] {
        let mut v = [0; N];
        for (to, from) in v.iter_mut().zip(from) {
            *to = *from;
        }
        v
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut u32, v: [u32; N]) {
        // SAFETY: the caller vouches for four places.
        unsafe { to.cast::<[u32; N]>().write_unaligned(v) }
    }
    #[inline(always)]
    fn data(self, v: [u32; N]) -> [[i32; N]; 4] {
        let mut bytes = [[0; N]; 4];
        for k in 0..4 {
            for i in 0..N {
                bytes[k][i] = (v[i] >> (8 * k) & 0xff) as i32;
            }
        }
        bytes
    }
    #[inline(always)]
    fn weights(self, v: [u32; N]) -> [[i32; N]; 4] {
        let mut bytes = [[0; N]; 4];
        for k in 0..4 {
            for i in 0..N {
                bytes[k][i] = i32::from((v[i] >> (8 * k)) as i8);
            }
        }
        bytes
    }
    #[inline(always)]
    fn dot(self, sum: [u32; N], data: [[i32; N]; 4], weights: [[i32; N]; 4]) -> [u32; N] {
        let mut sums = sum;
        for k in 0..4 {
            for i in 0..N {
                sums[i] = sums[i].wrapping_add((data[k][i] * weights[k][i]) as u32);
            }
        }
        sums
    }
    #[inline(always)]
    fn add(self, a: [u32; N], b: [u32; N]) -> [u32; N] {
        core::array::from_fn(|i| a[i].wrapping_add(b[i]))
    }
    #[inline(always)]
    fn max(self, a: [u32; N], b: [u32; N]) -> [u32; N] {
        core::array::from_fn(|i| (a[i] as i32).max(b[i] as i32) as u32)
    }
    #[inline(always)]
    fn scales(self, multipliers: [u32; 4], shifts: [u32; 4]) -> Self::Scales {
        (multipliers, shifts)
    }
    #[inline(always)]
    fn requantise(self, sums: [[u32; N]; 4], (multipliers, shifts): &Self::Scales) -> [u32; N] {
        core::array::from_fn(|i| {
            u32::from_le_bytes(core::array::from_fn(|k| byte(sums[k][i] as i32, multipliers[k], shifts[k])))
        })
    }
    #[inline(always)]
    fn requantise_lanes(self, sum: [u32; N], multipliers: [u32; N], shifts: [u32; N]) -> [u32; N] {
        core::array::from_fn(|i| u32::from(byte(sum[i] as i32, multipliers[i], shifts[i])))
    }
    #[inline(always)]
    fn store_bytes(self, to: &mut [u8], v: [u32; N]) {
        for (to, v) in to.iter_mut().zip(v) {
            *to = v as u8;
        }
    }
    #[inline(always)]
    unsafe fn split_to(self, v: [u32; N], even: *mut u32, odd: *mut u32) {
        for i in 0..N / 2 {
            // SAFETY: the caller vouches for half as many places each.
            unsafe {
                even.add(i).write_unaligned(v[2 * i]);
                odd.add(i).write_unaligned(v[2 * i + 1]);
            }
        }
    }
    #[inline(always)]
    unsafe fn pairs_to(self, v: [u32; N], to: *mut u32) {
        for i in 0..N / 2 {
            // SAFETY: the caller vouches for half as many places.
            unsafe { to.add(i).write_unaligned(v[2 * i] & 0xffff | v[2 * i + 1] << 16) }
        }
    }
    #[inline(always)]
    unsafe fn fours_to(self, a: [u32; N], b: [u32; N], to: *mut u32) {
        for i in 0..N / 2 {
            let pair = |v: [u32; N]| (v[2 * i] | v[2 * i + 1] << 8) & 0xffff;
            // SAFETY: the caller vouches for half as many places.
            unsafe { to.add(i).write_unaligned(pair(a) | pair(b) << 16) }
        }
    }
    #[inline(always)]
    fn overlapping(self, from: &[u8]) -> [u32; N] {
        let from = &from[..2 * N + 2];
        core::array::from_fn(|i| u32::from_le_bytes(core::array::from_fn(|k| from[2 * i + k])))
    }
    #[inline(always)]
    fn threes(self, from: &[u8]) -> [u32; N] {
        let from = &from[..3 * N];
        core::array::from_fn(|i| u32::from_le_bytes([from[3 * i], from[3 * i + 1], from[3 * i + 2], 0]))
    }
    #[inline(always)]
    fn broadcast(self, four: [u32; 4]) -> [u32; N] {
        core::array::from_fn(|lane| four[lane % 4])
    }
    #[inline(always)]
    fn max_bytes(self, a: [u32; N], b: [u32; N]) -> [u32; N] {
        core::array::from_fn(|i| {
            let (a, b) = (a[i].to_le_bytes(), b[i].to_le_bytes());
            u32::from_le_bytes(core::array::from_fn(|k| a[k].max(b[k])))
        })
    }
    #[inline(always)]
    fn min_bytes(self, a: [u32; N], b: [u32; N]) -> [u32; N] {
        core::array::from_fn(|i| {
            let (a, b) = (a[i].to_le_bytes(), b[i].to_le_bytes());
            u32::from_le_bytes(core::array::from_fn(|k| a[k].min(b[k])))
        })
    }
    #[inline(always)]
    fn interleave(self, words: [[u32; N]; 4]) -> [[u32; N]; 4] {
        core::array::from_fn(|i| {
            core::array::from_fn(|lane| {
                let (from, shift) = (lane / 4 * 4 + i, 8 * (lane % 4));
                u32::from_le_bytes(core::array::from_fn(|k| (words[k][from] >> shift) as u8))
            })
        })
    }
    #[inline(always)]
    fn transpose(self, v: [[u32; N]; 4]) -> [[u32; N]; 4] {
        core::array::from_fn(|i| core::array::from_fn(|lane| v[lane % 4][lane / 4 * 4 + i]))
    }
    #[inline(always)]
    fn channels(self, by: &[ByteOf; 4]) -> [ByteOf; 4] {
        *by
    }
    #[inline(always)]
    fn requantise_channels(self, sums: [[u32; N]; 4], by: &[ByteOf; 4], added: Option<[u32; N]>) -> [u32; N] {
        core::array::from_fn(|lane| {
            let (first, i) = (lane / 4 * 4, lane % 4);
            let added = added.map(|added| added[lane].to_le_bytes());
            u32::from_le_bytes(core::array::from_fn(|j| {
                by[j].sum(sums[i][first + j] as i32, added.map(|bytes| bytes[j]))
            }))
        })
    }
}
