//! A training step of two weights, to go on from state files.

use litecnn_train::{
    Checkpointer, EarlyStoppingSettings, Epoch, Keep, NadamSettings, Optimizer, OptimizerSettings, Part, Plan, Problem,
    Score, Silent, TrainError, Trained, fit,
};
use tch::{Device, Kind, Tensor};

/// Trains from a state file of these bytes to the end of the second epoch. None if the state is refused.
pub fn resume(bytes: &[u8]) -> Option<()> {
    crate::read_untold("state.safetensors", bytes, |path| {
        let checkpointer = Checkpointer { path: path.to_owned(), fingerprint: FINGERPRINT.into() };
        let fit = step(&checkpointer, Keep::Best)?;
        assert!(fit.epochs >= 1 && fit.kept.len() == 1);
        Ok::<_, TrainError>(())
    })
}

/// What states that are gone on from say they depend on.
pub const FINGERPRINT: &str = "f";

/// Trains two epochs, going on from the state file if there is one.
///
/// # Errors
/// As [`fit`].
pub fn step(checkpointer: &Checkpointer, keep: Keep) -> Result<litecnn_train::Fit, TrainError> {
    let settings = NadamSettings { learning_rate: 0.01, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 };
    let weights = Tensor::ones([2], (Kind::Float, Device::Cpu));
    let optimizer = Optimizer::new(&OptimizerSettings::Nadam(settings), &weights);
    let early_stopping = EarlyStoppingSettings { patience: 3, min_delta: 0.0 };
    let plan = Plan {
        step: "stage-1",
        epochs: 2,
        keep,
        early_stopping: Some(&early_stopping),
        monitor: &|records| records[0].validation_accuracy,
        checkpointer: Some(checkpointer),
        observer: &Silent,
    };
    fit(&mut Tiny { weights, optimizer }, &plan)
}

struct Tiny {
    weights: Tensor,
    optimizer: Optimizer,
}

impl Problem for Tiny {
    type Error = TrainError;

    fn outputs(&self) -> Vec<&'static str> {
        vec!["model"]
    }

    fn size(&self) -> (usize, usize) {
        (1, 1)
    }

    fn learning_rates(&self, _: &Epoch<'_>) -> Vec<f64> {
        vec![self.optimizer.learning_rate()]
    }

    fn train(&mut self, epoch: &Epoch<'_>) -> Result<Trained, TrainError> {
        let mut lane = epoch.lane(0, self.optimizer.learning_rate());
        self.optimizer.step(&mut self.weights, &Tensor::from_slice(&[0.5f32, -0.5]))?;
        lane.batch_done();
        Ok(Trained::Whole(self.validate()?))
    }

    fn validate(&mut self) -> Result<Vec<Score>, TrainError> {
        Ok(vec![Score { loss: 0.5, accuracy: 0.5 }])
    }

    fn parts(&mut self) -> Vec<Part<'_>> {
        vec![Part { name: "model", output: 0, buffer: &mut self.weights, optimizer: Some(&mut self.optimizer) }]
    }
}
