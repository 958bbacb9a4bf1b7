//! Networks of another width.

use crate::layer::{Concat, Repeat, Residual, Width};
use crate::{Layer, Network, Part, ZooError};

impl Network {
    /// The same network with so many channels out of its first convolution, and in all other layers as many times what they
    /// have, rounded.
    ///
    /// # Errors
    /// [`ZooError::Settings`] if the network was shrunk, does not begin with a convolution, or has a block whose width is not
    /// that of its output alone.
    pub fn widened(&self, first: i64) -> Result<Self, ZooError> {
        let fail = |why: String| ZooError::Settings(format!("`{}` cannot be made wider or narrower: {why}", self.name));
        if self.kept.is_some() {
            return Err(fail("it was shrunk".into()));
        }
        let begins = self.parts.first().and_then(|part| part.layers.first());
        let Some(Layer::Conv(conv)) = begins else { return Err(fail("it does not begin with a convolution".into())) };
        let Width::Channels(channels) = conv.out else {
            return Err(fail("its first convolution tells classes".into()));
        };
        let factor = first as f64 / channels as f64;
        let parts = self
            .parts
            .iter()
            .map(|part| Ok(Part { name: part.name.clone(), layers: all(&part.layers, factor).map_err(&fail)? }));
        Ok(Self { parts: parts.collect::<Result<_, ZooError>>()?, ..self.clone() })
    }
}

fn all(layers: &[Layer], factor: f64) -> Result<Vec<Layer>, String> {
    layers.iter().map(|layer| one(layer, factor)).collect()
}

fn one(layer: &Layer, factor: f64) -> Result<Layer, String> {
    let width = |width: Width| match width {
        Width::Channels(channels) => Width::Channels(((channels as f64 * factor).round() as i64).max(1)),
        Width::Classes => Width::Classes,
    };
    let mut wide = layer.clone();
    match &mut wide {
        Layer::Conv(conv) if conv.groups == 1 => conv.out = width(conv.out),
        Layer::Separable(separable) => separable.out = width(separable.out),
        Layer::Residual(Residual { body, shortcut }) => {
            (*body, *shortcut) = (all(body, factor)?, all(shortcut, factor)?);
        }
        Layer::Repeat(Repeat { layers, .. }) => *layers = all(layers, factor)?,
        Layer::Concat(Concat { branches }) => {
            *branches = branches.iter().map(|branch| all(branch, factor)).collect::<Result<_, _>>()?;
        }
        Layer::Depthwise(_)
        | Layer::BatchNorm
        | Layer::Relu
        | Layer::Relu6
        | Layer::Sigmoid
        | Layer::MaxPool(_)
        | Layer::AveragePool(_)
        | Layer::GlobalAverage
        | Layer::Flatten
        | Layer::Dropout(_)
        | Layer::DenseHead(_)
        | Layer::ConvHead(_) => {}
        other => return Err(format!("{other:?} has more than one width")),
    }
    Ok(wide)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Count;

    const NARROW: &str = r#"
        name = "narrow"
        input = { channels = 3, height = 32, width = 32 }
        classes = 10
        [[parts]]
        name = "body"
        layers = [
            { conv = { kernel = 3, out = 8 } }, "batch-norm", "relu",
            { residual = { body = [{ separable = { out = 8 } }, "batch-norm"] } }, "relu",
            { max-pool = {} },
            { separable = { out = 12 } }, "batch-norm", "relu",
        ]
        [[parts]]
        name = "head"
        layers = [{ dense-head = { bias = true } }]
    "#;

    #[test]
    fn widths_go_with_the_first() {
        let narrow = Network::parse(NARROW, "narrow.toml".as_ref()).unwrap();
        assert_eq!(narrow.widened(8).unwrap(), narrow);
        let wide = narrow.widened(16).unwrap().to_toml();
        assert!(wide.contains("out = 16 } },") && wide.contains("separable = { out = 24 }"), "{wide}");
        let counts = [4, 5, 8, 16].map(|first| Count::of(&narrow.widened(first).unwrap().graph().unwrap()).folded());
        assert!(counts.is_sorted() && counts[0] < counts[1], "{counts:?}");
    }

    #[test]
    fn what_has_no_one_width_is_refused() {
        let mut network = Network::parse(NARROW, "narrow.toml".as_ref()).unwrap();
        network.parts[0].layers.remove(0);
        let told = network.widened(4).unwrap_err().to_string();
        assert!(told.contains("does not begin with a convolution"), "{told}");
    }
}
