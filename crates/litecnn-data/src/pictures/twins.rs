use std::collections::HashMap;

use super::read::Outcome;

/// Which pictures became the same image.
pub(super) struct Twins {
    first: Vec<usize>,
}

impl Twins {
    pub(super) fn of(outcomes: &[Outcome]) -> Self {
        let mut seen: HashMap<&str, usize> = HashMap::new();
        let first = outcomes.iter().enumerate().map(|(index, outcome)| match outcome {
            Outcome::Image { digest, .. } => *seen.entry(digest).or_insert(index),
            Outcome::Unreadable(_) => index,
        });
        Self { first: first.collect() }
    }

    /// The first picture with the same image; the picture itself, if it is that.
    pub(super) fn first(&self, index: usize) -> usize {
        self.first[index]
    }
}
