//! Vectors of `f32` and what else has no safe form. The only module with unsafe code.
//!
//! A set of instructions is a token that only exists where the processor has the instructions ([`Level::run`] makes
//! it), so the methods of the token are safe to call. Loads and stores check lengths.
#![allow(unsafe_code)]

mod cast;
mod channels;
mod int8;
mod patches;
mod portable;
mod portable_int8;
pub(crate) mod positions;
mod products;
mod rows;
#[cfg(target_arch = "x86_64")]
mod x86;
#[cfg(target_arch = "x86_64")]
mod x86_int8;

#[cfg(feature = "alloc")]
pub(crate) use cast::{Line, bytes_of, bytes_of_mut};
pub(crate) use cast::{bytes_of_words, floats_of, line_offset, words_of, words_of_floats};
pub(crate) use channels::{Alone, Store, Sums, Window, alone, sums};
pub(crate) use int8::{
    ByteOf, Dots, DotsTask, Inputs, LaneRows, Unit, copy_lanes, dense_sums, spread, store_at, window_sums,
};
pub(crate) use patches::{Images, Lanes, Windows, differences, patch, transform};
pub(crate) use products::{lane_sums, products, row_sums};
pub(crate) use rows::{Rows, copy_rows, split_each, split_rows, store_each, store_pair, turn, turn_bytes};

/// A set of vector instructions. Methods are inlined into functions that enable the instructions. Closures are not
/// (they are functions of their own, without the instructions), so none takes or gives a vector.
pub(crate) trait Simd: Copy {
    type V: Copy;
    /// Lanes of a vector; divides [`MAX_WIDTH`].
    const WIDTH: usize;
    /// Whether there are 32 vector registers (else 16).
    const MANY: bool;
    /// Runs a task as a function of its own: what is inlined into one large function shares its registers badly.
    fn call<T: Task>(self, task: T) -> T::Output;
    fn zero(self) -> Self::V;
    fn splat(self, value: f32) -> Self::V;
    /// # Safety
    /// The pointer must be good for [`Simd::WIDTH`] values; it need not be aligned.
    unsafe fn load_from(self, from: *const f32) -> Self::V;
    /// The first values of a slice. Panics if there are fewer than [`Simd::WIDTH`].
    fn load(self, from: &[f32]) -> Self::V;
    /// A slice of at most [`Simd::WIDTH`] values, then zeros.
    fn load_part(self, from: &[f32]) -> Self::V;
    /// The first lanes; the others are zero.
    ///
    /// # Safety
    /// The pointer must be good for `count` values, at most [`Simd::WIDTH`]; it need not be aligned.
    unsafe fn load_few(self, from: *const f32, count: usize) -> Self::V;
    /// The first lanes only.
    ///
    /// # Safety
    /// As [`Simd::load_few`].
    unsafe fn store_few(self, to: *mut f32, count: usize, v: Self::V);
    /// To the first places of a slice. Panics if there are fewer than [`Simd::WIDTH`].
    fn store(self, to: &mut [f32], v: Self::V);
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`, rounded once where the instructions can.
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `a > b ? a : b`
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a < b ? a : b`
    fn min(self, a: Self::V, b: Self::V) -> Self::V;
    /// Sum of the lanes: of the first half and the second half, and so on.
    fn sum(self, v: Self::V) -> f32;
    /// # Safety
    /// The pointer must be good for [`Simd::WIDTH`] values; it need not be aligned.
    unsafe fn store_to(self, to: *mut f32, v: Self::V);
    /// Copies half a vector.
    ///
    /// # Safety
    /// The pointers must be good for half a vector; they need not be aligned.
    unsafe fn copy_half(self, from: *const f32, to: *mut f32);
    /// Lanes 0, 2, 4… to `even`, lanes 1, 3, 5… to `odd`.
    ///
    /// # Safety
    /// The pointers must be good for half a vector each; they need not be aligned.
    unsafe fn split_to(self, v: Self::V, even: *mut f32, odd: *mut f32);
    /// Values 0, 2, 4… and 1, 3, 5… of 2 * [`Simd::WIDTH`].
    fn load_split(self, from: &[f32]) -> (Self::V, Self::V);
    /// As [`Simd::load_split`] of bytes.
    fn bytes_split(self, from: &[u8]) -> (Self::V, Self::V);
    /// Values of [`Simd::WIDTH`] rows, `stride` values apart, [`Simd::WIDTH`] of each: the first ones to the first
    /// vector, then the second ones.
    ///
    /// # Safety
    /// The pointers must be good for these rows, and for [`Simd::WIDTH`] vectors; they need not be aligned.
    unsafe fn turn(self, from: *const f32, stride: usize, to: *mut f32);
    /// As [`Simd::turn`] of 4 * [`Simd::WIDTH`] bytes of each row, to as many vectors of `scale * byte + shift`.
    ///
    /// # Safety
    /// As [`Simd::turn`].
    unsafe fn turn_bytes(self, from: *const u8, stride: usize, scale: Self::V, shift: Self::V, to: *mut f32);
    /// As [`Simd::bytes_split`] for 2 * [`Simd::WIDTH`] pixels of three bytes: even and odd ones of each channel.
    fn colours_split(self, from: &[u8]) -> [(Self::V, Self::V); 3];
}

/// Lanes of the widest vector: what buffers are padded to.
pub(crate) const MAX_WIDTH: usize = 16;

/// Something to do with whatever instructions there are.
pub(crate) trait Task {
    type Output;
    /// Must be inlined always, with all it calls that takes a token.
    fn run<S: Simd>(self, s: S) -> Self::Output;
}

/// Instructions that the kernels run with; only made where the processor has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level(Instructions);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Instructions {
    /// As below with VNNI.
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    /// x86-64 with AVX-512 F, BW, DQ and VL.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// As below with AVX-VNNI.
    #[cfg(target_arch = "x86_64")]
    Avx2Vnni,
    /// x86-64 with AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
    /// Plain Rust in vectors of bytes that are as wide as AVX-512's, with as many registers.
    #[cfg(test)]
    Wide,
}

/// Whether there are these features: looked at when running with `std`, decided by the compiler's target without.
#[cfg(target_arch = "x86_64")]
macro_rules! has {
    ($($feature:tt),+) => {{
        #[cfg(feature = "std")]
        let found = $(std::arch::is_x86_feature_detected!($feature))&&+;
        #[cfg(not(feature = "std"))]
        let found = $(cfg!(target_feature = $feature))&&+;
        found
    }};
}

impl Level {
    /// Plain Rust, which compilers turn into what vector instructions the target always has (SSE2, NEON).
    pub const PORTABLE: Self = Self(Instructions::Portable);

    /// The best one there is here: looked up when running with the feature `std`, otherwise what the compiler was
    /// told the target has.
    pub fn detect() -> Self {
        Self::available().next().unwrap_or(Self::PORTABLE)
    }

    /// All there are here, best first.
    pub fn available() -> impl Iterator<Item = Self> {
        #[cfg(target_arch = "x86_64")]
        let vectors = [
            has!("avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512vnni").then_some(Self(Instructions::Avx512Vnni)),
            has!("avx512f", "avx512bw", "avx512dq", "avx512vl").then_some(Self(Instructions::Avx512)),
            has!("avx2", "fma", "avxvnni").then_some(Self(Instructions::Avx2Vnni)),
            has!("avx2", "fma").then_some(Self(Instructions::Avx2)),
        ];
        #[cfg(not(target_arch = "x86_64"))]
        let vectors: [Option<Self>; 0] = [];
        #[cfg(test)]
        let vectors = vectors.into_iter().chain([Some(Self(Instructions::Wide))]);
        vectors.into_iter().flatten().chain([Self::PORTABLE])
    }

    /// `avx512vnni`, `avx512`, `avx2vnni`, `avx2` or `portable`. VNNI matters to 8-bit weights only.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512Vnni => "avx512vnni",
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2Vnni => "avx2vnni",
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => "avx2",
            Instructions::Portable => "portable",
            #[cfg(test)]
            Instructions::Wide => "wide",
        }
    }

    /// Lanes of a vector: multiplications and additions that an instruction does at once.
    pub fn width(self) -> usize {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512Vnni | Instructions::Avx512 => x86::Avx512::WIDTH,
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2Vnni | Instructions::Avx2 => x86::Avx2::WIDTH,
            Instructions::Portable => portable::Portable::WIDTH,
            #[cfg(test)]
            Instructions::Wide => portable::Portable::WIDTH,
        }
    }

    /// Runs a task with these instructions.
    pub(crate) fn run<T: Task>(self, task: T) -> T::Output {
        match self.0 {
            // SAFETY: this level is only made where the processor has the instructions.
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512Vnni | Instructions::Avx512 => unsafe { x86::run_avx512(task) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2Vnni | Instructions::Avx2 => unsafe { x86::run_avx2(task) },
            Instructions::Portable => portable::Portable.call(task),
            #[cfg(test)]
            Instructions::Wide => portable::Portable.call(task),
        }
    }

    /// Runs a task on bytes with these instructions.
    pub(crate) fn run_dots<T: DotsTask>(self, task: T) {
        match self.0 {
            // SAFETY: this level is only made where the processor has the instructions.
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512Vnni => unsafe { x86_int8::run_avx512_vnni(task) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => unsafe { x86_int8::run_avx512(task) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2Vnni => unsafe { x86_int8::run_avx2_vnni(task) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => unsafe { x86_int8::run_avx2(task) },
            Instructions::Portable => task.run(portable_int8::PortableDots::<4, false>),
            #[cfg(test)]
            Instructions::Wide => task.run(portable_int8::PortableDots::<16, true>),
        }
    }
}
