//! ResNet-101: a stem, four stages of 3, 4, 23 and 3 blocks, a head. The stem keeps the size, and so does stage 1.

use super::{Family, Variant};
use crate::Part;
use crate::blocks::*;
use crate::layer::{Conv, Layer, Repeat};

/// The variants by number.
pub(super) const VARIANTS: [Variant; 15] = [
    resnet(1, "baseline", || {
        let bottleneck = |w: Wide| bottleneck(w, Middle::Full);
        [stem(Conv::new(3, 64)), wide(bottleneck), head(DENSE)].concat()
    }),
    resnet(2, "fire", || {
        let fire =
            |Wide { hidden, out, stride, project }| FireBottleneck { squeeze: hidden, out, stride, project }.into();
        [stem(Conv::new(3, 64)), wide(fire), head(DENSE)].concat()
    }),
    resnet(3, "nx1-1xn", || {
        let bottleneck = |w: Wide| bottleneck(w, Middle::Factorised);
        [stem(Factorised::new(64)), wide(bottleneck), head(DENSE)].concat()
    }),
    resnet(4, "dwconv", || {
        let bottleneck = |w: Wide| bottleneck(w, Middle::Depthwise);
        [stem(Separable::new(64)), wide(bottleneck), head(DENSE)].concat()
    }),
    resnet(5, "grouped-pointwise-shuffle", || {
        let grouped = |Wide { hidden, out, stride, project }| {
            GroupedBottleneck { hidden, out, stride, project, groups: 4 }.into()
        };
        [stem(Separable::new(64)), wide(grouped), head(DENSE)].concat()
    }),
    resnet(6, "inverted", || {
        let tail = [vec![inverted(512, 512, 1, true)], conv_norm_relu6(2048)].concat();
        [stem(Separable::new(64)), inverted_stages(tail), head(DENSE)].concat()
    }),
    resnet(7, "inverted-no-fc", || {
        [stem(Separable::new(64)), inverted_stages(vec![inverted(512, 512, 1, true)]), head(CONV)].concat()
    }),
    resnet(8, "inverted-opt-gap", || {
        [stem(Separable::new(64)), inverted_stages(conv_norm_relu6(512)), head(CONV)].concat()
    }),
    resnet(9, "inverted-fewer-early-channels", || {
        [stem(Separable::new(10)), inverted_stages(conv_norm_relu6(512)), head(CONV)].concat()
    }),
    resnet(10, "ghost", || {
        let stages = narrow([10, 22, 42, 86], 3, |n| ghost(n, true, false, 1));
        [stem(Separable::new(64)), stages, head(DENSE_WITHOUT_BIAS)].concat()
    }),
    resnet(11, "ghost-small", || {
        let stages = narrow([10, 22, 42, 86], 2, |n| ghost(n, true, false, 1));
        [stem(Separable::new(16)), stages, head(CONV)].concat()
    }),
    resnet(12, "ghost-small-se", || {
        let stages = narrow([10, 22, 42, 86], 2, |n| ghost(n, true, true, 1));
        [stem(Separable::new(16)), stages, head(CONV)].concat()
    }),
    resnet(13, "ghost-small-grouped", || {
        let stages = narrow([16, 24, 40, 88], 2, |n| ghost(n, false, false, 4));
        [stem(Separable::new(16)), stages, head(CONV)].concat()
    }),
    resnet(14, "ghost-small-grouped-se", || {
        let stages = narrow([16, 24, 40, 88], 2, |n| ghost(n, false, true, 4));
        [stem(Separable::new(16)), stages, head(CONV)].concat()
    }),
    resnet(15, "dice", || {
        let dice = |Narrow { hidden, out, stride, first }| {
            DiceBottleneck { hidden, out, stride, project: first, unused_depthwise: first }.into()
        };
        [stem(Separable::new(64)), narrow([10, 22, 42, 86], 3, dice), head(DENSE_WITHOUT_BIAS)].concat()
    }),
];

const DENSE: DenseHead = DenseHead { bias: true, dropout: 0.0 };
const DENSE_WITHOUT_BIAS: DenseHead = DenseHead { bias: false, dropout: 0.0 };
const CONV: ConvHead = ConvHead { activation: HeadRectifier::Relu6, bias: false, norm: true };

const fn resnet(no: u32, name: &'static str, parts: fn() -> Vec<Part>) -> Variant {
    Variant { family: Family::ResNet101, no, name, parts }
}

fn stem(conv: impl Into<Layer>) -> Vec<Part> {
    vec![Part::new("stem", vec![conv.into(), Layer::BatchNorm, Layer::Relu])]
}

fn head(head: impl Into<Layer>) -> Vec<Part> {
    vec![Part::new("head", vec![head.into()])]
}

fn stages(stages: [Vec<Layer>; 4]) -> Vec<Part> {
    stages.into_iter().zip(1..).map(|(layers, no)| Part::new(&format!("stage{no}"), layers)).collect()
}

fn times(times: usize, layer: impl Into<Layer>) -> Layer {
    Repeat { times, layers: vec![layer.into()] }.into()
}

/// What a block of the stages with the original's widths is made of.
struct Wide {
    hidden: i64,
    out: i64,
    stride: i64,
    project: bool,
}

/// Stages with the original's widths; the first block of each projects and, from the second on, halves the map.
fn wide(block: impl Fn(Wide) -> Layer) -> Vec<Part> {
    stages([(64, 1, 2), (128, 2, 3), (256, 2, 22), (512, 2, 2)].map(|(hidden, stride, more)| {
        let out = 4 * hidden;
        let first = block(Wide { hidden, out, stride, project: true });
        vec![first, times(more, block(Wide { hidden, out, stride: 1, project: false }))]
    }))
}

fn bottleneck(Wide { hidden, out, stride, project }: Wide, middle: Middle) -> Layer {
    Bottleneck { hidden, out, stride, project, middle }.into()
}

fn inverted(hidden: i64, out: i64, stride: i64, project: bool) -> Layer {
    InvertedBottleneck { hidden, out, stride, project }.into()
}

/// Stages of inverted bottlenecks with narrow links; the last block of the first three halves the map.
fn inverted_stages(tail: Vec<Layer>) -> Vec<Part> {
    let mut last = vec![times(2, inverted(512, 86, 1, false))];
    last.extend(tail);
    stages([
        vec![inverted(64, 10, 1, true), inverted(64, 10, 1, false), inverted(64, 22, 2, true)],
        vec![times(3, inverted(128, 22, 1, false)), inverted(128, 42, 2, true)],
        vec![times(22, inverted(256, 42, 1, false)), inverted(256, 86, 2, true)],
        last,
    ])
}

fn conv_norm_relu6(out: i64) -> Vec<Layer> {
    vec![Conv::new(1, out).into(), Layer::BatchNorm, Layer::Relu6]
}

/// What a block of the stages with narrow links is made of.
struct Narrow {
    hidden: i64,
    out: i64,
    stride: i64,
    first: bool,
}

/// Stages with narrow links of the given widths, `last` blocks in stage 4. The first block of each, from the second on,
/// halves the map; that of stages 2 and 3 still has the hidden width of the stage before.
fn narrow(links: [i64; 4], last: usize, block: impl Fn(Narrow) -> Layer) -> Vec<Part> {
    let stage = |no: usize, hidden: [i64; 2], stride, more| {
        let out = links[no];
        let first = block(Narrow { hidden: hidden[0], out, stride, first: true });
        vec![first, times(more, block(Narrow { hidden: hidden[1], out, stride: 1, first: false }))]
    };
    stages([
        stage(0, [64, 64], 1, 2),
        stage(1, [64, 128], 2, 3),
        stage(2, [128, 256], 2, 22),
        stage(3, [512, 512], 2, last - 1),
    ])
}

/// A ghost bottleneck; `depthwise` for the first of each stage, whether it halves the map or not.
fn ghost(Narrow { hidden, out, stride, first }: Narrow, depthwise: bool, squeeze_excite: bool, groups: i64) -> Layer {
    GhostBottleneck { hidden, out, stride, project: first, depthwise: first && depthwise, squeeze_excite, groups }
        .into()
}
