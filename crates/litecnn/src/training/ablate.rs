//! `litecnn ablate`: what each part of the method is worth.

use std::path::PathBuf;

use anyhow::{Context, Result};
use litecnn_cli::{Usage, print};
use litecnn_data::{Augmentation, stream};
use litecnn_model::{DualModel, Model};
use litecnn_report::contrast;
use litecnn_run::write_atomic;
use litecnn_train::{Heads, Override, Recipe, TrainingData, Unfreezing, stage_one, train_scratch, train_single};

use super::method::{outcome, second_stage};
use super::outcomes::{Ends, Outcomes, Task};
use super::zoo::job::DataArgs;

const TABLE: &str = "ABLATION.md";

const EXAMPLES: &str = "\
Examples:
  litecnn ablate --dataset mnist --out results/ablation/mnist
  litecnn ablate --dataset cifar10 --seeds 0,1 --arm method --arm scratch --out results/ablation/cifar10
  litecnn ablate --dataset cifar10 --recipe mine.toml --set stage-2-2.epochs=30 --out results/mine";

/// Ablate: train the method and variants of it, each with the same epochs, and compare them.
///
/// All seeds of all variants are trained by one recipe, side by side, each with one thread; those done are passed over when
/// the same command is given again. Nothing is chosen by what comes out, so each model is shown the test images once.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    data: DataArgs,
    /// `ablation`, another recipe by name, or a TOML file.
    #[arg(long, default_value = "ablation", value_name = "RECIPE")]
    recipe: String,
    /// One value of the recipe, as in stage-1.epochs=30; may be given more than once.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<Override>,
    /// Seeds, separated by commas.
    #[arg(long, default_value = "0,1,2", value_name = "N,...", value_delimiter = ',')]
    seeds: Vec<u64>,
    /// Which variants; may be given more than once [default: all].
    #[arg(long, value_name = "ARM", value_enum)]
    arm: Vec<Arm>,
    /// Trained side by side; as many as there are threads if not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    /// Folder for outcomes.csv and ABLATION.md; it is made if it is not there.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
}

/// A way of training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Arm {
    /// The method as the recipe has it.
    Method,
    /// The second branch's images are not augmented either.
    NoAugmentedBranch,
    /// Surgery draws the heads anew.
    FreshHeads,
    /// No step with the branches frozen.
    OneStep,
    /// Layer by layer, the last first.
    TopDown,
    /// Layer by layer, the first first.
    BottomUp,
    /// The final model from fresh weights, as a whole.
    Scratch,
    /// The same on augmented images.
    ScratchAugmented,
    /// One branch with as many weights, from fresh weights.
    SingleBranch,
    /// The same on augmented images.
    SingleBranchAugmented,
}

impl Arm {
    fn name(self) -> String {
        clap::ValueEnum::to_possible_value(&self).map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// The recipe with what this arm changes of it.
    fn recipe(self, recipe: &Recipe) -> Recipe {
        let mut changed = recipe.clone();
        match self {
            Self::NoAugmentedBranch => changed.augmentation = Augmentation::NONE,
            Self::FreshHeads => changed.second_stage.heads = Heads::Fresh,
            Self::OneStep => changed.second_stage.unfreezing = Unfreezing::OneStep,
            Self::TopDown => changed.second_stage.unfreezing = Unfreezing::TopDown,
            Self::BottomUp => changed.second_stage.unfreezing = Unfreezing::BottomUp,
            Self::ScratchAugmented | Self::SingleBranchAugmented => {
                changed.stage_1.augmentation = recipe.augmentation.clone();
            }
            Self::Method | Self::Scratch | Self::SingleBranch => {}
        }
        changed
    }

    /// Whether it begins with the first stage as the recipe has it.
    fn begins_with_stage_one(self) -> bool {
        matches!(self, Self::Method | Self::FreshHeads | Self::OneStep | Self::TopDown | Self::BottomUp)
    }
}

pub(crate) fn run(args: &Args, quiet: bool) -> Result<()> {
    let recipe = Recipe::load_with(&args.recipe, &args.set).map_err(|e| Usage(e.to_string()))?;
    let bench = args.data.open(Some(&args.out), quiet)?;
    let recipe = recipe.for_dataset(&bench.dataset.name).map_err(|e| Usage(e.to_string()))?;
    let arms = if args.arm.is_empty() { <Arm as clap::ValueEnum>::value_variants() } else { &args.arm };
    // That the recipe suits the images is known before anything is made.
    drop(TrainingData::new(&bench.dataset, &recipe, 0, bench.device)?);
    let mut settings = toml::Table::new();
    settings.insert("recipe".into(), toml::from_str(&recipe.to_toml()).context("the recipe as TOML")?);
    let name = format!("ablation, {}", recipe.name);
    let outcomes = Outcomes::open(&args.out, name, settings, &bench, quiet)?;
    let study = Study { recipe: &recipe, outcomes: &outcomes };
    let mut tasks = Vec::new();
    for &seed in &args.seeds {
        let open: Vec<Arm> = arms.iter().copied().filter(|arm| !outcomes.has(&arm.name(), seed)).collect();
        let (staged, alone): (Vec<Arm>, Vec<Arm>) = open.into_iter().partition(|arm| arm.begins_with_stage_one());
        let groups = alone.into_iter().map(|arm| vec![arm]).chain([staged]).filter(|group| !group.is_empty());
        for group in groups {
            let (study, dataset, device) = (&study, &bench.dataset, bench.device);
            let work = study.work(&group);
            let run = move || {
                let data = TrainingData::new(dataset, study.recipe, seed, device)?;
                study.train(&data, &group, seed)
            };
            tasks.push(Task { work, run: Box::new(run) });
        }
    }
    let workers = args.workers.map_or(bench.threads, usize::from);
    let rows = outcomes.of(tasks, workers)?;
    let order: Vec<String> = <Arm as clap::ValueEnum>::value_variants().iter().map(|arm| arm.name()).collect();
    let table = contrast(&rows, &order);
    write_atomic(&args.out.join(TABLE), table.as_bytes())?;
    print(&table)
}

struct Study<'a> {
    recipe: &'a Recipe,
    outcomes: &'a Outcomes,
}

impl Study<'_> {
    /// Epochs of all steps; every arm is trained for so many.
    fn epochs(&self) -> u32 {
        let Recipe { stage_1, stage_2_1, stage_2_2, .. } = self.recipe;
        stage_1.epochs + stage_2_1.epochs + stage_2_2.epochs
    }

    /// Epochs of a whole model in a group of arms.
    fn work(&self, group: &[Arm]) -> f64 {
        let Recipe { stage_1, stage_2_1, stage_2_2, .. } = self.recipe;
        match group {
            [arm] if !arm.begins_with_stage_one() => self.epochs().into(),
            _ => f64::from(stage_1.epochs) + group.len() as f64 * f64::from(stage_2_1.epochs + stage_2_2.epochs),
        }
    }

    /// Trains arms that share the first stage, if they have one.
    fn train(&self, data: &TrainingData, group: &[Arm], seed: u64) -> Result<()> {
        let mut first = None;
        for &arm in group {
            let recipe = &arm.recipe(self.recipe);
            let (model, fits) = match arm {
                Arm::Scratch | Arm::ScratchAugmented => {
                    let mut rng = stream(seed, "scratch/weights");
                    let [a, b] = DualModel::new(&data.branch_spec(recipe), data.images.device(), &mut rng)?.branches;
                    let model = litecnn_surgery::join(&a, &b, &data.unified_spec(recipe), &mut rng)?;
                    let (model, fit) = train_scratch(model, data, recipe, self.epochs(), seed, 1, None, &Ends)?;
                    (Model::Unified(model), vec![fit])
                }
                Arm::SingleBranch | Arm::SingleBranchAugmented => {
                    let (branch, fit) = train_single(data, recipe, self.epochs(), seed, None, &Ends)?;
                    (Model::Branch(branch), vec![fit])
                }
                _ => {
                    if first.is_none() {
                        first = Some(stage_one(data, recipe, seed, 1, None, &Ends)?);
                    }
                    let Some((dual, fit)) = &first else { unreachable!("trained above") };
                    let (model, [second, third]) = second_stage(&dual.branches, data, recipe, seed)?;
                    (Model::Unified(model), vec![fit.clone(), second, third])
                }
            };
            self.outcomes.note(outcome(arm.name(), seed, &model, &fits, data)?)?;
        }
        Ok(())
    }
}
