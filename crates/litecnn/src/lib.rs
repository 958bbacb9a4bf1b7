//! litecnn as one library: small convolutional classifiers from data to a file that answers in microseconds.
//!
//! Each module is a crate of its own, re-exported under its short name; its documentation has a running example of what
//! it does. Those of training, which need libtorch, are there with the feature `training`, which is on by default:
//!
//! | module | does | feature `training` |
//! |---|---|---|
//! | [`data`] | data sets found, fetched, checked; splits, augmentation, batches | yes |
//! | [`model`] | branch, dual model, unified model; summaries, weight files | yes |
//! | [`train`] | recipes, optimisers, both training stages, cross-validation | yes |
//! | [`surgery`] | dense heads become 1x1 convolutions, two branches one model | yes |
//! | [`zoo`] | networks described as data; trained, pruned, shrunk, quantised | yes |
//! | [`kernels`] | what trains on a CPU: convolutions and dense layers, forward and backward | yes |
//! | [`pictures`] | pictures found, decoded, brought to a model's shape | no |
//! | [`run`] | run directories: names, formats, atomic writes, locks | no |
//! | [`report`] | metrics, tables, figures, the page of a run | no |
//! | [`export`] | trained models as files that need no libtorch: compact, ONNX, C, Rust | no |
//! | [`runtime`] | inference of the compact files, `no_std` | no |
//!
//! What computes with tensors takes and gives those of [`tch`]. From a data set to an answer:
//!
//! ```
//! # #[cfg(not(feature = "training"))]
//! # fn main() {}
//! # #[cfg(feature = "training")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use litecnn::data::{LoadOptions, load, stream};
//! use litecnn::model::{Architecture, Card, Model};
//! use litecnn::runtime::{AlignedBytes, top1};
//! use litecnn::train::{Override, Recipe, Silent, TrainingData, stage_one, train_joint, train_whole};
//!
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! // Small extracts of all sets lie in the repository; without a folder the whole set is fetched.
//! let samples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../datasets/samples");
//! let dataset = load("mnist", &LoadOptions { data_dir: Some(samples.into()), ..LoadOptions::default() })?;
//! let one_epoch: Override = "stage-2-2.epochs=1".parse()?;
//! let recipe = Recipe::load_with("smoke", &[one_epoch])?.capped(2);
//! let data = TrainingData::new(&dataset, &recipe, 0, litecnn::tch::Device::Cpu)?;
//!
//! // Two branches at once, joined, then the new layers alone, then all: with seed 0 on 2 threads.
//! let (dual, _) = stage_one(&data, &recipe, 0, 2, None, &Silent)?;
//! let spec = data.unified_spec(&recipe);
//! let joined = litecnn::surgery::join(&dual.branches[0], &dual.branches[1], &spec, &mut stream(0, "surgery"))?;
//! let (model, _) = train_joint(joined, &data, &recipe, 0, 2, None, &Silent)?;
//! let (model, fit) = train_whole(model, &data, &recipe, 0, 2, None, &Silent)?;
//! println!("{:?}", fit.kept);
//!
//! // A weight file, and from it one that needs no libtorch.
//! let weights = folder.join("digits.safetensors");
//! Model::Unified(model).save(&weights, &Card::new(Architecture::Unified { spec }, &dataset.classes))?;
//! let compact = litecnn::export::litecnn(&litecnn::export::TrainedModel::read(&weights)?)?;
//!
//! let file = AlignedBytes::new(&compact);
//! let model = litecnn::runtime::Model::from_bytes(&file)?;
//! let mut scratch = vec![0.0; model.scratch_len()];
//! let mut probabilities = vec![0.0; model.classes()];
//! let image: Vec<u8> = dataset.test.pixels.outer_iter().next().into_iter().flatten().copied().collect();
//! model.session(&mut scratch)?.predict(&image, &mut probabilities)?;
//! println!("{:?}", model.class_names().nth(top1(&probabilities)));
//! # Ok(())
//! # }
//! ```
//!
//! # Linking
//!
//! Cargo does not tell a program where libtorch is, so its own `build.rs` does; this crate knows:
//!
//! ```text
//! fn main() {
//!     if let Ok(lib) = std::env::var("DEP_LITECNN_LIBTORCH_LIB") {
//!         println!("cargo::rustc-link-arg=-Wl,-rpath,{lib}");
//!         println!("cargo::rustc-link-arg=-Wl,-L{lib},--no-as-needed,-ltorch,--as-needed");
//!     }
//! }
//! ```
//!
//! (and `-ltorch_cuda` after `-ltorch` where CUDA is wanted). The build looks for libtorch where `LIBTORCH` says.

#![forbid(unsafe_code)]

pub use litecnn_export as export;
pub use litecnn_pictures as pictures;
pub use litecnn_report as report;
pub use litecnn_run as run;
pub use litecnn_runtime as runtime;

#[cfg(feature = "training")]
pub use {
    litecnn_data as data, litecnn_kernels as kernels, litecnn_model as model, litecnn_surgery as surgery,
    litecnn_train as train, litecnn_zoo as zoo, tch,
};
