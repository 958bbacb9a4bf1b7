use litecnn_report::speed::Copying;
use tch::Device;

use crate::{BenchError, Sample};

/// Something that answers images and can be timed: a model in libtorch ([`Subject`](crate::Subject)) or in the
/// runtime ([`Exported`](crate::Exported)).
pub trait Engine {
    /// What it is called in rows.
    fn program(&self) -> &str;

    /// Name of the data set its model is for.
    fn model(&self) -> &str;

    /// Where it computes.
    fn device(&self) -> Device;

    /// Threads it may use on the CPU.
    fn threads(&self) -> usize;

    /// Makes everything ready for calls on `batch` images, seeded and random, and has them measured. `copy` says
    /// whether a call brings its images to the device; none on the CPU.
    ///
    /// # Errors
    /// Of the engine, above all for want of memory, and those of `measure`.
    fn ready(&self, batch: u64, copy: Option<Copying>, measure: &mut Measure<'_>) -> Result<Sample, BenchError>;
}

/// What measures calls.
pub type Measure<'a> = dyn FnMut(&mut dyn Call) -> Result<Sample, BenchError> + 'a;

/// Calls on images that are ready.
pub trait Call {
    /// Answers the images with probabilities.
    ///
    /// # Errors
    /// Of the engine.
    fn call(&mut self) -> Result<(), BenchError>;

    /// Until the device has done everything asked of it.
    fn wait(&mut self) {}
}
