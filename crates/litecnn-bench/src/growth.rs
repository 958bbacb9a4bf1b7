use std::path::Path;

use litecnn_data::{Dataset, Images, stream};
use litecnn_model::Summary;
use litecnn_report::speed::Growth;
use litecnn_train::{Fit, Recipe, STAGE_ONE, STAGE_TWO_WHOLE, Silent, TrainingData, stage_one, train_whole};
use ndarray::Array4;
use rand::Rng;
use tch::Device;

use crate::BenchError;

/// The steps measured in each case.
pub const GROWTH_STEPS: [&str; 2] = [STAGE_ONE, STAGE_TWO_WHOLE];

/// Looked at after the epoch, which does not count; training wants at least one.
const VALIDATION: usize = 10;

/// One amount of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// What is varied: `images`, `filters`, `side`, `batch`.
    pub axis: &'static str,
    /// Its value, as it is told.
    pub value: String,
    /// Training images.
    pub images: usize,
    /// Filters of each convolution.
    pub filters: [i64; 2],
    /// Height and width of an image.
    pub side: usize,
    /// Images a step.
    pub batch: usize,
}

impl Case {
    /// Multiply-adds of both branches for all images: what the case will cost, roughly.
    pub fn work(&self) -> u64 {
        let branch = litecnn_model::BranchSpec {
            filters: self.filters.to_vec(),
            ..litecnn_model::BranchSpec::paper(1, self.side as i64, self.side as i64, 10)
        };
        Summary::of_dual(&branch).macs() as u64 * self.images as u64
    }
}

/// The cases: one thing varied at a time from 20,000 grey images of 28x28 pixels, 10 and 20 filters, batches of 32.
///
/// Larger filters and images take fewer images, so that no case takes much longer than the base; each case tells how
/// many. `scale` divides all numbers of images, for tests.
pub fn growth_cases(scale: usize) -> Vec<Case> {
    let images = |n: usize| (n / scale.max(1)).max(64);
    let base =
        |axis| Case { axis, value: String::new(), images: images(20_000), filters: [10, 20], side: 28, batch: 32 };
    let mut cases = Vec::new();
    for n in [10_000, 20_000, 50_000].map(images) {
        cases.push(Case { value: n.to_string(), images: n, ..base("images") });
    }
    for (filters, n) in [([10, 20], 20_000), ([20, 40], 10_000), ([40, 80], 4_000)] {
        let value = filters.map(|f: i64| f.to_string()).join("/");
        cases.push(Case { value, filters, images: images(n), ..base("filters") });
    }
    for (side, n) in [(28, 20_000), (56, 5_000), (112, 1_500)] {
        cases.push(Case { value: side.to_string(), side, images: images(n), ..base("side") });
    }
    for batch in [16, 32, 64, 128, 256] {
        cases.push(Case { value: batch.to_string(), batch, ..base("batch") });
    }
    cases
}

/// Trains for one epoch of each of [`GROWTH_STEPS`] on seeded random images, with so many worker threads.
///
/// # Errors
/// Those of training.
pub fn growth(case: &Case, threads: usize, device: Device) -> Result<Vec<Growth>, BenchError> {
    let recipe = recipe(case)?;
    let data = TrainingData::new(&dataset(case), &recipe, 0, device)?;
    let images = data.split.train.len();
    let row = |step: &str, fit: &Fit, summary: &Summary| {
        // As trained; the look at the validation images afterwards is not in it.
        let seconds = fit.history.first().map_or(fit.seconds, |record| record.seconds);
        Growth {
            step: step.to_owned(),
            axis: case.axis.to_owned(),
            value: case.value.clone(),
            images: images as u64,
            side: case.side as u64,
            batch: case.batch as u64,
            seconds_per_epoch: seconds,
            us_per_image: seconds * 1e6 / images as f64,
            threads,
            multiply_adds_per_image: summary.macs() as u64,
        }
    };
    let (dual, fit) = stage_one(&data, &recipe, 0, threads, None, &Silent)?;
    let first = row(STAGE_ONE, &fit, &Summary::of_dual(&data.branch_spec(&recipe)));
    let [a, b] = &dual.branches;
    let spec = data.unified_spec(&recipe);
    let model = litecnn_surgery::join(a, b, &spec, &mut stream(0, "bench/weights"))?;
    let (_, fit) = train_whole(model, &data, &recipe, 0, threads, None, &Silent)?;
    Ok(vec![first, row(STAGE_TWO_WHOLE, &fit, &Summary::of_unified(&spec, false))])
}

/// The paper's recipe with what the case changes, one epoch a step.
fn recipe(case: &Case) -> Result<Recipe, BenchError> {
    let [first, second] = case.filters;
    let batch = case.batch;
    let text = format!(
        "name = \"growth\"\n\
         [data]\nvalidation-images = {VALIDATION}\n\
         [model]\nfilters = [{first}, {second}]\n\
         [stage-1]\nepochs = 1\nbatch-size = {batch}\n\
         [stage-2-2]\nepochs = 1\nbatch-size = {batch}\n"
    );
    let parsed = Recipe::parse(&text, Path::new("growth"));
    Ok(parsed.map_err(litecnn_train::TrainError::from)?)
}

/// Grey images of random bytes in ten classes. What is learnt of them does not matter.
fn dataset(case: &Case) -> Dataset {
    let mut rng = stream(0, "bench/images");
    let mut part = |images: usize| {
        let mut bytes = vec![0; images * case.side * case.side];
        rng.fill_bytes(&mut bytes);
        let mut labels = vec![0; images];
        rng.fill_bytes(&mut labels);
        labels.iter_mut().for_each(|label| *label %= 10);
        let pixels = Array4::from_shape_fn((images, case.side, case.side, 1), |(n, y, x, _)| {
            bytes[(n * case.side + y) * case.side + x]
        });
        Images { pixels, labels }
    };
    Dataset {
        name: "random".into(),
        title: "Random images".into(),
        classes: (0..10).map(|class| class.to_string()).collect(),
        coarse: None,
        train: part(case.images + VALIDATION),
        validation: None,
        pictures: None,
        test: part(VALIDATION),
        digest: String::new(),
        official: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_varies_at_a_time_and_no_case_costs_much_more_than_another() {
        let cases = growth_cases(1);
        let of = |axis: &str| cases.iter().filter(|c| c.axis == axis).map(|c| c.value.as_str()).collect::<Vec<_>>();
        assert_eq!(of("images"), ["10000", "20000", "50000"]);
        assert_eq!(of("filters"), ["10/20", "20/40", "40/80"]);
        assert_eq!(of("side"), ["28", "56", "112"]);
        assert_eq!(of("batch"), ["16", "32", "64", "128", "256"]);
        let works = cases.iter().map(Case::work);
        let (least, most) = works.fold((u64::MAX, 0), |(low, high), w| (low.min(w), high.max(w)));
        assert!(most < 6 * least, "{least} {most}");
    }

    #[test]
    fn a_case_tells_what_was_really_done() {
        let case = growth_cases(1000).into_iter().find(|c| c.value == "20/40").unwrap();
        let rows = growth(&case, 1, Device::Cpu).unwrap();
        assert_eq!(rows.iter().map(|r| r.step.as_str()).collect::<Vec<_>>(), GROWTH_STEPS);
        for row in &rows {
            assert_eq!((row.images, row.side, row.batch, row.threads), (64, 28, 32, 1));
            assert!((row.us_per_image - row.seconds_per_epoch * 1e6 / 64.0).abs() < 1e-6);
        }
        // 26*26*9*20 + 11*11*9*20*40 + 1000*10 a branch, then the joint layers.
        assert_eq!(rows[0].multiply_adds_per_image, 2 * (121_680 + 871_200 + 10_000));
        assert_eq!(rows[1].multiply_adds_per_image, rows[0].multiply_adds_per_image + 640 + 320);
    }
}
