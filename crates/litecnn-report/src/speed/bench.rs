use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::ReportError;

/// What our own models in libtorch are called in the rows.
pub const OURS: &str = "litecnn-libtorch";

/// What exported models in `litecnn-runtime` are called in the rows.
pub const RUNTIME: &str = "litecnn";

/// Likewise, with 8-bit weights.
pub const RUNTIME_INT8: &str = "litecnn-int8";

/// Whether a program of a row is one of ours.
pub fn is_ours(program: &str) -> bool {
    [OURS, RUNTIME, RUNTIME_INT8].contains(&program)
}

/// `bench.json`: everything measured on one machine with one build. A stable format that other programs read.
///
/// Lists hold what was measured; what was not measured has no row, never a guessed one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bench {
    /// Always [`Bench::FORMAT`].
    pub format: String,
    /// What it was measured on, and with.
    pub machine: Machine,
    /// Sizes of the models measured (Table 6).
    #[serde(default)]
    pub models: Vec<ModelSize>,
    /// Latencies and throughputs.
    #[serde(default)]
    pub rows: Vec<Row>,
    /// Where rising batch sizes came to an end for want of memory.
    #[serde(default)]
    pub limits: Vec<Limit>,
    /// Our latency beside that of other programs, measured in turn.
    #[serde(default)]
    pub ratios: Vec<Ratio>,
    /// Trained models in the forms they are shipped in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forms: Vec<ExportForm>,
    /// Cost of training as the work grows.
    #[serde(default)]
    pub growth: Vec<Growth>,
    /// Figures of the criterion benches, one thread.
    #[serde(default)]
    pub criterion: Vec<CriterionRow>,
}

/// The machine and the programs on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Name of the processor.
    pub cpu: String,
    /// Threads the system offers.
    pub cores: usize,
    /// Bytes of main memory, where the system tells.
    pub memory_bytes: Option<u64>,
    /// Operating system and architecture.
    pub os: String,
    /// Version of libtorch.
    pub libtorch: String,
    /// The GPU's name if one was measured, else `cpu`.
    pub device: String,
    /// Whether convolutions on the GPU rounded their factors to TF32; none without a GPU.
    pub tf32: Option<bool>,
    /// Version of litecnn.
    pub litecnn: String,
    /// Commit litecnn was built from, or `unknown`.
    pub commit: String,
    /// When measuring began, RFC 3339.
    pub date: String,
}

#[cfg(test)]
impl Machine {
    /// A made-up one.
    pub(crate) fn example() -> Self {
        Self {
            cpu: "Example CPU".into(),
            cores: 2,
            memory_bytes: None,
            os: "linux".into(),
            libtorch: "2.13.0".into(),
            device: "cpu".into(),
            tf32: None,
            litecnn: "0.1.0".into(),
            commit: "unknown".into(),
            date: "2025-01-31T12:00:00Z".into(),
        }
    }
}

/// How large a model is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSize {
    /// The data set it is for: `mnist` …
    pub model: String,
    /// Trainable parameters.
    pub parameters: u64,
    /// Bytes of the parameters in memory: four each.
    pub bytes_in_memory: u64,
    /// Bytes of the safetensors file, metadata included, as it was written.
    pub bytes_of_file: u64,
}

/// One measurement: many repetitions of the same call.
///
/// All figures are in `unit`; percentiles are of the figures as they are, so the 99th of a throughput is a fast
/// repetition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// [`OURS`], or the name of another program.
    pub program: String,
    /// Its version.
    pub version: String,
    /// `mnist`, `fashion-mnist`, `cifar10`.
    pub model: String,
    /// Images a call.
    pub batch: u64,
    /// Threads an operation may use on the CPU.
    pub threads: usize,
    /// `cpu`, `cuda:0` …
    pub device: String,
    /// What was measured.
    pub metric: Metric,
    /// In what.
    pub unit: Unit,
    /// Whether the images were copied to the device within the time measured; none on the CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<Copying>,
    /// 50th percentile.
    pub median: f64,
    /// 95th percentile, interpolated linearly.
    pub p95: f64,
    /// 99th percentile, interpolated linearly.
    pub p99: f64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Sample standard deviation (divided by n - 1); 0 of a single repetition.
    pub std: f64,
    /// Least value.
    pub min: f64,
    /// Repetitions measured.
    pub repetitions: u64,
    /// Calls made before, which do not count.
    pub warmup: u64,
    /// The very first call, the first of those not counted.
    pub first_call: f64,
}

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// One call, timed alone; on a GPU waited for before the clock stops.
    Latency,
    /// Calls made back to back, waited for once at the end.
    Throughput,
}

impl Metric {
    /// The unit of this metric.
    pub fn unit(self) -> Unit {
        match self {
            Self::Latency => Unit::Microseconds,
            Self::Throughput => Unit::ImagesPerSecond,
        }
    }
}

/// Unit of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// Of a whole call.
    #[serde(rename = "us")]
    Microseconds,
    /// Images divided by seconds.
    #[serde(rename = "images/s")]
    ImagesPerSecond,
}

/// Whether copying images from main memory to the device counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Copying {
    /// It does.
    Included,
    /// The images were on the device already.
    Excluded,
}

/// A batch size that memory was too small for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// `mnist` …
    pub model: String,
    /// `cpu`, `cuda:0` …
    pub device: String,
    /// Threads an operation may use on the CPU.
    pub threads: usize,
    /// The batch size that failed; the sizes before it have rows.
    pub batch: u64,
    /// libtorch's words.
    pub reason: String,
}

/// Our latency and another program's for the same work, measured in turn on the same machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ratio {
    /// Ours: [`OURS`], [`RUNTIME`] or [`RUNTIME_INT8`].
    #[serde(default = "ours")]
    pub ours: String,
    /// The other program.
    pub program: String,
    /// `mnist` …
    pub model: String,
    /// Images a call.
    pub batch: u64,
    /// Threads of both.
    pub threads: usize,
    /// Microseconds a call, median over the rounds of each round's median.
    pub ours_us: f64,
    /// The same of the other program.
    pub theirs_us: f64,
    /// Ours divided by theirs, median over the rounds of each round's ratio: below 1 where ours is faster.
    pub ratio: f64,
}

/// A trained model in one form, asked about a whole test set on one thread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportForm {
    /// [`OURS`], [`RUNTIME`], [`RUNTIME_INT8`], `onnx` or `c`.
    pub form: String,
    /// `mnist` …
    pub model: String,
    /// Seed it was trained with.
    pub seed: u64,
    /// Bytes of the file; of C those of the constants in a program.
    pub bytes: u64,
    /// Microseconds for one image, the median of many calls; for C the least of many means.
    pub us: Option<f64>,
    /// Images asked about.
    pub images: u64,
    /// How many were answered rightly.
    pub right: Option<u64>,
    /// How many were answered otherwise than by libtorch.
    pub other_answers: Option<u64>,
    /// Largest difference of a logit from libtorch's.
    pub largest_logit_difference: Option<f64>,
}

impl ExportForm {
    /// Share of images answered rightly.
    pub fn accuracy(&self) -> Option<f64> {
        self.right.map(|right| right as f64 / self.images.max(1) as f64)
    }
}

/// Files without this field have ratios of libtorch's only.
fn ours() -> String {
    OURS.into()
}

/// What one epoch of training costs when one thing grows and all others stay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Growth {
    /// The step trained: `stage-1` or `stage-2-2`.
    pub step: String,
    /// What grows: `images`, `filters`, `side`, `batch`.
    pub axis: String,
    /// Its value here, such as `20/40`.
    pub value: String,
    /// Training images really used.
    pub images: u64,
    /// Height and width of an image in pixels.
    pub side: u64,
    /// Images a step.
    pub batch: u64,
    /// Seconds of one epoch of training, validation not included.
    pub seconds_per_epoch: f64,
    /// Microseconds of training an image.
    pub us_per_image: f64,
    /// Worker threads.
    pub threads: usize,
    /// Multiply-accumulate operations of one forward pass of what is trained, for one image.
    pub multiply_adds_per_image: u64,
}

/// One criterion bench.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CriterionRow {
    /// Its full name, such as `latency/mnist`.
    pub bench: String,
    /// Median of an iteration in nanoseconds.
    pub median_ns: f64,
    /// Mean of an iteration in nanoseconds.
    pub mean_ns: f64,
    /// Standard deviation in nanoseconds.
    pub std_ns: f64,
}

impl Bench {
    /// The version of the format written.
    pub const FORMAT: &'static str = "litecnn-bench/1";

    /// Measurements yet to come, on this machine.
    pub fn new(machine: Machine) -> Self {
        Self {
            format: Self::FORMAT.into(),
            machine,
            models: Vec::new(),
            rows: Vec::new(),
            limits: Vec::new(),
            ratios: Vec::new(),
            forms: Vec::new(),
            growth: Vec::new(),
            criterion: Vec::new(),
        }
    }

    /// Reads `bench.json`.
    ///
    /// # Errors
    /// [`ReportError::Run`] if it cannot be read; [`ReportError::Bench`], naming the file and what to do, if it is
    /// damaged, of another version, or holds figures that cannot be.
    pub fn read(path: &Path) -> Result<Self, ReportError> {
        #[derive(Deserialize)]
        struct Head {
            format: String,
        }
        let fail = |reason: String| ReportError::Bench { path: path.to_owned(), reason };
        let bytes = litecnn_run::read(path)?;
        // The format is looked at first, so that a newer file is called newer and not damaged.
        let head: Head = serde_json::from_slice(&bytes).map_err(|e| fail(format!("it is damaged: {e}")))?;
        if head.format != Self::FORMAT {
            return Err(fail(format!("its format is `{}`, this version reads `{}`", head.format, Self::FORMAT)));
        }
        let bench: Self = serde_json::from_slice(&bytes).map_err(|e| fail(format!("it is damaged: {e}")))?;
        bench.check().map_err(fail)?;
        Ok(bench)
    }

    /// Writes `bench.json`, whole or not at all.
    ///
    /// # Errors
    /// [`ReportError::Run`] naming the file, [`ReportError::Bench`] for figures that cannot be.
    pub fn write(&self, path: &Path) -> Result<(), ReportError> {
        self.check().map_err(|reason| ReportError::Bench { path: path.to_owned(), reason })?;
        Ok(litecnn_run::write_json(path, self)?)
    }

    /// Whether both were measured on one machine with one build, so that their figures may stand in one file.
    pub fn same_making(&self, machine: &Machine) -> bool {
        let of = |m: &Machine| {
            let versions = [&m.cpu, &m.os, &m.libtorch, &m.litecnn, &m.commit].map(Clone::clone);
            (versions, m.cores, m.memory_bytes)
        };
        of(&self.machine) == of(machine)
    }

    /// What a program of ours would never write.
    fn check(&self) -> Result<(), String> {
        for (i, row) in self.rows.iter().enumerate() {
            row.check().map_err(|reason| format!("row {} {reason}", i + 1))?;
        }
        for r in &self.ratios {
            if ![r.ours_us, r.theirs_us, r.ratio].iter().all(|x| x.is_finite() && *x > 0.0) {
                return Err(format!("the ratio to {} has a figure that is not above 0", r.program));
            }
        }
        for g in &self.growth {
            if ![g.seconds_per_epoch, g.us_per_image].iter().all(|x| x.is_finite() && *x > 0.0) {
                return Err(format!("the growth by {} to {} has a figure that is not above 0", g.axis, g.value));
            }
        }
        Ok(())
    }
}

impl Row {
    /// Whether the figures can be: a unit that suits the metric, finite numbers, at least one image.
    ///
    /// # Errors
    /// What is wrong, as the end of a sentence that begins with the row.
    pub fn check(&self) -> Result<(), String> {
        if self.unit != self.metric.unit() {
            return Err("has a unit that is not of its metric: us for latency, images/s for throughput".into());
        }
        let figures =
            [self.median, self.p95, self.p99, self.mean, self.std, self.min, self.first_call].map(|x| (x, x >= 0.0));
        if let Some((bad, _)) = figures.iter().find(|(x, good)| !(x.is_finite() && *good)) {
            return Err(format!("holds {bad}, which is no time and no speed"));
        }
        if self.batch == 0 || self.threads == 0 || self.repetitions == 0 {
            return Err("has no images, no threads or no repetitions".into());
        }
        Ok(())
    }
}
