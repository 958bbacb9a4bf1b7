//! Convolutional classifiers described as data, and 28 of them: the variants of ResNet-101 and VGG-19 of Sobolewski &
//! Szyc.
//!
//! A [`Network`] is a list of [`Layer`]s, in code or in TOML. Its [`Graph`] tells every shape; from that follow the
//! [`Count`] of weights, operations and memory, without computing anything, and the [`Model`], which computes. Weights
//! have names that stay, and go to and from safetensors files ([`Card`]). A [`Recipe`] says how [`train`] trains a
//! model on [`TrainingData`]; [`pruning_plan`] and [`prune_and_tune`] prune it; an [`Evaluation`] says how good it is.
//! [`Searching`] looks for a small network by images held out of training.
//!
//! ```
//! use litecnn_zoo::{Count, Model, Variant};
//! use rand::SeedableRng;
//! use tch::{Device, Kind, Tensor};
//!
//! # fn main() -> Result<(), litecnn_zoo::ZooError> {
//! let graph = Variant::find("vgg19-fire-ghost")?.network(10).graph()?;
//! assert_eq!(Count::of(&graph).parameters, 397_038);
//!
//! let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
//! let model = Model::new(graph, Device::Cpu, &mut rng)?;
//! let images = Tensor::zeros([2, 3, 32, 32], (Kind::Float, Device::Cpu));
//! assert_eq!(tch::no_grad(|| model.forward(&images))?.size(), [2, 10]);
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

pub mod blocks;
mod builder;
mod channels;
mod count;
mod error;
mod file;
mod fold;
mod graph;
mod init;
mod kernels;
pub mod layer;
mod light;
mod model;
mod network;
mod prune;
mod published;
mod quantise;
mod schedule;
mod search;
mod shrink;
mod state;
mod table;
mod training;
mod variants;
mod widen;

pub use count::{Count, Flops};
pub use error::ZooError;
pub use file::Card;
pub use graph::{Axis, Graph, Node, Op, Role, Shape, Start, Variable, Window};
pub use layer::{Layer, Width};
pub use model::Model;
pub use network::{Network, Part};
pub use published::{
    Published, PublishedFlops, PublishedPruned, PublishedPruning, PublishedRound, PublishedRounds, PublishedVariant,
};
pub use quantise::{Calibration, Placements, Quantised, QuantisedCard, Scales};
pub use search::{Halving, Searching, Space};
pub use shrink::Budget;
pub use state::State;
pub use table::{pruning_table, study_tables, summary};
pub use training::{
    Evaluation, Means, RateSchedule, Recipe, Sgd, StepRate, TRAIN, TrainingData, Until, Watched, input_of,
    prune_and_tune, pruning_plan, train,
};
pub use variants::{Family, Variant};
