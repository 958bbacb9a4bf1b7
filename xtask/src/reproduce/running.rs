use std::fmt::Display;
use std::process::Command;
use std::time::Instant;

use litecnn_cli::duration;
use xshell::Shell;

use super::place::Place;
use super::study::Study;
use super::wanted::Wanted;
use crate::comparison;
use crate::compression::{self, Ledger};
use crate::plan::{left, plan, recorded};
use crate::process;
use crate::signals;
use crate::small;
use crate::terms::Terms;

/// The study of the dual model.
pub(super) fn isong(sh: &Shell, wanted: &Wanted) -> anyhow::Result<()> {
    let place = Place::prepare(sh, Study::Isong, &wanted.run, wanted.fresh)?;
    let steps = plan(&wanted.datasets, &wanted.seeds, wanted.data_dir.is_none());
    for (n, step) in steps.iter().enumerate() {
        let left = left(&steps, &recorded(&steps, &place.folder), n);
        println!("{}", headline(&steps, n, place.elapsed(), left));
        place.step(step, wanted.arguments(step))?;
    }
    println!("{} steps done in {}", steps.len(), duration(place.elapsed()));
    Ok(())
}

/// The study of compression.
pub(super) fn compress(sh: &Shell, wanted: &compression::Wanted, fresh: bool) -> anyhow::Result<()> {
    let place = Place::prepare(sh, Study::Compression, &wanted.run, fresh)?;
    let folder = place.folder.as_path();
    let steps = wanted.steps();
    let mut ledger = Ledger::read(folder)?;
    ledger.write(folder)?;
    for (n, step) in steps.iter().enumerate() {
        let line = headline(&steps, n, place.elapsed(), ledger.left(&steps, n));
        if ledger.is_done(wanted, step, folder)? {
            println!("{line}: done before");
            continue;
        }
        println!("{line}");
        let start = Instant::now();
        let done = place.step(step, wanted.arguments(step));
        ledger.note(wanted, step, folder, start.elapsed().as_secs_f64(), done.is_ok())?;
        ledger.write(folder)?;
        done?;
    }
    println!("{} steps done in {}", steps.len(), duration(place.elapsed()));
    Ok(())
}

/// The comparison.
pub(super) fn compare(sh: &Shell, wanted: &Terms, fresh: bool) -> anyhow::Result<()> {
    let place = Place::prepare(sh, Study::Comparison, &wanted.run, fresh)?;
    let (light, networks) = (wanted.light(), wanted.networks());
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let all: Vec<comparison::Step> = light.iter().chain(networks.iter().flatten()).cloned().collect();
    let line = |n: usize| {
        // What runs side by side with it is counted as if it began, too.
        let (ahead, then) = all[n..].split_at(light.len().saturating_sub(n));
        let of = |steps: &[comparison::Step], workers| comparison::left(&all, steps, workers, &place.ws.root);
        let left = of(ahead, 1).zip(of(then, workers)).map(|(now, then)| now + then);
        println!("{}", headline(&all, n, place.elapsed(), left));
    };
    for (n, step) in light.iter().enumerate() {
        line(n);
        step.commands.iter().try_for_each(|command| place.step(step, command.clone()))?;
    }
    let mut begun = light.len();
    for wave in networks {
        let lists = wave.iter().map(|step| (step.to_string(), &step.commands[..]));
        place.side_by_side(lists, workers, &|n| line(begun + n))?;
        begun += wave.len();
    }
    println!("measuring (elapsed {})", duration(place.elapsed()));
    let program = place.ws.tool().with_file_name(format!("litecnn-bench{}", std::env::consts::EXE_SUFFIX));
    let measured = process::pass_on(Command::new(program).args(wanted.measure()).current_dir(&place.ws.root));
    signals::stop_if_asked()?;
    measured?;
    println!("{} steps done in {}", all.len() + 1, duration(place.elapsed()));
    Ok(())
}

/// A study of small models.
pub(super) fn small(sh: &Shell, study: Study, wanted: &small::Wanted, fresh: bool) -> anyhow::Result<()> {
    let place = Place::prepare(sh, study, &wanted.terms.run, fresh)?;
    litecnn_run::write_atomic(&place.folder.join(study.mark()), format!("{study}\n").as_bytes())?;
    let (first, then) = (wanted.first(), wanted.then());
    let all: Vec<small::Step> = first.iter().chain(&then).cloned().collect();
    // Each step tells how long it will take; of those ahead nothing is known.
    let line = |n: usize| println!("{}", headline(&all, n, place.elapsed(), None));
    for (n, step) in first.iter().enumerate() {
        line(n);
        step.commands.iter().try_for_each(|command| place.step(step, command.clone()))?;
    }
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    place.side_by_side(then.iter().map(|step| (step.to_string(), &step.commands[..])), workers, &|n| {
        line(first.len() + n);
    })?;
    println!("{} steps done in {}", all.len(), duration(place.elapsed()));
    Ok(())
}

/// `[3/19] mnist seed 0: train stage-2-1 (elapsed 4m10s, about 21m left)`
fn headline(steps: &[impl Display], n: usize, elapsed: f64, left: Option<f64>) -> String {
    let left = left.filter(|s| *s >= 1.0).map(|s| format!(", about {} left", duration(s))).unwrap_or_default();
    format!("[{}/{}] {} (elapsed {}{left})", n + 1, steps.len(), steps[n], duration(elapsed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headlines_tell_what_is_known() {
        let steps = plan(&["mnist".to_owned()], &[0], false);
        assert_eq!(headline(&steps, 2, 250.0, None), "[3/7] mnist seed 0: train stage-2-1 (elapsed 4m10s)");
        assert!(headline(&steps, 6, 1.0, Some(1260.0)).ends_with("report (elapsed 1s, about 21m00s left)"));
    }
}
