//! Inference of the small convolutional classifiers of Isong, *Building Efficient Lightweight CNN Models* (2025), and of
//! others that are lists of convolutions, poolings and sums, without libtorch: `no_std`, no dependencies, no allocation,
//! with AVX-512 or AVX2 where the processor has it.
//!
//! A [`Model`] is a view of a model file's bytes. A [`Session`] is a model with its weights prepared for the kernels
//! in memory that the caller gives; it answers images of `u8` or `f32` ([`Pixel`]), which lie as [`Layout`] says.
//!
//! ```
//! # #[cfg(not(feature = "alloc"))]
//! # fn main() {}
//! # #[cfg(feature = "alloc")]
//! use litecnn_runtime::{AlignedBytes, Architecture, Model, Scaling, encode, top1};
//!
//! # #[cfg(feature = "alloc")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Usually read from disk: a branch on grey images of 28x28 pixels with 10 and 20 filters and two classes.
//! let architecture = Architecture::branch(1, 28, 28, &[10, 20], 2)?;
//! let weights = vec![0.01; architecture.parameters()];
//! let scaling = Scaling { scale: 1.0 / 255.0, shift: 0.0 };
//! let file = AlignedBytes::new(&encode(&architecture, &["cat", "dog"], scaling, &weights)?);
//!
//! let model = Model::from_bytes(&file)?;
//! let mut scratch = vec![0.0; model.scratch_len()]; // `batch_scratch_len` for batches of 16 and more
//! let mut session = model.session(&mut scratch)?;
//! let mut probabilities = [0.0; 2];
//! session.predict(&[128u8; 28 * 28], &mut probabilities)?;
//! assert_eq!(model.class_names().nth(top1(&probabilities)), Some("cat"));
//! # Ok(())
//! # }
//! ```
//!
//! # How it is fast
//!
//! A vector holds neighbouring pooling windows, so no lane waits for channels that there are too few of. The four
//! values of a window are computed by Winograd's minimal filtering, `F(2x2, 3x3)`: 16 multiplications a channel
//! instead of 36. Pooling, bias and ReLU happen in registers, both branches' first layers run together, and windows
//! that later layers do not look at are not computed.
//!
//! In batches a lane is an image: every vector is full, pooled values are the next layer's inputs as they are, and no
//! sum goes across lanes. This takes more memory, [`Model::batch_scratch_len`]; with less, the images of a batch are
//! answered one by one. An image's answer has the same bits either way and in whatever batch. Levels
//! ([`Level`]) differ from each other and from libtorch by rounding, about one part in a million of the largest logit.
//!
//! # Lists of operations
//!
//! A model can also be a list of up to 255 operations ([`Model::operations`]), each a convolution or pooling of a value
//! made before, plus another value, bounded: what a network becomes whose batch norms are folded into its convolutions.
//! It is read and asked like the others. `encode_network` writes one.
//!
//! There, maps lie `[height][width][channel]`. A lane is a channel that comes out, so vectors are full with 16 channels and
//! their multiples. A convolution computes 8 positions by 2 vectors at once, which stay in registers with the sums until
//! they are complete; the value to be added, ReLU and its bound of 6 come in on the way to memory. 1x1 convolutions see
//! a whole map as one row; larger ones copy the rows they need beside zeros, each once, and nothing where there is no padding.
//! Depthwise convolutions and poolings read the map as it lies and cut windows at its sides.
//!
//! Where values lie in the working memory is in the file: in places that are used again once nothing reads what was
//! there, a sum in the place of what it is added to. The reader checks that nothing is overwritten that is still needed.
//! Batches go image by image.
//!
//! With 8-bit weights maps lie in planes of four channels a word, surrounded by bytes that stand for zero, as far as any
//! operation looks. A lane is a position: what a convolution sees beside it are vectors that start a word or a row
//! further. Convolutions whose outcome is as wide as their map see it as one row. Those that see each channel alone first
//! bring four columns of a channel into one word, for the same instructions. Where columns are skipped, those
//! that belong together are copied first.
//!
//! # 8-bit weights
//!
//! A model can also hold integers ([`Model::is_int8`]): a quarter of the size (a list of operations of small kernels a
//! third) and, with AVX-512 VNNI, about half of the time (such a list 0.57 to 0.81 of it); without instructions for
//! products of bytes it takes longer than floats. It is read, asked and answers in the same way; only between pixels and
//! logits all is integers, so every level gives the same bits.
//!
//! - Pixels of `u8` are seen as they are. An `f32` pixel becomes `(pixel - shift) / scale`, rounded to the nearest
//!   byte.
//! - A layer's sum is the bias and all products of input bytes (0 to 255) and weights (-128 to 127), in 32 bits. A file
//!   with which a sum could leave 32 bits is refused.
//! - Of a branch's convolution the largest sum of each pooling window counts.
//! - Of a sum becomes the byte `r(r(short * multiplier / 2^15) / 2^6)`, saturated to 0 to 255, where `short` is `sum >>
//!   shift` (rounded down), saturated to 16 bits, and `r` rounds to the nearest integer, halves up. So a byte is about
//!   `sum * multiplier / 2^(21 + shift)`. Saturating at 0 is the ReLU.
//! - A logit is the sum as `f32` times the `f32` scale of its class.
//! - In a list of operations, a pooling's sum is the bias and 127 times the largest byte of a window, or the sum of its
//!   bytes. What a byte `added` adds is `r((added - zero) * factor / 2^8)`, before the division by `2^6`; both parts and
//!   their sum are saturated to 16 bits. So it is about `(added - zero) * factor / 2^14` bytes. Around a map each channel has
//!   the byte that stands for zero, but the largest byte of a window is one within the map.
//!
//! What the bytes stand for is not in the file, but for zero where a list of operations pads or adds: scales are part of
//! multipliers, zero points of outputs are part of biases on both sides, as are the half that a shift should round by, the
//! pixels' `shift`, and what an image's values are multiplied by and added to. ReLU follows an operation, or (bit 0
//! of the flags) the heads, where bytes end with the one that stands for zero.
//!
//! Lanes of 32 bits hold four bytes each: four channels of a pixel; of one or two channels of a branch that are left, four
//! or two neighbouring pixels. Lanes are neighbouring pooling windows.
//!
//! # Features
//!
//! `std` (default) looks at run time which instructions there are. Without it the compiler's target features decide.
//! `alloc` has `encode`, which writes files, and `AlignedBytes`.
//!
//! # The file
//!
//! Version 1. Numbers are little-endian; the weights of a file are used in place, so big-endian machines refuse it.
//!
//! | byte | what                                                                                     |
//! |-----:|------------------------------------------------------------------------------------------|
//! |    0 | `LITECNN` and a zero byte                                                                |
//! |    8 | `u16` version: 1                                                                         |
//! |   10 | `u8` kind of weights: 0 is `f32`, 1 is 8-bit integers                                     |
//! |   11 | `u8` architecture: 1 is one branch, 2 is unified, 3 is a list of operations              |
//! |   12 | `u32` flags: bit 0 says that ReLU follows the heads (unified only); others are zero      |
//! |   16 | `u32` length of the file in bytes                                                        |
//! |   20 | `u32` CRC-32 (as in zip) of all bytes but these four                                     |
//! |   24 | `u32` where the weights start: the first multiple of 64 after the class names            |
//! |   28 | `u32` length of the weights in bytes; the file ends with them                            |
//! |   32 | `u16` channels, `u16` height, `u16` width of an image, `u16` classes                     |
//! |   40 | `u32` units of the hidden layer; 0 for one branch; of a list, where the image lies       |
//! |   44 | `u16` number of convolutions, 1 to 15, or of operations, 1 to 255; `u16` zero            |
//! |   48 | `f32` scale, `f32` shift: a `u8` pixel becomes `scale * pixel + shift`                   |
//! |   56 | `u32` length of the class names in bytes                                                 |
//! |   60 | `u8` fit of pictures: 0 is not told, 1 stretched, 2 letterboxed, 3 cropped; then the background's red, green and blue ([`Pictures`]), zero if nothing is told |
//! |   64 | `u16` filters of each convolution, or 24 bytes of each operation                         |
//! |    … | class names: for each `u16` length in bytes, then UTF-8; then zeros up to the weights    |
//! |    … | weights                                                                                  |
//!
//! Weights of kind 0 are `f32` and stand in the order that kernels read in, with nothing between them:
//!
//! - for each convolution the kernels `[group][ky][kx][input][output]`, then the biases `[group][output]`; a group is a
//!   branch, but the first convolution has one group of both branches' outputs;
//! - the heads `[branch][class][channel][y][x]`, then their biases `[branch][class]` (libtorch's weights here have
//!   features in the order height, width, channel; `encode` turns them);
//! - for a unified model the hidden layer `[input][unit]` and its biases, the output layer `[unit][class]` and its
//!   biases.
//!
//! In a list of operations values are numbered: 0 is the image, `n` what operation `n` gives,
//! counted from 1; the last one is as large as there are classes. An operation is
//!
//! | byte | what                                                                                      |
//! |-----:|-------------------------------------------------------------------------------------------|
//! |    0 | `u8` kind: 1 convolution, 2 largest value of each window, 3 sum of each window over its number of places, those beyond the map included |
//! |    1 | `u8` what follows: 0 nothing, 1 ReLU, 2 ReLU and a bound of 6                             |
//! |    2 | `u16` value that is read, made before                                                     |
//! |    4 | `u16` value of the same shape that is added before that; 65,535 for none                  |
//! |    6 | `u16` groups of channels that do not see each other; 1 for windows                        |
//! |    8 | `u16` channels that come out, 1 to 4,096, then `u16` height and `u16` width               |
//! |   14 | `u8` height and `u8` width of kernel or window, `u8` vertical and `u8` horizontal step, `u8` padding above and below, `u8` padding on the left and on the right; less than the kernel |
//! |   20 | `u32` where the outcome lies in the working memory, in words of 32 bits; a multiple of 16 |
//!
//! Outcomes have `(side + 2 * padding - kernel) / step + 1` rows and columns, rounded down. None may lie where something
//! lies that is read later or by the operation itself, but exactly where what is added lies; and all together in no more
//! memory than if each had its own. With weights of kind 0 a value is a float of each position and channel, with kind 1 for
//! each four channels, or the last fewer, `(height + 2p) * (width + p) + p` words, `p` being the most that any operation
//! pads.
//!
//! Weights of a list of kind 0 are `f32`, each of the following at a multiple of 16 of them, with zeros between: for the image's
//! values from 0 to 1 factors `[channel]` and then summands `[channel]`; for each convolution kernels
//! `[group][ky][kx][input][output]`, then biases `[output]`. If each channel is seen alone by one kernel, that is
//! `[ky][kx][channel]`.
//!
//! Those of kind 1 are words of 32 bits. A word of weights is four `i8`, the first in the lowest byte; where there are
//! fewer than four they are the first, and the others are 0. The scale at byte 48 is positive and has a finite inverse.
//!
//! - For each convolution, branch, and block of four outputs (the last one may have fewer): `i32` biases `[output]`,
//!   `u32` multipliers `[output]` (1 to 32,767), `u32` shifts `[output]` (0 to 31), then the kernels
//!   `[unit][ky][output][word]`. A unit is four inputs, or the one, two or three that are left:
//!
//!   | inputs | words                                                                      |
//!   |-------:|----------------------------------------------------------------------------|
//!   |   3, 4 | 3: for each `kx` the inputs' weights                                       |
//!   |      2 | 2: `kx` 0 of both inputs, then `kx` 1 of both; `kx` 2 of both              |
//!   |      1 | 1: `kx` 0, 1 and 2                                                         |
//!
//! - For each branch the head: biases, multipliers, shifts `[class]`, then words `[channel / 4][y][x][class]` of four
//!   channels.
//! - For a unified model the hidden layer: biases, multipliers, shifts `[unit]`, then words `[input / 4][unit]` of four
//!   inputs, which are the classes of the first branch, then of the second.
//! - The layer that gives the logits, which is a single branch's head or the output layer (of words `[unit /
//!   4][class]`), has no shifts, and `f32` scales instead of multipliers.
//!
//! Words of a list of kind 1, with nothing between them; outputs are as many as there are, and zeros up to the next
//! multiple of four:
//!
//! - the bytes that stand for zero in the image `[channel]`, four a word;
//! - for each operation `i32` biases `[output]`; then `[output]` a `u16` multiplier (1 to 32,767), a `u8` shift (0 to 31) and
//!   the byte that stands for zero; if something is added, `[output]` a `u16` factor (1 to 32,767) and a `u16`, the byte that
//!   stands for zero there; if a bound of 6 follows, `[output]` the largest byte, four a word;
//! - then, of a convolution, for each four outputs words `[channel / 4][ky][kx][output]` of four channels, from the first to
//!   the last four that any of these outputs sees; if each channel is seen alone by one kernel, words
//!   `[ky][kx / 4][output]` of four columns. What is not seen, and what there is not, has weights of zero.
//! - Of the last operation come logits: it has `f32` scales `[output]` instead of multipliers, adds nothing, and nothing
//!   follows it.
#![cfg_attr(not(test), no_std)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

// So that unit tests can use what integration tests have in common.
#[cfg(test)]
extern crate self as litecnn_runtime;

mod conv;
mod crc;
mod dense;
#[cfg(feature = "alloc")]
mod encode;
mod error;
mod format;
mod group;
mod int8;
mod model;
mod operations;
mod pictures;
mod planes;
mod shape;
mod simd;

#[cfg(feature = "alloc")]
pub use encode::{AlignedBytes, EncodeError, encode, with_pictures};
pub use error::{LoadError, PredictError};
pub use format::VERSION;
#[cfg(feature = "alloc")]
pub use int8::{Quantised, QuantisedLayer, Requantisation, encode_int8};
pub use model::{Layout, Model, Session};
pub use operations::{Activation, MAX_OPERATIONS, Operation, OperationKind};
#[cfg(feature = "alloc")]
pub use operations::{Network, Plan, QuantisedNetwork, QuantisedOperation, encode_network, encode_network_int8, plan};
pub use pictures::{Fit, Pictures};
pub use planes::{Pixel, Scaling};
pub use shape::{Architecture, ArchitectureError, MAX_CONVOLUTIONS};
pub use simd::Level;

/// The bytes of a model file, built into the program and aligned as [`Model::from_bytes`] wants them: `&'static [u8]`.
/// The path is relative to the source file.
///
/// ```ignore
/// let model = litecnn_runtime::Model::from_bytes(litecnn_runtime::include_model!("mnist.litecnn"))?;
/// ```
#[macro_export]
macro_rules! include_model {
    ($path:expr $(,)?) => {{
        #[repr(C, align(64))]
        struct Aligned<T: ?Sized>(T);
        static FILE: &Aligned<[u8]> = &Aligned(*include_bytes!($path));
        &FILE.0
    }};
}

/// The class with the largest value, the first one if there are several; values that are not numbers do not count.
///
/// ```
/// assert_eq!(litecnn_runtime::top1(&[0.1, 0.7, 0.2]), 1);
/// ```
pub fn top1(values: &[f32]) -> usize {
    let mut best = (0, f32::NEG_INFINITY);
    for (class, &value) in values.iter().enumerate() {
        if value > best.1 {
            best = (class, value);
        }
    }
    best.0
}
