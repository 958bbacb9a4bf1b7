use std::path::Path;

use litecnn_data::{official_sets, stream};
use litecnn_model::{
    Architecture, Branch, BranchSpec, Card, InferenceModel, Model, Summary, UnifiedModel, UnifiedSpec,
};
use litecnn_report::speed::{Copying, ModelSize, OURS};
use litecnn_run::SeedDir;
use tch::{Cuda, Device, Kind, Tensor};

use crate::{BenchError, Call, Engine, Measure, Sample};

/// The model that is measured, on its device.
#[derive(Debug)]
pub struct Subject {
    name: String,
    model: UnifiedModel,
    form: InferenceModel,
    classes: Vec<String>,
    device: Device,
    bytes_of_file: u64,
}

impl Subject {
    /// The paper's unified model for a data set, with weights drawn from a fixed seed. Speed does not depend on what
    /// the weights are.
    ///
    /// # Errors
    /// [`BenchError::UnknownModel`], or libtorch's if the device has no room.
    pub fn random(name: &str, device: Device) -> Result<Self, BenchError> {
        let set = official_sets()?.iter().find(|set| set.name == name);
        let set = set.ok_or_else(|| BenchError::UnknownModel(name.to_owned()))?;
        let [channels, height, width] = set.shape.map(|n| n as i64);
        let branch = BranchSpec::paper(channels, height, width, set.classes.len() as i64);
        let mut rng = stream(0, "bench/weights");
        let first = Branch::new(&branch, device, &mut rng)?;
        let second = Branch::new(&branch, device, &mut rng)?;
        let model = litecnn_surgery::join(&first, &second, &UnifiedSpec::paper(branch), &mut rng)?;
        Self::new(name, model, set.classes.clone(), device, None)
    }

    /// The final model of a run for a data set and seed.
    ///
    /// # Errors
    /// Naming the weight file if it is not there or holds no unified model.
    pub fn trained(run: &Path, name: &str, seed: u64, device: Device) -> Result<Self, BenchError> {
        Self::read(&SeedDir::new(run, name, seed).final_weights(), name, device)
    }

    /// The model of a weight file, for a data set.
    ///
    /// # Errors
    /// Naming the file if it is not there or holds no unified model.
    pub fn read(path: &Path, name: &str, device: Device) -> Result<Self, BenchError> {
        match Model::load(path, device)? {
            (Model::Unified(model), card) => {
                let bytes = litecnn_run::read(path)?.len() as u64;
                Self::new(name, model, card.classes, device, Some(bytes))
            }
            (Model::Branch(_), _) => Err(BenchError::NotUnified { path: path.display().to_string() }),
        }
    }

    fn new(
        name: &str,
        model: UnifiedModel,
        classes: Vec<String>,
        device: Device,
        bytes: Option<u64>,
    ) -> Result<Self, BenchError> {
        let form = InferenceModel::new(&model)?;
        let mut subject = Self { name: name.to_owned(), model, form, classes, device, bytes_of_file: 0 };
        subject.bytes_of_file = match bytes {
            Some(bytes) => bytes,
            None => subject.weight_file()?.len() as u64,
        };
        Ok(subject)
    }

    /// Shapes of its layers.
    pub(crate) fn spec(&self) -> &UnifiedSpec {
        self.model.spec()
    }

    /// Probabilities `[batch, classes]` of images `[batch, channels, height, width]` on the model's device: what is
    /// measured. The model is in its form for answering ([`InferenceModel`]).
    ///
    /// # Errors
    /// libtorch's, above all for want of memory.
    pub fn predict(&self, images: &Tensor) -> Result<Tensor, BenchError> {
        Ok(self.form.probabilities(images)?)
    }

    /// Seeded random images with values in `[0, 1)` on `device`, channels-last in memory as the batches of
    /// `litecnn-data` are.
    ///
    /// # Errors
    /// libtorch's if the device has no room.
    pub fn images(&self, batch: u64, device: Device) -> Result<Tensor, BenchError> {
        let input = self.model.spec().branch.input;
        tch::manual_seed(0);
        let shape = [batch as i64, input.height, input.width, input.channels];
        Ok(Tensor::f_rand(shape, (Kind::Float, device))?.f_permute([0, 3, 1, 2])?)
    }

    /// How large it is, in memory and as a file.
    pub fn size(&self) -> ModelSize {
        let summary = Summary::of_unified(self.model.spec(), false);
        ModelSize {
            model: self.name.clone(),
            parameters: summary.parameters() as u64,
            bytes_in_memory: summary.bytes() as u64,
            bytes_of_file: self.bytes_of_file,
        }
    }

    /// The weight file as the trainer writes it.
    ///
    /// # Errors
    /// If it cannot be written to the folder for temporary files.
    pub fn weight_file(&self) -> Result<Vec<u8>, BenchError> {
        let refused = |source| litecnn_run::RunError::Io { action: "write", path: std::env::temp_dir(), source };
        let folder = tempfile::tempdir().map_err(refused)?;
        let path = folder.path().join("final.safetensors");
        let architecture = Architecture::Unified { spec: self.model.spec().clone() };
        let card = Card { dataset: self.name.clone(), step: "final".into(), ..Card::new(architecture, &self.classes) };
        Model::Unified(self.model.share()).save(&path, &card)?;
        Ok(litecnn_run::read(&path)?)
    }
}

impl Engine for Subject {
    fn program(&self) -> &str {
        OURS
    }

    fn model(&self) -> &str {
        &self.name
    }

    fn device(&self) -> Device {
        self.device
    }

    /// Of operations started by this thread.
    fn threads(&self) -> usize {
        usize::try_from(tch::get_num_threads()).unwrap_or(1)
    }

    fn ready(&self, batch: u64, copy: Option<Copying>, measure: &mut Measure<'_>) -> Result<Sample, BenchError> {
        let (from, to) = match copy {
            Some(Copying::Included) => (Device::Cpu, Some(self.device)),
            Some(Copying::Excluded) | None => (self.device, None),
        };
        measure(&mut Work { subject: self, images: self.images(batch, from)?, to })
    }
}

/// One call of libtorch, ready to be made.
struct Work<'a> {
    subject: &'a Subject,
    images: Tensor,
    /// Where images are copied to first.
    to: Option<Device>,
}

impl Call for Work<'_> {
    fn call(&mut self) -> Result<(), BenchError> {
        drop(match self.to {
            Some(device) => self.subject.predict(&self.images.f_to(device)?)?,
            None => self.subject.predict(&self.images)?,
        });
        Ok(())
    }

    fn wait(&mut self) {
        if let Device::Cuda(n) = self.subject.device {
            Cuda::synchronize(n as i64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_the_papers_and_the_file_is_weights_and_a_little_more() {
        for (name, parameters) in [("mnist", 14_862), ("fashion-mnist", 14_862), ("cifar10", 19_622)] {
            let size = Subject::random(name, Device::Cpu).unwrap().size();
            assert_eq!((size.parameters, size.bytes_in_memory), (parameters, 4 * parameters), "{name}");
            let more = size.bytes_of_file - size.bytes_in_memory;
            assert!((500..4096).contains(&more), "{name}: {more}");
        }
        let error = Subject::random("imagenet", Device::Cpu).unwrap_err().to_string();
        assert!(error.contains("`imagenet`") && error.contains("cifar10"), "{error}");
    }

    #[test]
    fn probabilities_add_up_to_one_and_repeat() {
        let subject = Subject::random("cifar10", Device::Cpu).unwrap();
        let images = subject.images(3, Device::Cpu).unwrap();
        assert_eq!(images.size(), [3, 3, 32, 32]);
        let first = subject.predict(&images).unwrap();
        assert_eq!(first.size(), [3, 10]);
        assert!((first.sum(Kind::Double).double_value(&[]) - 3.0).abs() < 1e-5);
        let again = Subject::random("cifar10", Device::Cpu).unwrap();
        let images = again.images(3, Device::Cpu).unwrap();
        assert_eq!(again.predict(&images).unwrap(), first);
    }

    #[test]
    fn a_run_that_is_not_there_is_named() {
        let error = Subject::trained(Path::new("/no/run"), "mnist", 0, Device::Cpu).unwrap_err().to_string();
        assert!(error.contains("/no/run/mnist/seed-0/final.safetensors"), "{error}");
    }
}
