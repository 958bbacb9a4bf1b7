//! VGG-19: five stages of 2, 2, 4, 4 and 4 units with max-pooling between, a head.

use super::{Family, Variant};
use crate::Part;
use crate::blocks::*;
use crate::layer::{Conv, Dropout, Layer, Linear, Pool, Repeat, Width};

/// The variants by number. A unit is told the channels that come out.
pub(super) const VARIANTS: [Variant; 13] = [
    vgg(1, "baseline", || {
        let dense = |out: Width| Layer::from(Linear::new(out));
        let half = || Layer::from(Dropout { rate: 0.5 });
        let pool = vec![Layer::MaxPool(Pool::default()), Layer::Flatten];
        let hidden = || vec![dense(4096.into()), Layer::Relu, half()];
        vgg19(|out| unit(Conv::new(3, out).bias()), [pool, hidden(), hidden(), vec![dense(Width::Classes)]].concat())
    }),
    vgg(2, "gap", || vgg19(|out| unit(Conv::new(3, out).bias()), vec![DENSE.into()])),
    vgg(3, "nx1-1xn", || vgg19(|out| unit(Factorised::new(out)), vec![DENSE.into()])),
    vgg(4, "dwconv", || vgg19(|out| unit(Separable::new(out)), vec![DENSE.into()])),
    vgg(5, "fire", || vgg19(|out| vec![Fire { out, unused_norm: true }.into()], vec![DENSE.into()])),
    vgg(6, "fire-dw", || vgg19(|out| vec![DepthwiseFire { out }.into()], vec![DENSE.into()])),
    vgg(7, "fire-dw-no-fc", || vgg19(|out| vec![DepthwiseFire { out }.into()], vec![CONV.into()])),
    vgg(8, "fire-grouped-shuffle", || vgg19(|out| vec![grouped_fire(out)], vec![CONV.into()])),
    vgg(9, "fire-ghost", || vgg19(|out| vec![ghost_fire(out, false)], vec![CONV_WITHOUT_NORM.into()])),
    vgg(10, "fire-ghost-grouped", || vgg19(|out| vec![ghost_fire(out, true)], vec![CONV_WITHOUT_NORM.into()])),
    vgg(11, "fire-ghost-grouped-se", || {
        let unit = |out| vec![ghost_fire(out, true), SqueezeExcite::default().into()];
        vgg19(unit, vec![CONV_WITHOUT_NORM.into()])
    }),
    vgg(12, "fire-grouped-shuffle-se", || {
        vgg19(|out| vec![grouped_fire(out), SqueezeExcite::default().into()], vec![CONV.into()])
    }),
    vgg(13, "fire-dice", || vgg19(|out| vec![DiceFire { out }.into()], vec![CONV.into()])),
];

/// Half of the logits are dropped in training, as the study does.
const DENSE: DenseHead = DenseHead { bias: true, dropout: 0.5 };
const CONV: ConvHead = ConvHead { activation: HeadRectifier::Relu, bias: true, norm: true };
const CONV_WITHOUT_NORM: ConvHead = ConvHead { norm: false, ..CONV };

const fn vgg(no: u32, name: &'static str, parts: fn() -> Vec<Part>) -> Variant {
    Variant { family: Family::Vgg19, no, name, parts }
}

fn vgg19(unit: impl Fn(i64) -> Vec<Layer>, head: Vec<Layer>) -> Vec<Part> {
    let stages = [(64, 2), (128, 2), (256, 4), (512, 4), (512, 4)];
    let mut parts: Vec<Part> = (1..)
        .zip(stages)
        .map(|(no, (out, times))| {
            let mut layers = vec![Repeat { times, layers: unit(out) }.into()];
            if no < stages.len() {
                layers.push(Layer::MaxPool(Pool::default()));
            }
            Part::new(&format!("stage{no}"), layers)
        })
        .collect();
    parts.push(Part::new("head", head));
    parts
}

fn unit(conv: impl Into<Layer>) -> Vec<Layer> {
    vec![conv.into(), Layer::BatchNorm, Layer::Relu]
}

fn grouped_fire(out: i64) -> Layer {
    GroupedFire { out, unused_norm: true }.into()
}

fn ghost_fire(out: i64, grouped: bool) -> Layer {
    GhostFire { out, grouped }.into()
}
