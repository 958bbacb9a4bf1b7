//! Buffers of exactly the lengths asked for, each alone on the heap, so that AddressSanitizer sees what is read or
//! written beyond: `RUSTFLAGS=-Zsanitizer=address cargo +nightly test --target x86_64-unknown-linux-gnu --test bounds`.
//! Without it, guard values around the scratch and the output show writes.
#![cfg(feature = "alloc")]
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::int8::quantised;
use common::network::{network_weights, random_network};
use common::{Rng, weights};
use litecnn_runtime::{
    AlignedBytes, Architecture, Layout, Level, Model, Pixel, Scaling, Session, encode, encode_int8, encode_network,
};

const SCALING: Scaling = Scaling { scale: 1.0 / 255.0, shift: 0.0 };
const GUARD: f32 = 12_345.678;
/// Values on either side; the scratch starts at every remainder of an alignment of 64 bytes.
const MARGIN: usize = 16;

/// Small sides, every remainder of a vector's width, one to three layers.
fn architectures() -> Vec<Architecture> {
    let mut all = Vec::new();
    for side in 4..if cfg!(miri) { 6 } else { 40 } {
        all.push(Architecture::branch(1, side, side + side % 5, &[1 + side % 4], 2 + side % 3));
        all.push(Architecture::unified(
            3,
            side + side % 3,
            side,
            &[2, 3][..1 + usize::from(side > 9)],
            3,
            1 + side,
            true,
        ));
    }
    all.push(Architecture::unified(1, 28, 28, &[10, 20], 10, 32, false));
    all.push(Architecture::unified(3, 32, 32, &[10, 20], 10, 32, false));
    all.push(Architecture::branch(2, 40, 70, &[17, 5, 33], 19));
    all.into_iter().map(Result::unwrap).collect()
}

/// Weights of 32-bit floats, and of bytes.
fn files(architecture: &Architecture) -> [AlignedBytes; 2] {
    let names: Vec<String> = (0..architecture.classes()).map(|class| class.to_string()).collect();
    let mut rng = Rng(8);
    let floats = encode(architecture, &names, SCALING, &weights(architecture, &mut rng)).unwrap();
    let integers = encode_int8(architecture, &names, SCALING, &quantised(architecture, &mut rng)).unwrap();
    [floats, integers].map(|file| AlignedBytes::new(&file))
}

/// Lists of operations.
fn lists() -> Vec<AlignedBytes> {
    let mut rng = Rng(9);
    let count = if cfg!(miri) { 2 } else { 60 };
    let list = |_| {
        let network = random_network(&mut rng, if cfg!(miri) { 4 } else { 20 }, 40, 3);
        let weights = network_weights(&network, &mut rng);
        AlignedBytes::new(&encode_network(&network, &["a", "b", "c"], SCALING, &weights).unwrap())
    };
    (0..count).map(list).collect()
}

/// Memory, and where the scratch starts in it: if it can be had, such that aligning it uses up all spare room, since
/// what is read beyond the last value needed would fall into that unseen.
fn scratch(len: usize) -> (Box<[f32]>, usize) {
    let tight = (0..16).map(|at| (vec![f32::NAN; at + len].into_boxed_slice(), at));
    let mut tight = tight.filter(|(memory, at)| (memory.as_ptr().addr() + 4 * at) % 64 == 4);
    tight.next().unwrap_or_else(|| (vec![f32::NAN; len].into_boxed_slice(), 0))
}

fn answer<P: Pixel>(session: &mut Session<'_, '_>, images: &[P], classes: usize) {
    let count = images.len() / session.model().pixels();
    // Allocations of their own: nothing may be read beyond the images or written beyond the output.
    let images = images.to_vec().into_boxed_slice();
    let mut output = vec![f32::NAN; count * classes].into_boxed_slice();
    session.predict_batch(&images, &mut output).unwrap();
    assert!(output.iter().all(|p| (0.0..=1.0).contains(p)));
    session.logits_batch(&images, &mut output).unwrap();
    assert!(output.iter().all(|v| v.is_finite()));
}

#[test]
fn nothing_beyond_the_buffers_is_touched() {
    let layers = architectures().into_iter().map(|architecture| files(&architecture).into());
    for files in layers.chain([lists()]) {
        for file in &files {
            for (level, layout) in Level::available().flat_map(|l| [(l, Layout::Hwc), (l, Layout::Chw)]) {
                let model = Model::from_bytes(file).unwrap().with_level(level).with_layout(layout);
                let (pixels, classes) = (model.pixels(), model.classes());
                for (len, counts) in
                    [(model.scratch_len(), [1, 2, 5]), (model.batch_scratch_len(), [1, level.width(), 29])]
                {
                    let (mut memory, at) = scratch(len);
                    let mut session = model.session(&mut memory[at..]).unwrap();
                    for count in counts {
                        answer(&mut session, &vec![200u8; count * pixels], classes);
                        answer(&mut session, &vec![0.5f32; count * pixels], classes);
                    }
                }
            }
        }
    }
}

#[test]
fn nothing_around_the_scratch_and_the_output_is_written() {
    let layers = architectures().into_iter().step_by(if cfg!(miri) { 5 } else { 1 });
    let layers = layers.map(|architecture| files(&architecture).into());
    for files in layers.chain([lists()]) {
        for file in &files {
            for (level, at) in Level::available().flat_map(|l| [(l, 1), (l, 7), (l, MARGIN)]) {
                let model = Model::from_bytes(file).unwrap().with_level(level);
                for (needed, count) in [(model.scratch_len(), 3), (model.batch_scratch_len(), 19)] {
                    let values = count * model.classes();
                    let mut memory = vec![GUARD; needed + 2 * MARGIN];
                    let mut output = vec![GUARD; values + 2 * MARGIN];
                    let images = vec![9u8; count * model.pixels()];
                    let to = &mut output[at..][..values];
                    model.predict_batch(&images, &mut memory[at..][..needed], to).unwrap();
                    for (memory, len) in [(&memory, needed), (&output, values)] {
                        let outside = memory[..at].iter().chain(&memory[at + len..]);
                        assert!(
                            outside.clone().all(|&value| value == GUARD),
                            "{:?} {level:?} {at}",
                            model.architecture()
                        );
                    }
                }
            }
        }
    }
}
