use litecnn_data::{Stream, stream};
use litecnn_model::{Joint, UnifiedModel, UnifiedSpec};
use rand::RngExt;
use tch::{Device, Tensor};

use crate::data::TrainingData;
use crate::fit::{Checkpointer, Fit, Part, Plan, Problem, fit};
use crate::infer::joined_outputs;
use crate::observer::Observer;
use crate::optimizer::Optimizer;
use crate::recipe::{Recipe, TrainSettings};
use crate::score::cross_entropy;
use crate::threads::single_threaded_operations;
use crate::{Score, TrainError};

/// The step's name.
pub const STAGE_TWO_JOINT: &str = "stage-2-1";

/// First step of the second stage (Isong 2025, "Second training stage", 1): only the new dense layers are trained,
/// the branches are frozen.
///
/// Frozen branches give the same values for an image every time, so these values are computed once; an epoch
/// then touches 1,002 parameters only. That the branches are left as they were is checked to the bit.
///
/// # Errors
/// [`TrainError`]; with a checkpointer, epochs done are kept.
pub fn train_joint(
    mut model: UnifiedModel,
    data: &TrainingData,
    recipe: &Recipe,
    seed: u64,
    workers: usize,
    checkpointer: Option<&Checkpointer>,
    observer: &dyn Observer,
) -> Result<(UnifiedModel, Fit), TrainError> {
    let settings = &recipe.stage_2_1;
    let frozen = [model.branches[0].params().snapshot()?, model.branches[1].params().snapshot()?];
    let part = |places: &[u32]| {
        let joined = joined_outputs(&model, &data.images, places, workers)?;
        Ok::<_, TrainError>((joined, data.images.labels(places)?))
    };
    let (train, validation) = (part(&data.split.train)?, part(&data.split.validation)?);
    let spec = model.spec().clone();
    let optimizer = Optimizer::new(&settings.optimizer, model.joint.params().flat());
    single_threaded_operations();
    let mut problem = Problem21 { joint: &mut model.joint, optimizer, spec, settings, train, validation, seed };
    let plan = Plan::single(STAGE_TWO_JOINT, settings, checkpointer, observer);
    let result = fit(&mut problem, &plan)?;
    for (i, (branch, before)) in model.branches.iter().zip(&frozen).enumerate() {
        if !branch.params().flat().f_equal(before)? {
            return Err(TrainError::NotFrozen(format!("branch {}", i + 1)));
        }
    }
    Ok((model, result))
}

struct Problem21<'a> {
    joint: &'a mut Joint,
    optimizer: Optimizer,
    spec: UnifiedSpec,
    settings: &'a TrainSettings,
    /// Joined outputs of the branches and labels, in the order of the split.
    train: (Tensor, Tensor),
    validation: (Tensor, Tensor),
    seed: u64,
}

impl Problem for Problem21<'_> {
    fn outputs(&self) -> Vec<&'static str> {
        vec!["model"]
    }

    fn size(&self) -> (usize, usize) {
        let images = self.train.1.numel();
        (images, images.div_ceil(self.settings.batch_size))
    }

    fn train(&mut self, epoch: u32, tick: &(dyn Fn() + Sync)) -> Result<Vec<Score>, TrainError> {
        use rand::seq::SliceRandom;
        let purpose = |what: &str| stream(self.seed, &format!("{STAGE_TWO_JOINT}/{what}/epoch-{epoch}"));
        let mut order: Vec<i64> = (0..self.train.1.numel() as i64).collect();
        order.shuffle(&mut purpose("order"));
        let order = Tensor::f_from_slice(&order)?.f_to(self.train.1.device())?;
        let (joined, labels) = (self.train.0.f_index_select(0, &order)?, self.train.1.f_index_select(0, &order)?);
        let mut dropout = Dropout::new(&self.spec, purpose("dropout"), labels.device());
        let size = self.settings.batch_size as i64;
        let mut seen = Vec::new();
        for (x, y) in joined.f_split(size, 0)?.iter().zip(labels.f_split(size, 0)?) {
            let logits = self.joint.forward(x, dropout.draw(y.numel())?.as_ref())?;
            let loss = cross_entropy(&logits, &y)?;
            let gradients = Tensor::f_run_backward(&[loss], self.joint.params().views(), false, false)?;
            let gradient = self.joint.params().gather(&gradients)?;
            self.optimizer.step(self.joint.params_mut().flat_mut(), &gradient)?;
            seen.push(logits.f_detach()?);
            tick();
        }
        Ok(vec![Score::of(&Tensor::f_cat(&seen, 0)?, &labels)?])
    }

    fn validate(&mut self) -> Result<Vec<Score>, TrainError> {
        let logits = tch::no_grad(|| self.joint.forward(&self.validation.0, None))?;
        Ok(vec![Score::of(&logits, &self.validation.1)?])
    }

    fn parts(&mut self) -> Vec<Part<'_>> {
        let params = self.joint.params_mut();
        vec![Part { name: "joint", output: 0, params, optimizer: &mut self.optimizer }]
    }
}

/// Factors that drop hidden units: 0 with the rate's probability, else `1 / (1 - rate)`.
pub(crate) struct Dropout {
    rate: f64,
    hidden: i64,
    rng: Stream,
    device: Device,
}

impl Dropout {
    pub(crate) fn new(spec: &UnifiedSpec, rng: Stream, device: Device) -> Self {
        Self { rate: spec.dropout, hidden: spec.hidden, rng, device }
    }

    /// Factors for the next batch, `[batch, hidden]`; none if nothing is ever dropped.
    pub(crate) fn draw(&mut self, batch: usize) -> Result<Option<Tensor>, TrainError> {
        if self.rate == 0.0 {
            return Ok(None);
        }
        let kept = (1.0 / (1.0 - self.rate)) as f32;
        let mut factor = || if self.rng.random::<f64>() < self.rate { 0.0 } else { kept };
        let factors: Vec<f32> = (0..batch * self.hidden as usize).map(|_| factor()).collect();
        Ok(Some(Tensor::f_from_slice(&factors)?.f_view([batch as i64, self.hidden])?.f_to(self.device)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use litecnn_model::BranchSpec;

    #[test]
    fn dropout_drops_its_rate_and_keeps_the_mean() {
        let mut spec = UnifiedSpec::paper(BranchSpec::paper(1, 28, 28, 10));
        for rate in [0.5, 0.2] {
            spec.dropout = rate;
            let factors = Dropout::new(&spec, stream(0, "d"), Device::Cpu).draw(4000).unwrap().unwrap();
            let values: Vec<f32> = Vec::try_from(factors.flatten(0, -1)).unwrap();
            let dropped = values.iter().filter(|v| **v == 0.0).count() as f64 / values.len() as f64;
            let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / values.len() as f64;
            assert!((dropped - rate).abs() < 0.01 && (mean - 1.0).abs() < 0.01, "{dropped} {mean}");
        }
        spec.dropout = 0.0;
        assert!(Dropout::new(&spec, stream(0, "d"), Device::Cpu).draw(3).unwrap().is_none());
    }
}
