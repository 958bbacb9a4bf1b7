//! The order in which data sets and steps are told, wherever they are listed.

use std::cmp::Ordering;

/// The paper's data sets in its order, then others by name.
pub(crate) fn datasets(a: &str, b: &str) -> Ordering {
    rank(&["mnist", "fashion-mnist", "cifar10"], a, b)
}

/// Steps in order of training, folds by number, then others by name. Branches stand where stage one does.
pub(crate) fn steps(a: &str, b: &str) -> Ordering {
    let fold = |step: &str| step.strip_prefix("fold-").and_then(|n| n.parse::<u32>().ok());
    let place = |step: &str| if fold(step).is_some() { "fold".to_owned() } else { step.to_owned() };
    const KNOWN: [&str; 9] =
        ["stage-1", "branch-1", "branch-2", "surgery", "stage-2-1", "stage-2-2", "fold", "ensemble", "evaluate"];
    rank(&KNOWN, &place(a), &place(b)).then_with(|| fold(a).cmp(&fold(b)))
}

fn rank(known: &[&str], a: &str, b: &str) -> Ordering {
    let place = |name: &str| known.iter().position(|k| *k == name).unwrap_or(known.len());
    place(a).cmp(&place(b)).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    #[test]
    fn known_ones_first_and_folds_by_number() {
        let mut steps = ["zeta", "fold-10", "evaluate", "fold-2", "stage-2-2", "stage-1", "surgery", "alpha"];
        steps.sort_by(|a, b| super::steps(a, b));
        assert_eq!(steps, ["stage-1", "surgery", "stage-2-2", "fold-2", "fold-10", "evaluate", "alpha", "zeta"]);
        let mut sets = ["cifar10", "animals", "mnist", "fashion-mnist"];
        sets.sort_by(|a, b| super::datasets(a, b));
        assert_eq!(sets, ["mnist", "fashion-mnist", "cifar10", "animals"]);
    }
}
