//! Plain Rust in arrays of four: what SSE2 and NEON hold in a register.

use super::{Simd, Task};

#[derive(Clone, Copy)]
pub(crate) struct Portable;

const N: usize = 4;

impl Simd for Portable {
    type V = [f32; N];
    const WIDTH: usize = N;
    // More sums at once are not kept in registers by the compiler, even if there are more.
    const MANY: bool = false;
    #[inline(never)]
    fn call<T: Task>(self, task: T) -> T::Output {
        task.run(self)
    }
    #[inline(always)]
    fn zero(self) -> [f32; N] {
        [0.0; N]
    }
    #[inline(always)]
    fn splat(self, value: f32) -> [f32; N] {
        [value; N]
    }
    #[inline(always)]
    unsafe fn load_from(self, from: *const f32) -> [f32; N] {
        // SAFETY: the caller vouches for four values.
        unsafe { from.cast::<[f32; N]>().read_unaligned() }
    }
    #[inline(always)]
    fn load(self, from: &[f32]) -> [f32; N] {
        [from[0], from[1], from[2], from[3]]
    }
    #[inline(always)]
    fn load_part(self, from: &[f32]) -> [f32; N] {
        let mut v = [0.0; N];
        for (to, from) in v.iter_mut().zip(from) {
            *to = *from;
        }
        v
    }
    #[inline(always)]
    unsafe fn load_few(self, from: *const f32, count: usize) -> [f32; N] {
        let mut v = [0.0; N];
        for (i, to) in v.iter_mut().enumerate().take(count) {
            // SAFETY: the caller vouches for `count` values.
            *to = unsafe { *from.add(i) };
        }
        v
    }
    #[inline(always)]
    unsafe fn store_few(self, to: *mut f32, count: usize, v: [f32; N]) {
        for (i, from) in v.into_iter().enumerate().take(count) {
            // SAFETY: the caller vouches for `count` places.
            unsafe { *to.add(i) = from };
        }
    }
    #[inline(always)]
    unsafe fn store_to(self, to: *mut f32, v: [f32; N]) {
        // SAFETY: the caller vouches for four places.
        unsafe { to.cast::<[f32; N]>().write_unaligned(v) }
    }
    #[inline(always)]
    fn store(self, to: &mut [f32], v: [f32; N]) {
        to[..N].copy_from_slice(&v);
    }
    #[inline(always)]
    fn add(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        core::array::from_fn(|i| a[i] + b[i])
    }
    #[inline(always)]
    fn sub(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        core::array::from_fn(|i| a[i] - b[i])
    }
    #[inline(always)]
    fn mul(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        core::array::from_fn(|i| a[i] * b[i])
    }
    #[inline(always)]
    fn fma(self, a: [f32; N], b: [f32; N], c: [f32; N]) -> [f32; N] {
        // An instruction on aarch64; a slow library function where it is not, and not to be had without `std`.
        #[cfg(all(feature = "std", target_arch = "aarch64"))]
        return core::array::from_fn(|i| a[i].mul_add(b[i], c[i]));
        #[cfg(not(all(feature = "std", target_arch = "aarch64")))]
        core::array::from_fn(|i| a[i] * b[i] + c[i])
    }
    #[inline(always)]
    fn max(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        core::array::from_fn(|i| if a[i] > b[i] { a[i] } else { b[i] })
    }
    #[inline(always)]
    fn min(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        core::array::from_fn(|i| if a[i] < b[i] { a[i] } else { b[i] })
    }
    #[inline(always)]
    fn sum(self, v: [f32; N]) -> f32 {
        (v[0] + v[2]) + (v[1] + v[3])
    }
    #[inline(always)]
    unsafe fn copy_half(self, from: *const f32, to: *mut f32) {
        // SAFETY: the caller vouches for two values.
        unsafe { to.cast::<[f32; 2]>().write_unaligned(from.cast::<[f32; 2]>().read_unaligned()) }
    }
    #[inline(always)]
    unsafe fn split_to(self, v: [f32; N], even: *mut f32, odd: *mut f32) {
        // SAFETY: the caller vouches for two places each.
        unsafe {
            even.cast::<[f32; 2]>().write_unaligned([v[0], v[2]]);
            odd.cast::<[f32; 2]>().write_unaligned([v[1], v[3]]);
        }
    }
    #[inline(always)]
    unsafe fn turn(self, from: *const f32, stride: usize, to: *mut f32) {
        for i in 0..N {
            for lane in 0..N {
                // SAFETY: the caller vouches for four values of four rows, and as many places.
                unsafe { *to.add(i * N + lane) = *from.add(lane * stride + i) };
            }
        }
    }
    #[inline(always)]
    unsafe fn turn_bytes(self, from: *const u8, stride: usize, scale: [f32; N], shift: [f32; N], to: *mut f32) {
        for i in 0..4 * N {
            // SAFETY: the caller vouches for 16 values of four rows, and as many vectors.
            unsafe {
                let value = core::array::from_fn(|lane| f32::from(*from.add(lane * stride + i)));
                self.store_to(to.add(i * N), self.fma(value, scale, shift));
            }
        }
    }
    #[inline(always)]
    fn load_split(self, from: &[f32]) -> ([f32; N], [f32; N]) {
        let from = &from[..2 * N];
        (core::array::from_fn(|i| from[2 * i]), core::array::from_fn(|i| from[2 * i + 1]))
    }
    #[inline(always)]
    fn bytes_split(self, from: &[u8]) -> ([f32; N], [f32; N]) {
        let from = &from[..2 * N];
        (core::array::from_fn(|i| f32::from(from[2 * i])), core::array::from_fn(|i| f32::from(from[2 * i + 1])))
    }
    #[inline(always)]
    fn colours_split(self, from: &[u8]) -> [([f32; N], [f32; N]); 3] {
        let from = &from[..6 * N];
        core::array::from_fn(|c| {
            let channel = |p: usize| f32::from(from[3 * p + c]);
            (core::array::from_fn(|i| channel(2 * i)), core::array::from_fn(|i| channel(2 * i + 1)))
        })
    }
}
