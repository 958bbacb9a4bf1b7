//! Many images at once: a lane is an image, so that every vector is full, values of neighbouring windows need not be
//! sorted, and sums are never taken across lanes.
//!
//! Each lane does what [`one`](crate::model) does for its image, in the same order, so answers have the same bits.

use crate::conv::{self, Conv, Layer, Sink};
use crate::dense::{images_dense, images_head, relu};
use crate::model::{prepared_len, take, take_mut};
use crate::planes::Pixel;
use crate::simd::{Images, Simd};
use crate::{Layout, Model};

/// Logits of [`Simd::WIDTH`] images.
#[inline(always)]
pub(crate) fn group<S: Simd, P: Pixel>(
    s: S,
    model: &Model<'_>,
    mut prepared: &[f32],
    mut work: &mut [f32],
    images: &[P],
    output: &mut [f32],
) {
    let architecture = &model.architecture;
    let (classes, branches, depth) = (architecture.classes, architecture.branches(), architecture.depth);
    let (features, units) = (architecture.features(), architecture.hidden.unwrap_or(0));
    let mut weights = model.weights;
    let block = model.convolutions().map(|conv| conv.block() as usize).max().unwrap_or(0);
    let block = take_mut(&mut work, block);
    let mut planes = take_mut(&mut work, architecture.pixels() * S::WIDTH);
    P::lanes(s, images, model.scaling, planes);
    let of_channel = architecture.height * architecture.width;
    // What lies between channels, rows and columns.
    let mut steps = match model.layout {
        Layout::Hwc => [1, architecture.width * architecture.channels, architecture.channels],
        Layout::Chw => [of_channel, architecture.width, 1],
    };
    let mut of_group = planes.len();
    for index in 0..depth {
        let conv = architecture.conv(index);
        let windows = conv.rows * conv.columns;
        let conv = Conv { pooled_len: windows * S::WIDTH, ..conv };
        let of_layer = take(&mut prepared, prepared_len(&conv));
        take(&mut weights, conv.groups * 9 * conv.inputs * conv.outputs);
        let bias = take(&mut weights, conv.groups * conv.outputs);
        let len = conv.outputs * conv.pooled_len;
        let pooled = take_mut(&mut work, conv.groups * len);
        let [channel, row, column] = steps.map(|step| step * S::WIDTH);
        let lanes = Images { channel, row, column, windows: conv.columns };
        for group in 0..conv.groups {
            let layer = Layer {
                conv: &conv,
                prepared: &of_layer[group * conv.prepared_group()..][..conv.prepared_group()],
                bias: &bias[group * conv.outputs..],
                planes: &planes[group * of_group..][..of_group],
            };
            let sink = Sink::Pooled(&mut pooled[group * len..][..len]);
            s.call(conv::Forward { layer, lanes, vectors: windows, block, sink });
        }
        (planes, steps) = (pooled, [windows, conv.columns, 1]);
        of_group = planes.len() / branches;
    }

    let joined = take_mut(&mut work, branches * classes * S::WIDTH);
    let hidden = take_mut(&mut work, units * S::WIDTH);
    let logits = take_mut(&mut work, if units == 0 { 0 } else { classes * S::WIDTH });
    let heads = take(&mut weights, branches * classes * features);
    let biases = take(&mut weights, branches * classes);
    let heads = heads.chunks_exact(classes * features).zip(biases.chunks_exact(classes));
    let inputs = planes.chunks_exact(of_group).zip(joined.chunks_exact_mut(classes * S::WIDTH));
    for ((weights, bias), (features, to)) in heads.zip(inputs) {
        images_head(s, weights, bias, features, to);
    }
    let mut last = &*joined;
    if units > 0 {
        if architecture.head_relu {
            relu(joined);
        }
        let matrix = take(&mut weights, branches * classes * units);
        images_dense(s, matrix, take(&mut weights, units), joined, true, hidden);
        let matrix = take(&mut weights, units * classes);
        images_dense(s, matrix, take(&mut weights, classes), hidden, false, logits);
        last = logits;
    }
    for (image, output) in output.chunks_exact_mut(classes).enumerate() {
        for (to, lanes) in output.iter_mut().zip(last.chunks_exact(S::WIDTH)) {
            *to = lanes[image];
        }
    }
}
