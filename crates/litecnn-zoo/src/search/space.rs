use litecnn_data::Stream;
use litecnn_model::InputShape;
use rand::RngExt;
use rand::seq::IndexedRandom;

use crate::blocks::{DenseHead, Separable};
use crate::layer::{Conv, Depthwise, Pool, Residual};
use crate::{Count, Layer, Network, Part, ZooError};

/// A family of networks for images of one shape, within a budget.
///
/// A 3x3 convolution, then three or four stages of blocks, each of half the side of the one before it, then the mean of
/// each channel and a dense layer. Blocks are depthwise-separable convolutions, inverted bottlenecks or plain 3x3
/// convolutions, of one kind throughout, with a shortcut where the width stays. Kind, number of blocks, growth of the
/// width and pooling are drawn; the width is as large as the budget allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// The images.
    pub input: InputShape,
    /// Number of classes.
    pub classes: i64,
    /// Most weights, batch norms folded into convolutions.
    pub parameters: i64,
    /// Most multiply-accumulates of one image.
    pub multiplications: i64,
}

/// What a network is made of.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Depthwise 3x3 and 1x1 with one batch norm (Chollet 2017).
    Separable,
    /// 1x1 to so many times the channels, depthwise 3x3, 1x1 (Sandler et al. 2018), with ReLU.
    Inverted(i64),
    /// 3x3.
    Plain,
}

/// What is drawn of a network, its width apart.
struct Draft {
    kind: Kind,
    /// Blocks of each stage.
    depths: Vec<usize>,
    /// Width of a stage by that of the one before it.
    growth: f64,
    average: bool,
}

impl Space {
    /// A network of the family that uses at least nine tenths of the budget.
    ///
    /// # Errors
    /// [`ZooError::Settings`] if none is found: the budget is too small, or far too large for the multiplications.
    pub fn draw(&self, name: &str, rng: &mut Stream) -> Result<Network, ZooError> {
        for _ in 0..1000 {
            let draft = Draft::draw(self.input, rng);
            if let Some(network) = self.fitted(name, &draft)? {
                return Ok(network);
            }
        }
        Err(ZooError::Settings(format!(
            "no network of the family has about {} weights and at most {} multiply-accumulates",
            self.parameters, self.multiplications
        )))
    }

    /// The widest network of a draft within the budget, if it uses most of it.
    fn fitted(&self, name: &str, draft: &Draft) -> Result<Option<Network>, ZooError> {
        // Parameters grow with the width, so halves can be taken.
        let fitting = |count: Count| count.folded() <= self.parameters && count.flops.macs() <= self.multiplications;
        let (mut fits, mut fails) = (0, 128);
        while fails - fits > 1 {
            let middle = (fits + fails) / 2;
            let graph = draft.network(self, name, 2 * middle).graph()?;
            if fitting(Count::of(&graph)) { fits = middle } else { fails = middle }
        }
        if fits == 0 {
            return Ok(None);
        }
        let network = draft.network(self, name, 2 * fits);
        Ok((Count::of(&network.graph()?).folded() >= self.parameters * 9 / 10).then_some(network))
    }
}

impl Draft {
    fn draw(input: InputShape, rng: &mut Stream) -> Self {
        let kinds =
            [Kind::Separable, Kind::Separable, Kind::Inverted(2), Kind::Inverted(3), Kind::Inverted(4), Kind::Plain];
        let kind = *kinds.choose(rng).unwrap_or(&Kind::Separable);
        let most = if input.height.min(input.width) >= 28 { 4 } else { 3 };
        let stages = rng.random_range(3..=most);
        let depths = (0..stages).map(|stage| rng.random_range(usize::from(stage > 0)..=5)).collect();
        let growth = *[1.0, 1.25, 1.5, 1.75, 2.0].choose(rng).unwrap_or(&1.5);
        Self { kind, depths, growth, average: rng.random_range(0..3) == 0 }
    }

    fn network(&self, space: &Space, name: &str, width: i64) -> Network {
        let even = |x: f64| 2 * ((x / 2.0).round() as i64).max(1);
        let mut layers = vec![Layer::Conv(Conv::new(3, width)), Layer::BatchNorm, Layer::Relu];
        let mut channels = width;
        for (stage, &depth) in self.depths.iter().enumerate() {
            if stage > 0 {
                let pool = if self.average { Layer::AveragePool } else { Layer::MaxPool };
                layers.push(pool(Pool::default()));
            }
            let out = even(width as f64 * self.growth.powi(stage as i32));
            for _ in 0..depth {
                layers.extend(self.kind.block(channels, out));
                channels = out;
            }
        }
        let head = Layer::DenseHead(DenseHead { bias: true, dropout: 0.0 });
        let part = |name: &str, layers| Part { name: name.into(), layers };
        Network {
            name: name.into(),
            input: space.input,
            classes: space.classes,
            kept: None,
            parts: vec![part("body", layers), part("head", vec![head])],
        }
    }
}

impl Kind {
    /// One block from some channels to others, and the ReLU after it.
    fn block(self, channels: i64, out: i64) -> Vec<Layer> {
        let body = match self {
            Self::Separable => vec![Layer::Separable(Separable::new(out)), Layer::BatchNorm],
            Self::Inverted(factor) => vec![
                Layer::Conv(Conv::new(1, factor * channels)),
                Layer::BatchNorm,
                Layer::Relu,
                Layer::Depthwise(Depthwise { kernel: 3.into(), stride: 1.into(), multiplier: 1, bias: false }),
                Layer::BatchNorm,
                Layer::Relu,
                Layer::Conv(Conv::new(1, out)),
                Layer::BatchNorm,
            ],
            Self::Plain => vec![Layer::Conv(Conv::new(3, out)), Layer::BatchNorm],
        };
        let mut layers = match channels == out {
            true => vec![Layer::Residual(Residual { body, shortcut: Vec::new() })],
            false => body,
        };
        layers.push(Layer::Relu);
        layers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use litecnn_data::stream;

    #[test]
    fn candidates_use_the_budget_and_the_kernels_know_them() {
        for (channels, side, parameters) in [(3, 32, 19_622), (1, 28, 14_862)] {
            let input = InputShape { channels, height: side, width: side };
            let space = Space { input, classes: 10, parameters, multiplications: 8_000_000 };
            for number in 0..20 {
                let draw = || space.draw("x", &mut stream(1, &format!("candidate-{number}"))).unwrap();
                let network = draw();
                assert_eq!(network, draw(), "drawn again it is the same");
                let graph = network.graph().unwrap();
                assert!((parameters * 9 / 10..=parameters).contains(&Count::of(&graph).folded()));
                assert!(Count::of(&graph).flops.macs() <= 8_000_000);
                crate::kernels::check(&graph).unwrap();
                assert_eq!(Network::parse(&network.to_toml(), "x.toml".as_ref()).unwrap(), network);
            }
        }
    }

    #[test]
    fn an_impossible_budget_is_told() {
        let input = InputShape { channels: 3, height: 32, width: 32 };
        let space = Space { input, classes: 10, parameters: 20, multiplications: 8_000_000 };
        let told = space.draw("x", &mut stream(0, "x")).unwrap_err().to_string();
        assert!(told.contains("about 20 weights"), "{told}");
    }
}
