use std::sync::{Mutex, PoisonError};

use litecnn_data::stream;
use litecnn_run::Trial;
use litecnn_train::{Event, Observer, side_by_side};
use tch::Device;

use super::Space;
use crate::{Count, Means, Model, Network, Recipe, TrainingData, ZooError};

/// How much is spent on whom: all candidates are trained for the first number of epochs, the best third of them from the
/// beginning for the second, and so on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Halving {
    /// Networks drawn.
    pub candidates: usize,
    /// Of each round.
    pub epochs: Vec<u32>,
}

/// A search.
pub struct Searching<'a> {
    /// What is searched.
    pub space: Space,
    /// How.
    pub halving: Halving,
    /// How candidates are trained, the number of epochs apart.
    pub recipe: &'a Recipe,
    /// Decides candidates and their trainings.
    pub seed: u64,
    /// Candidates trained side by side, each with one thread.
    pub workers: usize,
    /// Whether to end.
    pub observer: &'a dyn Observer,
}

impl Halving {
    /// Candidates in a round.
    pub fn of_round(&self, round: usize) -> usize {
        (0..round).fold(self.candidates, |left, _| left.div_ceil(3))
    }

    /// What is trained in all rounds together, in epochs of one candidate.
    pub fn total(&self) -> u64 {
        self.epochs.iter().enumerate().map(|(round, &epochs)| self.of_round(round) as u64 * u64::from(epochs)).sum()
    }
}

impl Searching<'_> {
    /// A candidate.
    ///
    /// # Errors
    /// As [`Space::draw`].
    pub fn candidate(&self, number: usize) -> Result<Network, ZooError> {
        let name = format!("candidate-{number}");
        self.space.draw(&name, &mut stream(self.seed, &format!("search/{name}")))
    }

    /// Goes through all rounds. `done` are trials of the same search from before; `note` is told of each new one, by
    /// one thread at a time. Gives all trials, by round, best first; the first of the last round is what was found.
    ///
    /// # Errors
    /// Those of [`Space::draw`], [`crate::train`] and `note`.
    pub fn run(
        &self,
        data: &TrainingData,
        mut done: Vec<Trial>,
        note: &mut (dyn FnMut(&Trial) -> Result<(), ZooError> + Send),
    ) -> Result<Vec<Trial>, ZooError> {
        let mut left: Vec<usize> = (0..self.halving.candidates).collect();
        let mut all = Vec::new();
        for (round, &epochs) in self.halving.epochs.iter().enumerate() {
            let known = |candidate: usize| done.iter().find(|t| (t.round, t.candidate) == (round, candidate));
            let mut trials: Vec<Trial> = left.iter().filter_map(|&candidate| known(candidate).cloned()).collect();
            let open: Vec<usize> = left.iter().copied().filter(|&candidate| known(candidate).is_none()).collect();
            trials.extend(self.side_by_side(data, round, epochs, open, note)?);
            // The first of equals is the one drawn first.
            trials.sort_by(|a, b| {
                b.validation_accuracy.total_cmp(&a.validation_accuracy).then(a.candidate.cmp(&b.candidate))
            });
            left = trials.iter().take(self.halving.of_round(round + 1)).map(|trial| trial.candidate).collect();
            done.retain(|trial| trial.round > round);
            all.extend(trials);
        }
        Ok(all)
    }

    fn side_by_side(
        &self,
        data: &TrainingData,
        round: usize,
        epochs: u32,
        open: Vec<usize>,
        note: &mut (dyn FnMut(&Trial) -> Result<(), ZooError> + Send),
    ) -> Result<Vec<Trial>, ZooError> {
        let recipe = Recipe { epochs, ..self.recipe.clone() };
        let made = Mutex::new((Vec::new(), note));
        let places = (0..self.workers.max(1)).map(|_| data.share()).collect();
        let errors = side_by_side(places, open, |data, candidate| {
            let trial = self.trial(data, &recipe, round, candidate)?;
            let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
            (made.1)(&trial)?;
            made.0.push(trial);
            Ok(())
        });
        if let Some(error) = errors.into_iter().next() {
            return Err(error);
        }
        Ok(made.into_inner().unwrap_or_else(PoisonError::into_inner).0)
    }

    fn trial(&self, data: &TrainingData, recipe: &Recipe, round: usize, candidate: usize) -> Result<Trial, ZooError> {
        let graph = self.candidate(candidate)?.graph()?;
        let count = Count::of(&graph);
        let (parameters, multiplications) = (count.folded(), count.flops.macs());
        let model = Model::new(graph, Device::Cpu, &mut stream(self.seed, "zoo/weights"))?;
        let (engine, _) = Means::engine_for(model.graph(), recipe, Device::Cpu);
        let quiet = Quiet(self.observer);
        let means = Means { engine, threads: 1, checkpointer: None, observer: &quiet };
        let (_, fit) = crate::train(model, data, recipe, self.seed, &means)?;
        let last = fit.history.last();
        Ok(Trial {
            candidate,
            round,
            epochs: recipe.epochs,
            validation_accuracy: last.map_or(0.0, |record| record.validation_accuracy),
            validation_loss: last.map_or(f64::INFINITY, |record| record.validation_loss),
            parameters,
            multiplications,
            seconds: fit.seconds,
        })
    }
}

/// Hears of no events, but of a wish to end.
struct Quiet<'a>(&'a dyn Observer);

impl Observer for Quiet<'_> {
    fn notice(&self, _: Event<'_>) {}

    fn halts(&self) -> bool {
        self.0.halts()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_third_goes_on() {
        let halving = Halving { candidates: 20, epochs: vec![2, 6, 18] };
        assert_eq!([0, 1, 2].map(|round| halving.of_round(round)), [20, 7, 3]);
        assert_eq!(halving.total(), 40 + 42 + 54);
    }
}
