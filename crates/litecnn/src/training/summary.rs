//! `litecnn summary`: layers, shapes, parameters.

use std::path::{Path, PathBuf};

use anyhow::Result;
use litecnn_cli::{Usage, did_you_mean};
use litecnn_data::official_sets;
use litecnn_export::{ExportError, Folded, TrainedModel};
use litecnn_model::{Architecture, BranchSpec, Model, Summary, UnifiedSpec};
use litecnn_runtime::{Activation, OperationKind};

use crate::weights::weights;

const EXAMPLES: &str = "\
Examples:
  litecnn summary cifar10
  litecnn summary results/mine/mnist/seed-0/final.safetensors";

/// Show what a model is made of: the paper's models for a data set, or the model in a weight file or run directory. A
/// network of `litecnn zoo` is shown as it was trained, one that is folded as its operations.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    /// Name of a data set, a .safetensors file, or a run directory with one model.
    #[arg(default_value = "mnist")]
    what: String,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let named = official_sets()?.iter().any(|set| set.name == args.what);
    let path = &if named { PathBuf::from(&args.what) } else { weights(Path::new(&args.what))? };
    if path.extension().is_some_and(|e| e == "safetensors") || path.is_file() {
        match TrainedModel::read(path) {
            Ok(model) => {
                if let Some(folded) = model.folded() {
                    println!("{}", operations(folded)?);
                    return Ok(());
                }
            }
            Err(ExportError::Unfolded { .. }) => {
                let (model, card) = litecnn_zoo::Model::load(path, tch::Device::Cpu)?;
                println!("{}\n", litecnn_zoo::summary(model.graph()));
                match model.fold(&card) {
                    Ok(folded) => println!("{}", of_folded(&folded)?),
                    Err(e) => println!("{e}"),
                }
                return Ok(());
            }
            // Told by what reads it next.
            Err(_) => {}
        }
        let (_, card) = Model::load(path, tch::Device::Cpu)?;
        match &card.architecture {
            Architecture::Branch { spec, .. } => println!("{}", Summary::of_branch(spec)),
            Architecture::Unified { spec } => println!("{}", Summary::of_unified(spec, false)),
        }
        println!("Trained on {} ({}); classes: {}", card.dataset, card.step, card.classes.join(", "));
        return Ok(());
    }
    let sets = official_sets()?;
    let Some(set) = sets.iter().find(|s| s.name == args.what) else {
        let names: Vec<&str> = sets.iter().map(|s| s.name.as_str()).collect();
        let (what, hint) = (&args.what, did_you_mean(&args.what, names.iter().copied()));
        return Err(Usage(format!("`{what}` is no file and no data set{hint}; data sets: {}", names.join(", "))).into());
    };
    let [channels, height, width] = set.shape.map(|n| n as i64);
    let branch = BranchSpec::paper(channels, height, width, set.classes.len() as i64);
    let unified = UnifiedSpec::paper(branch.clone());
    for summary in [
        Summary::of_branch(&branch),
        Summary::of_dual(&branch),
        Summary::of_unified(&unified, true),
        Summary::of_unified(&unified, false),
    ] {
        println!("{summary}\n");
    }
    Ok(())
}

/// What there is of a folded network, in a line.
fn of_folded(folded: &Folded) -> Result<String> {
    Ok(format!(
        "Folded: {} operations, {} parameters ({} before), {} multiply-accumulates",
        folded.network.operations.len(),
        folded.weights.len(),
        folded.unfolded,
        folded.multiply_adds()?
    ))
}

/// A line for each operation.
fn operations(folded: &Folded) -> Result<String> {
    let shapes = folded.network.shapes()?;
    let named = |value: u16| if value == 0 { "image".to_owned() } else { value.to_string() };
    let mut text =
        format!("{}\n\n{:>4}  {:<28}{:>7}{:>7}  {:<7}{:>12}\n", folded.name, "", "", "reads", "adds", "then", "gives");
    for ((operation, [channels, height, width]), index) in folded.network.operations.iter().zip(&shapes[1..]).zip(1..) {
        let [inputs, _, _] = shapes[usize::from(operation.from)];
        let kind = match operation.kind {
            OperationKind::Convolution if usize::from(operation.groups) == inputs && inputs == *channels => "depthwise",
            OperationKind::Convolution => "conv",
            OperationKind::MaxPool => "max-pool",
            OperationKind::AveragePool => "average pool",
        };
        let [rows, columns] = operation.kernel;
        let mut kind = format!("{kind} {rows}x{columns}");
        if operation.stride != [1, 1] {
            kind += &format!(", stride {}x{}", operation.stride[0], operation.stride[1]);
        }
        let then = match operation.activation {
            Activation::None => "",
            Activation::Relu => "relu",
            Activation::Relu6 => "relu6",
        };
        let (reads, adds) = (named(operation.from), operation.added.map(named).unwrap_or_default());
        let gives = format!("{channels}x{height}x{width}");
        text += &format!("{index:>4}  {kind:<28}{reads:>7}{adds:>7}  {then:<7}{gives:>12}\n");
    }
    let origin = format!("Trained on {} ({}); classes: {}", folded.dataset, folded.step, folded.classes.join(", "));
    Ok(format!("{text}\n{}\n{origin}", of_folded(folded)?))
}
