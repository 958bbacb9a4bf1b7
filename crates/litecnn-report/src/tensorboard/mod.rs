//! Training curves for TensorBoard: event files made of histories.

mod curves;
mod event;
mod files;
mod recipe;
mod record;
mod start;

use std::path::{Component, Path, PathBuf};

use litecnn_run::{EpochRecord, Manifest, RunError, SeedDir, seeds_in};

use crate::collect::{finished_steps, histories};
use crate::{ReportError, order};
use event::Event;

/// The output of a model that has only one.
const ONLY_OUTPUT: &str = "model";

/// Writes the training curves of a run as TensorBoard reads them, and returns the files' paths in the order of data
/// sets and steps. `tensorboard --logdir <run>/tensorboard` shows them.
///
/// ```text
/// tensorboard/                               the recipe, as text
///   <data set>/seed-<n>/<step>[/<output>]/   the output where a step trains several
///     train/                                 accuracy, loss, learning_rate, images_per_second by epoch
///     validation/                            accuracy, loss by epoch
/// ```
///
/// Every step with a `history.csv` is there, whether the run is finished or not. Tags are the same everywhere, so one
/// chart compares what the run filter of TensorBoard leaves, such as `seed-0/.*validation`. Losses are in nats,
/// accuracies fractions. Times are those of the step's start plus the seconds spent on training, which leave
/// validation out.
///
/// The same run gives the same bytes. A second call replaces what has changed and removes files of earlier calls
/// whose step is gone; anything else in the folder stays.
///
/// # Errors
/// [`ReportError::NothingToReport`] if the directory holds no results; [`ReportError::Run`] if a file cannot be read
/// or written or is damaged, naming it; [`ReportError::Inconsistent`] if a step belongs to another recipe. Nothing is
/// written if anything cannot be read.
///
/// Source: `tensorboard/backend/event_processing` in TensorBoard 2.21, for how runs are found and files are read.
pub fn write_tensorboard(run: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let curves = curves_of(run)?;
    litecnn_run::refuse_links(run)?;
    Ok(files::replace(&run.join("tensorboard"), &curves)?)
}

/// Everything TensorBoard calls a run: its name, which is its folder, and its events.
fn curves_of(run: &Path) -> Result<Vec<(PathBuf, Vec<Event>)>, ReportError> {
    let mut seeds = seeds_in(run);
    if seeds.is_empty() {
        return Err(ReportError::NothingToReport { run: run.to_owned() });
    }
    seeds.sort_by(|(a, m), (b, n)| order::datasets(a, b).then(m.cmp(n)));
    let manifest = Manifest::read(run)?;
    let mut curves = vec![(PathBuf::new(), recipe::events(run, &manifest)?)];
    for (dataset, seed) in seeds {
        let dir = SeedDir::new(run, &dataset, seed);
        let finished = finished_steps(&dir, &manifest)?;
        for (step, history) in histories(&dir, &finished)? {
            let name = format!("{dataset}/seed-{seed}/{step}");
            let record = finished.iter().find(|s| s.step == step);
            let start = start::of_step(record, &manifest, &name);
            for output in outputs(&history, &dir.history(&step))? {
                let records: Vec<&EpochRecord> = history.iter().filter(|r| r.output == output).collect();
                let folder = if output == ONLY_OUTPUT { PathBuf::from(&name) } else { Path::new(&name).join(output) };
                curves.push((folder.join("train"), curves::train(start, &records)));
                curves.push((folder.join("validation"), curves::validation(start, &records)));
            }
        }
    }
    Ok(curves)
}

/// The outputs of a history, each once. They become folders, so each must be a name and not a path.
fn outputs<'a>(history: &'a [EpochRecord], path: &Path) -> Result<Vec<&'a str>, RunError> {
    let mut outputs: Vec<&str> = Vec::new();
    for output in history.iter().map(|r| r.output.as_str()) {
        if !Path::new(output).components().eq([Component::Normal(output.as_ref())]) {
            return Err(RunError::damaged(path, format!("`{output}` is not the name of an output")));
        }
        if !outputs.contains(&output) {
            outputs.push(output);
        }
    }
    Ok(outputs)
}
