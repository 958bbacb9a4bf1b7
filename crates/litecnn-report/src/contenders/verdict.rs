use super::{Contender, Contenders, Family, SCRATCH, TWO_STAGE, TWO_STAGE_INT8};
use crate::Interval;
use crate::interval::of_mean;
use crate::numbers::{grouped, percent, points};

/// What the figures say of a data set, whichever way they fall; nothing of what was not measured.
pub(super) fn verdicts(all: &Contenders, dataset: &str) -> Vec<String> {
    let Some(light) = all.get(dataset, TWO_STAGE) else {
        return vec!["The two-stage method is not measured here.".to_owned()];
    };
    let mut told = Vec::new();
    if let Some(control) = all.get(dataset, SCRATCH) {
        told.push(two_stages(light, control));
    }
    if let Some(int8) = all.get(dataset, TWO_STAGE_INT8) {
        told.push(integers(light, int8));
    }
    let others = all.contenders.iter().filter(|c| c.dataset == dataset && c.family != Family::Light);
    let (small, large): (Vec<&Contender>, Vec<&Contender>) = others.partition(|c| c.non_zero <= as_small(light));
    if let Some(best) = best(&small) {
        told.push(as_large(light, best));
    }
    let better: Vec<&Contender> = large.into_iter().filter(|c| mean(c) > mean(light)).collect();
    if let Some(nearest) = better.iter().min_by_key(|c| c.bytes) {
        told.push(format!(
            "The smallest file of a larger network that is better is that of {} with {} bytes, {:.1} times the light \
             model's: {} % against {} %.",
            nearest.words,
            grouped(nearest.bytes),
            nearest.bytes as f64 / light.bytes as f64,
            percent(mean(nearest)),
            percent(mean(light)),
        ));
    }
    told
}

/// Weights up to which another network counts as being of the light model's size: a tenth more.
fn as_small(light: &Contender) -> u64 {
    light.parameters + light.parameters / 10
}

fn mean(c: &Contender) -> f64 {
    let accuracies = c.accuracies();
    accuracies.iter().sum::<f64>() / accuracies.len() as f64
}

fn best<'a>(of: &[&'a Contender]) -> Option<&'a Contender> {
    of.iter().copied().max_by(|a, b| mean(a).total_cmp(&mean(b)))
}

/// Differences of accuracy, a value a seed that both have.
fn differences(first: &Contender, second: &Contender) -> Vec<f64> {
    let share = |c: &Contender, seed: u64| {
        c.trainings.iter().find(|t| t.seed == seed).map(|t| t.correct as f64 / c.images as f64)
    };
    first.trainings.iter().filter_map(|t| Some(share(first, t.seed)? - share(second, t.seed)?)).collect()
}

fn two_stages(light: &Contender, control: &Contender) -> String {
    let by_seed = differences(light, control);
    if by_seed.is_empty() {
        return "Two stages and plain training of the same architecture have no seed in common.".to_owned();
    }
    // Of seeds that both have: others would tell of their seeds.
    let difference = by_seed.iter().sum::<f64>() / by_seed.len() as f64;
    let what = match of_mean(&by_seed) {
        Some(Interval { low, high }) => {
            let verdict = match (low > 0.0, high < 0.0) {
                (true, _) => "the two stages earn their keep",
                (_, true) => "the two stages cost accuracy",
                _ => "no difference is shown",
            };
            format!(
                "{} points over {} seeds (95 % interval of the difference {} to {}): {verdict}",
                points(difference),
                by_seed.len(),
                points(low),
                points(high)
            )
        }
        None => format!("{} points, with one seed, which says little", points(difference)),
    };
    format!("Two stages against plain training of the same architecture: {what}.")
}

fn integers(light: &Contender, int8: &Contender) -> String {
    let smaller = light.bytes as f64 / int8.bytes as f64;
    format!(
        "Weights of 8 bits make the file {smaller:.1} times smaller and change accuracy by {} points.",
        points(mean(int8) - mean(light))
    )
}

fn as_large(light: &Contender, other: &Contender) -> String {
    let by_seed = differences(light, other);
    let interval = of_mean(&by_seed).map_or(String::new(), |i| {
        let [low, high] = [i.low, i.high].map(points);
        format!(" (95 % interval of the difference over seeds {low} to {high})")
    });
    let difference = mean(light) - mean(other);
    let than = if difference < 0.0 { "behind" } else { "ahead of" };
    format!(
        "Of other networks with no more than {} weights that are not zero the best is {}, {} %: the light model is {:.2} \
         points {than} it{interval}; the other takes {:.1} times the multiply-accumulates.",
        grouped(as_small(light)),
        other.words,
        percent(mean(other)),
        100.0 * difference.abs(),
        other.macs as f64 / light.macs as f64,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contenders::testing::{contender, contenders};

    #[test]
    fn they_fall_as_the_figures_do() {
        let told = |light: [u64; 3], control: [u64; 3]| {
            let all = contenders(vec![
                contender(TWO_STAGE, Family::Light, 19_622, &light),
                contender(SCRATCH, Family::Light, 19_622, &control),
            ]);
            verdicts(&all, "cifar10").remove(0)
        };
        let won = told([6600, 6650, 6620], [6500, 6540, 6530]);
        assert!(won.contains("+1.00 points over 3 seeds") && won.ends_with("the two stages earn their keep."), "{won}");
        let lost = told([6500, 6540, 6530], [6600, 6650, 6620]);
        assert!(lost.contains("-1.00 points") && lost.ends_with("the two stages cost accuracy."), "{lost}");
        assert!(told([6500, 6700, 6600], [6600, 6500, 6650]).ends_with("no difference is shown."));
    }

    #[test]
    fn seeds_that_only_one_has_do_not_count() {
        let light = contender(TWO_STAGE, Family::Light, 19_622, &[6600, 6650, 9000]);
        let mut control = contender(SCRATCH, Family::Light, 19_622, &[6500, 6550]);
        let told =
            |control: &Contender| verdicts(&contenders(vec![light.clone(), control.clone()]), "cifar10").remove(0);
        assert!(told(&control).contains("+1.00 points over 2 seeds"), "{}", told(&control));
        control.trainings.iter_mut().for_each(|t| t.seed += 7);
        assert!(told(&control).ends_with("have no seed in common."), "{}", told(&control));
    }

    #[test]
    fn others_are_told_by_size() {
        let light = contender(TWO_STAGE, Family::Light, 19_622, &[6500, 6500]);
        let small = contender("shrunk", Family::Plain, 20_000, &[7500, 7550]);
        let large = contender("vgg19-8", Family::Zoo, 151_000, &[8000]);
        let all = contenders(vec![light, small, large]);
        let told = verdicts(&all, "cifar10");
        assert!(told[0].contains("no more than 21,584 weights") && told[0].contains("10.25 points behind"), "{told:?}");
        assert!(told[1].contains("vgg19-8") && told[1].contains("80.00 % against 65.00 %"), "{told:?}");
        assert_eq!(verdicts(&all, "mnist"), ["The two-stage method is not measured here."]);
    }

    #[test]
    fn what_is_not_measured_is_not_told() {
        let all = contenders(vec![contender(TWO_STAGE, Family::Light, 19_622, &[6500])]);
        assert_eq!(verdicts(&all, "cifar10"), [] as [&str; 0]);
    }
}
