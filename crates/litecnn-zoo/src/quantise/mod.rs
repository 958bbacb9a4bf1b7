//! Post-training static quantisation to 8 bits: a calibration by some images, then a network that computes with bytes.

mod file;
mod kernel;
mod model;
mod observer;
#[cfg(test)]
mod tests;

pub use file::QuantisedCard;
pub use kernel::Scales;
pub use model::Quantised;

use tch::Tensor;

use crate::{Graph, Model, Op, ZooError};
use kernel::Kernel;
use observer::{Observer, Params};

/// Watches a network on some images to tell the range of each value that will be a byte.
///
/// ```
/// use litecnn_zoo::{Calibration, Model, Scales, Variant};
/// use rand::SeedableRng;
/// use tch::{Device, Kind, Tensor};
///
/// # fn main() -> Result<(), litecnn_zoo::ZooError> {
/// let graph = Variant::find("vgg19-fire-ghost")?.network(10).graph()?;
/// let model = Model::new(graph, Device::Cpu, &mut rand_chacha::ChaCha8Rng::seed_from_u64(0))?;
/// let images = Tensor::ones([2, 3, 32, 32], (Kind::Float, Device::Cpu));
/// let mut calibration = Calibration::new(&model);
/// calibration.observe(&images)?;
/// let quantised = calibration.finish(Scales::PerTensor)?;
/// assert_eq!(quantised.forward(&images)?.size(), [2, 10]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Calibration<'a> {
    model: &'a Model,
    /// One for each node that gets a scale of its own.
    observers: Vec<Option<Observer>>,
}

impl<'a> Calibration<'a> {
    /// Nothing seen yet.
    pub fn new(model: &'a Model) -> Self {
        let observers = model.graph().nodes.iter().map(|node| is_observed(&node.op).then(Observer::new)).collect();
        Self { model, observers }
    }

    /// Sees a batch of images `[batch, channels, height, width]`, normalised as the network wants them. The batches and
    /// their order have a small influence on the ranges.
    ///
    /// # Errors
    /// [`ZooError::Images`] if the images have another shape, [`ZooError::Calibration`] if a value is not finite,
    /// [`ZooError::Torch`].
    pub fn observe(&mut self, images: &Tensor) -> Result<(), ZooError> {
        let (model, observers) = (self.model, &mut self.observers);
        let mut result = Ok(());
        let mut see = |i: usize, values: &[Option<Tensor>]| {
            let (Ok(()), Some(observer), Some(value)) = (&result, &mut observers[i], &values[i]) else { return };
            result = match observer.observe(value) {
                Ok(true) => Ok(()),
                Ok(false) => Err(calibration(model.graph(), i, "gives values that are not finite")),
                Err(e) => Err(e.into()),
            };
        };
        let _ = tch::no_grad(|| model.watch(images, &mut see))?;
        result
    }

    /// The quantised network, on the CPU.
    ///
    /// # Errors
    /// [`ZooError::Calibration`] if no images were seen, or a weight is not finite; [`ZooError::Torch`].
    pub fn finish(self, scales: Scales) -> Result<Quantised, ZooError> {
        let graph = self.model.graph();
        let mut own = Vec::with_capacity(self.observers.len());
        for (i, observer) in self.observers.iter().enumerate() {
            own.push(match observer {
                None => None,
                Some(observer) => Some(
                    observer.params()?.ok_or_else(|| calibration(graph, i, "has seen no images to calibrate by"))?,
                ),
            });
        }
        let mut variables = Vec::with_capacity(graph.variables.len());
        for (variable, value) in self.model.variables() {
            if value.f_isfinite()?.f_all()?.f_int64_value(&[])? == 0 {
                return Err(ZooError::Calibration { layer: variable.name.clone(), reason: "is not finite".into() });
            }
            variables.push(model::Stored::of(variable, value, scales)?);
        }
        Quantised::new(graph.clone(), scales, &own, variables)
    }
}

fn calibration(graph: &Graph, node: usize, reason: &str) -> ZooError {
    ZooError::Calibration { layer: graph.nodes[node].name.clone(), reason: reason.into() }
}

/// Whether a node's result gets a scale of its own; the others keep that of what they read.
fn is_observed(op: &Op) -> bool {
    match op {
        Op::Conv { .. } | Op::Linear { .. } | Op::BatchNorm { .. } => true,
        _ => is_quantiser(op),
    }
}

/// Whether a node's result is computed in floats and then made bytes.
fn is_quantiser(op: &Op) -> bool {
    matches!(op, Op::Input | Op::Concat | Op::Add | Op::Gate | Op::Sigmoid)
}

/// How many operations of a network get scales of their own.
///
/// ```
/// use litecnn_zoo::{Placements, Variant};
///
/// # fn main() -> Result<(), litecnn_zoo::ZooError> {
/// let placements = Placements::of(&Variant::find("resnet101-baseline")?.network(100).graph()?);
/// assert_eq!(placements, Placements { convs: 104, batch_norms: 104, linears: 1, quantisers: 34 });
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Placements {
    /// Convolutions.
    pub convs: usize,
    /// Batch norms.
    pub batch_norms: usize,
    /// Dense layers.
    pub linears: usize,
    /// Values made bytes explicitly: the images, and what is computed in floats in between (concatenations, sums,
    /// sigmoids, gates).
    pub quantisers: usize,
}

impl Placements {
    /// Of a network.
    pub fn of(graph: &Graph) -> Self {
        let mut placements = Self::default();
        for node in &graph.nodes {
            match &node.op {
                Op::Conv { .. } => placements.convs += 1,
                Op::BatchNorm { .. } => placements.batch_norms += 1,
                Op::Linear { .. } => placements.linears += 1,
                op => placements.quantisers += usize::from(is_quantiser(op)),
            }
        }
        placements
    }
}
