use comfy_table::{CellAlignment, Table, presets};

use crate::spec::{KERNEL, POOL};
use crate::{BranchSpec, HeadKind, UnifiedSpec};

/// What a model is made of, layer by layer, in the manner of Keras: output shape, parameters, whether they are
/// trained, and multiply-accumulate operations of one image.
///
/// ```
/// use litecnn_model::{BranchSpec, Summary, UnifiedSpec};
///
/// let spec = UnifiedSpec::paper(BranchSpec::paper(1, 28, 28, 10));
/// let summary = Summary::of_unified(&spec, true);
/// assert_eq!((summary.parameters(), summary.trainable()), (14_862, 1_002));
/// println!("{summary}");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Name of the model.
    pub title: String,
    /// Layers in the order of computation.
    pub layers: Vec<Layer>,
}

/// One layer of a [`Summary`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Its name, as in the weight file.
    pub name: String,
    /// Kind of layer, such as `Conv2d 3x3 + ReLU`.
    pub kind: String,
    /// Output of one image: `[channels, height, width]` or `[units]`.
    pub output: Vec<i64>,
    /// Number of parameters.
    pub parameters: i64,
    /// Whether they are trained.
    pub trainable: bool,
    /// Multiply-accumulate operations for one image.
    pub macs: i64,
}

impl Summary {
    /// A branch as it is trained in the first stage.
    pub fn of_branch(spec: &BranchSpec) -> Self {
        Self { title: "branch".into(), layers: branch_layers(spec, "", HeadKind::Dense, true) }
    }

    /// The dual-input-output model of the first stage.
    pub fn of_dual(spec: &BranchSpec) -> Self {
        let mut layers = branch_layers(spec, "branch-1.", HeadKind::Dense, true);
        layers.extend(branch_layers(spec, "branch-2.", HeadKind::Dense, true));
        Self { title: "dual-input-output model".into(), layers }
    }

    /// The unified model; `frozen` branches as in the first step of the second stage.
    pub fn of_unified(spec: &UnifiedSpec, frozen: bool) -> Self {
        let mut layers = branch_layers(&spec.branch, "branch-1.", HeadKind::Conv1x1, !frozen);
        layers.extend(branch_layers(&spec.branch, "branch-2.", HeadKind::Conv1x1, !frozen));
        let joined = spec.joined();
        let plain = |name: &str, kind: String, output| Layer {
            name: name.into(),
            kind,
            output: vec![output],
            parameters: 0,
            trainable: true,
            macs: 0,
        };
        layers.push(plain("concatenate", "Concatenate, flatten".into(), joined));
        layers.push(dense("hidden", "Dense + ReLU", joined, spec.hidden));
        layers.push(plain("dropout", format!("Dropout {}", spec.dropout), spec.hidden));
        layers.push(dense("output", "Dense + softmax", spec.hidden, spec.branch.classes));
        Self { title: "unified model".into(), layers }
    }

    /// All parameters.
    pub fn parameters(&self) -> i64 {
        self.layers.iter().map(|l| l.parameters).sum()
    }

    /// Parameters that are trained.
    pub fn trainable(&self) -> i64 {
        self.layers.iter().filter(|l| l.trainable).map(|l| l.parameters).sum()
    }

    /// Multiply-accumulate operations for one image.
    pub fn macs(&self) -> i64 {
        self.layers.iter().map(|l| l.macs).sum()
    }

    /// Bytes of the parameters as 32-bit floats.
    pub fn bytes(&self) -> i64 {
        4 * self.parameters()
    }
}

fn dense(name: &str, kind: &str, inputs: i64, units: i64) -> Layer {
    Layer {
        name: name.into(),
        kind: kind.into(),
        output: vec![units],
        parameters: (inputs + 1) * units,
        trainable: true,
        macs: inputs * units,
    }
}

fn branch_layers(spec: &BranchSpec, prefix: &str, head: HeadKind, trainable: bool) -> Vec<Layer> {
    let input = spec.input;
    let mut shape = [input.channels, input.height, input.width];
    let mut layers = Vec::new();
    let mut push = |name: String, kind: &str, output: &[i64], parameters, macs| {
        let name = format!("{prefix}{name}");
        let trainable = trainable || parameters == 0;
        layers.push(Layer { name, kind: kind.into(), output: output.to_vec(), parameters, trainable, macs });
    };
    for (i, &filters) in spec.filters.iter().enumerate() {
        let weights = KERNEL * KERNEL * shape[0] * filters;
        shape = [filters, shape[1] - KERNEL + 1, shape[2] - KERNEL + 1];
        let macs = weights * shape[1] * shape[2];
        push(format!("conv{}", i + 1), "Conv2d 3x3 + ReLU", &shape, weights + filters, macs);
        shape = [filters, shape[1] / POOL, shape[2] / POOL];
        push(format!("pool{}", i + 1), "MaxPool2d 2x2", &shape, 0, 0);
    }
    let (features, classes) = (spec.features(), spec.classes);
    let (parameters, macs) = ((features + 1) * classes, features * classes);
    match head {
        HeadKind::Dense => {
            push("flatten".into(), "Flatten", &[features], 0, 0);
            push("head".into(), "Dense + softmax", &[classes], parameters, macs);
        }
        HeadKind::Conv1x1 => {
            push("flatten".into(), "Reshape", &[features, 1, 1], 0, 0);
            push("head".into(), "Conv2d 1x1", &[classes, 1, 1], parameters, macs);
        }
    }
    layers
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut table = Table::new();
        table.load_style(presets::UTF8_HORIZONTAL_ONLY);
        table.set_header(["Layer", "Type", "Output shape", "Parameters", "Trainable", "MACs"]);
        for layer in &self.layers {
            let shape: Vec<String> = layer.output.iter().map(i64::to_string).collect();
            let trainable = match (layer.parameters, layer.trainable) {
                (0, _) => "-",
                (_, true) => "yes",
                (_, false) => "no",
            };
            table.add_row([
                layer.name.clone(),
                layer.kind.clone(),
                format!("[batch, {}]", shape.join(", ")),
                grouped(layer.parameters),
                trainable.into(),
                grouped(layer.macs),
            ]);
        }
        for column in [3, 5] {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        writeln!(f, "Model: {}", self.title)?;
        writeln!(f, "{table}")?;
        let (all, trainable) = (self.parameters(), self.trainable());
        writeln!(f, "Parameters:    {:>9} ({:.2} KB as 32-bit floats)", grouped(all), self.bytes() as f64 / 1024.0)?;
        writeln!(f, "  trainable:   {:>9}", grouped(trainable))?;
        writeln!(f, "  frozen:      {:>9}", grouped(all - trainable))?;
        write!(f, "Multiply-accumulates for one image: {}", grouped(self.macs()))
    }
}

/// `14862` as `14,862`.
fn grouped(n: i64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_agree_with_the_specification() {
        for (channels, side) in [(1, 28), (3, 32)] {
            let spec = BranchSpec::paper(channels, side, side, 10);
            let unified = UnifiedSpec::paper(spec.clone());
            assert_eq!(Summary::of_branch(&spec).parameters(), spec.parameters());
            assert_eq!(Summary::of_dual(&spec).parameters(), 2 * spec.parameters());
            let frozen = Summary::of_unified(&unified, true);
            assert_eq!(frozen.parameters(), unified.parameters());
            assert_eq!(frozen.trainable(), 672 + 330);
            assert_eq!(Summary::of_unified(&unified, false).trainable(), unified.parameters());
        }
    }

    #[test]
    fn macs_by_hand() {
        // 26*26*9*1*10 + 11*11*9*10*20 + 500*10 a branch, then 20*32 + 32*10.
        let unified = UnifiedSpec::paper(BranchSpec::paper(1, 28, 28, 10));
        assert_eq!(Summary::of_unified(&unified, false).macs(), 2 * (60_840 + 217_800 + 5_000) + 640 + 320);
    }

    #[test]
    fn reads_like_keras() {
        let text = Summary::of_unified(&UnifiedSpec::paper(BranchSpec::paper(1, 28, 28, 10)), true).to_string();
        assert!(text.contains("[batch, 10, 26, 26]") && text.contains("14,862 (58.05 KB"), "{text}");
        assert!(text.contains("13,860"), "{text}");
    }
}
