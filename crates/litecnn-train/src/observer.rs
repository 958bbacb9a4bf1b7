use litecnn_run::EpochRecord;

/// Is told how training goes; may be called from several threads.
pub trait Observer: Sync {
    /// Something happened.
    fn notice(&self, event: Event<'_>);

    /// Whether training is to be halted: asked after every batch and before every epoch, possibly in several threads,
    /// and to be answered alike from the first yes on. The state is saved, and the step ends with
    /// [`TrainError::Halted`](crate::TrainError::Halted).
    fn halts(&self) -> bool {
        false
    }
}

/// What an [`Observer`] is told.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Training goes on after `epoch` epochs done by an earlier process.
    Resumed {
        /// The step, such as `stage-1`.
        step: &'a str,
        /// Epochs done.
        epoch: u32,
        /// Batches done of the next one, which was halted.
        batches: usize,
    },
    /// An epoch begins.
    EpochStart {
        /// The step.
        step: &'a str,
        /// Counted from 1.
        epoch: u32,
        /// The last one, if nothing stops earlier.
        epochs: u32,
        /// Batches in the epoch.
        batches: usize,
    },
    /// One more batch is done.
    Batch {
        /// The step.
        step: &'a str,
    },
    /// An epoch has ended, validated and saved.
    EpochEnd {
        /// The step.
        step: &'a str,
        /// One record an output.
        records: &'a [EpochRecord],
    },
    /// The step is done.
    Finished {
        /// The step.
        step: &'a str,
        /// Epochs trained.
        epochs: u32,
        /// Whether early stopping ended it.
        early: bool,
    },
}

/// An observer that looks away.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn notice(&self, _: Event<'_>) {}
}
