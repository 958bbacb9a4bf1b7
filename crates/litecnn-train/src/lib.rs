//! Training of the light two-branch classifier as Isong, *Building Efficient Lightweight CNN Models* (2025),
//! describes it: recipes, optimisers, early stopping, checkpoints, the two training stages, cross-validation.
//!
//! A [`Recipe`] says everything that decides a result, data set and seed apart. [`stage_one`] trains two branches;
//! the crate litecnn-surgery joins them; [`train_joint`], [`train_whole`] and [`cross_validate`] are the three steps
//! of the second stage. Every step can save its state after each epoch, and after a batch when it is to be halted
//! ([`Checkpointer`], [`Observer::halts`]), and goes on from it.
//!
//! Batches are computed by the kernels of the crate litecnn-kernels on a CPU and by libtorch elsewhere ([`Engine`]).
//! All randomness comes from streams named after what they are for (see `litecnn_data::stream`), and nothing is
//! shared out inside an operation while branches and folds run side by side; so the same seed gives the same weights
//! to the bit on a CPU, with any number of workers, undisturbed or resumed.
//!
//! ```
//! use std::path::Path;
//! use litecnn_data::{LoadOptions, load};
//! use litecnn_train::{Recipe, Silent, TrainingData, stage_one, train_joint};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/samples");
//! let dataset = load("mnist", &LoadOptions { data_dir: Some(samples), ..LoadOptions::default() })?;
//! let recipe = Recipe::load("smoke")?.capped(1);
//! let data = TrainingData::new(&dataset, &recipe, 0, tch::Device::Cpu)?;
//!
//! let (dual, fit) = stage_one(&data, &recipe, 0, 2, None, &Silent)?;
//! println!("{:?}", fit.kept);
//! let [first, second] = &dual.branches;
//! let mut rng = litecnn_data::stream(0, "surgery/weights");
//! let model = litecnn_surgery::join(first, second, &data.unified_spec(&recipe), &mut rng)?;
//! let (_model, fit) = train_joint(model, &data, &recipe, 0, 2, None, &Silent)?;
//! assert_eq!(fit.epochs, 1);
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod answers;
mod augmented;
mod checkpoint;
mod class_weights;
mod data;
mod dropout;
mod early_stopping;
mod engine;
mod epoch;
mod error;
mod fit;
mod folds;
mod goal;
mod infer;
mod joint;
mod kernels;
mod libtorch;
mod look;
mod mixing;
mod normalise;
mod observer;
mod optimizer;
mod pass;
mod pupil;
mod recipe;
mod score;
mod scratch;
mod side_by_side;
mod single;
mod stage_one;
mod threads;
mod whole;

/// Checks of values as serde reads them, for `deserialize_with`; they say what would be possible.
pub mod checks {
    pub use crate::recipe::{checked, non_negative, positive_epochs};
}

pub use answers::{Answers, Teacher};
pub use augmented::augmented_images;
pub use class_weights::ClassWeights;
pub use data::TrainingData;
pub use early_stopping::{EarlyStopping, Verdict};
pub use engine::Engine;
pub use epoch::{Epoch, Headway, Lane, Trained};
pub use error::TrainError;
pub use fit::{Checkpointer, Fit, Kept, Part, Plan, Problem, fit};
pub use folds::{FOLD_CAVEAT, Fold, cross_validate};
pub use infer::{branch_logits, joined_outputs, unified_logits};
pub use joint::{STAGE_TWO_JOINT, train_joint};
pub use kernels::branch_shape;
pub use observer::{Event, Observer, Silent};
pub use optimizer::{Counters, HostOptimizer, Memory, Optimizer, restore_tensor};
pub use recipe::{
    AdamWSettings, ClassWeighting, DataSettings, DistillationSettings, DualSettings, EarlyStoppingSettings,
    FoldSettings, FoldStart, Heads, Keep, ModelSettings, Monitor, NadamSettings, OptimizerSettings, Override,
    OverrideError, Recipe, RecipeError, ScheduleSettings, SecondStageSettings, SgdSettings, TrainSettings, Unfreezing,
    ValidationPart, WeightDecay, load_over, parse_over,
};
pub use score::{Score, cross_entropy};
pub use scratch::{SCRATCH, train_scratch};
pub use side_by_side::side_by_side;
pub use single::{SINGLE, single_spec, train_single};
pub use stage_one::{STAGE_ONE, stage_one};
pub use whole::{STAGE_TWO_WHOLE, train_whole};
