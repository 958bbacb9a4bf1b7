use std::collections::HashMap;

use comfy_table::{CellAlignment, Table, presets};
use tch::Tensor;

use crate::spec::{KERNEL, POOL};
use crate::{BranchSpec, HeadActivation, HeadKind, InputShape, ModelError, UnifiedSpec};

/// What a model is made of, layer by layer, in the manner of Keras: what each layer reads from, output shape,
/// parameters, whether they are trained, and multiply-accumulate operations of one image.
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
    /// Layers in the order of computation, each after those it reads from.
    pub layers: Vec<Layer>,
}

/// One layer of a [`Summary`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Its name, as in the weight file; an input's says what it takes.
    pub name: String,
    /// Kind of layer, such as `Conv2d 3x3 + ReLU`.
    pub kind: String,
    /// Names of the layers it reads from; none for an input.
    pub inputs: Vec<String>,
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
        let mut layers = vec![input(IMAGES, spec.input)];
        layers.extend(branch_layers(spec, "", IMAGES, DENSE_HEAD, true));
        Self { title: "branch".into(), layers }
    }

    /// The dual-input-output model of the first stage: each branch has images of its own.
    pub fn of_dual(spec: &BranchSpec) -> Self {
        let mut layers = Vec::new();
        for (prefix, images) in [("branch-1.", IMAGES), ("branch-2.", "augmented images")] {
            layers.push(input(images, spec.input));
            layers.extend(branch_layers(spec, prefix, images, DENSE_HEAD, true));
        }
        Self { title: "dual-input-output model".into(), layers }
    }

    /// The unified model; `frozen` branches as in the first step of the second stage.
    pub fn of_unified(spec: &UnifiedSpec, frozen: bool) -> Self {
        let head = match spec.head_activation {
            HeadActivation::None => "Conv2d 1x1",
            HeadActivation::Relu => "Conv2d 1x1 + ReLU",
        };
        let mut layers = vec![input(IMAGES, spec.branch.input)];
        for prefix in ["branch-1.", "branch-2."] {
            layers.extend(branch_layers(&spec.branch, prefix, IMAGES, (HeadKind::Conv1x1, head), !frozen));
        }
        let joined = spec.joined();
        layers.push(plain("concatenate", "Concatenate, flatten", &["branch-1.head", "branch-2.head"], &[joined]));
        layers.push(dense("hidden", "Dense + ReLU", "concatenate", joined, spec.hidden));
        layers.push(plain("dropout", &format!("Dropout {}", spec.dropout), &["hidden"], &[spec.hidden]));
        layers.push(dense("output", "Dense + softmax", "dropout", spec.hidden, spec.branch.classes));
        Self { title: "unified model".into(), layers }
    }

    /// Whether every layer has as many parameters as the weights of a real model, `<layer>.weight` and
    /// `<layer>.bias`.
    ///
    /// # Errors
    /// [`ModelError::Count`] naming the first layer with another number; [`ModelError::Surplus`] if a weight is of
    /// no layer here.
    pub fn check<'a>(&self, weights: impl IntoIterator<Item = (String, &'a Tensor)>) -> Result<(), ModelError> {
        let mut found: HashMap<&str, i64> = self.layers.iter().map(|l| (l.name.as_str(), 0)).collect();
        for (name, weight) in weights {
            match name.rsplit_once('.').and_then(|(layer, _)| found.get_mut(layer)) {
                Some(count) => *count += weight.numel() as i64,
                None => return Err(ModelError::Surplus { layer: name }),
            }
        }
        match self.layers.iter().find(|l| found.get(l.name.as_str()) != Some(&l.parameters)) {
            None => Ok(()),
            Some(l) => Err(ModelError::Count {
                layer: l.name.clone(),
                described: l.parameters,
                found: found.get(l.name.as_str()).copied().unwrap_or_default(),
            }),
        }
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

/// What models take, and what branches read that have no images of their own.
const IMAGES: &str = "images";

const DENSE_HEAD: (HeadKind, &str) = (HeadKind::Dense, "Dense + softmax");

fn input(name: &str, shape: InputShape) -> Layer {
    plain(name, "Input", &[], &[shape.channels, shape.height, shape.width])
}

/// A layer without parameters.
fn plain(name: &str, kind: &str, inputs: &[&str], output: &[i64]) -> Layer {
    Layer {
        name: name.into(),
        kind: kind.into(),
        inputs: inputs.iter().map(|&name| name.to_owned()).collect(),
        output: output.to_vec(),
        parameters: 0,
        trainable: true,
        macs: 0,
    }
}

fn dense(name: &str, kind: &str, from: &str, inputs: i64, units: i64) -> Layer {
    Layer { parameters: (inputs + 1) * units, macs: inputs * units, ..plain(name, kind, &[from], &[units]) }
}

/// The layers of a branch that reads from the layer `from`; its head has a kind and words for it.
fn branch_layers(
    spec: &BranchSpec,
    prefix: &str,
    from: &str,
    (head, head_kind): (HeadKind, &str),
    trainable: bool,
) -> Vec<Layer> {
    let InputShape { channels, height, width } = spec.input;
    let mut shape = [channels, height, width];
    let mut from = from.to_owned();
    let mut layers = Vec::new();
    let mut push = |name: &str, kind: &str, output: &[i64], parameters, macs| {
        let name = format!("{prefix}{name}");
        let trainable = trainable || parameters == 0;
        layers.push(Layer { parameters, trainable, macs, ..plain(&name, kind, &[&from], output) });
        from = name;
    };
    for (i, &filters) in spec.filters.iter().enumerate() {
        let weights = KERNEL * KERNEL * shape[0] * filters;
        shape = [filters, shape[1] - KERNEL + 1, shape[2] - KERNEL + 1];
        let macs = weights * shape[1] * shape[2];
        push(&format!("conv{}", i + 1), "Conv2d 3x3 + ReLU", &shape, weights + filters, macs);
        shape = [filters, shape[1] / POOL, shape[2] / POOL];
        push(&format!("pool{}", i + 1), "MaxPool2d 2x2", &shape, 0, 0);
    }
    let (features, classes) = (spec.features(), spec.classes);
    let (flatten, ones): (_, &[i64]) = match head {
        HeadKind::Dense => ("Flatten", &[]),
        HeadKind::Conv1x1 => ("Reshape", &[1, 1]),
    };
    push("flatten", flatten, &[&[features], ones].concat(), 0, 0);
    push("head", head_kind, &[&[classes], ones].concat(), (features + 1) * classes, features * classes);
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
    fn layers_read_from_what_stands_before_them() {
        let spec = BranchSpec { filters: vec![4, 6, 9], ..BranchSpec::paper(2, 40, 33, 5) };
        let unified = UnifiedSpec { head_activation: HeadActivation::Relu, ..UnifiedSpec::paper(spec.clone()) };
        let inputs = |summary: &Summary, name: &str| -> Vec<String> {
            summary.layers.iter().find(|l| l.name == name).unwrap().inputs.clone()
        };
        let (dual, unified) = (Summary::of_dual(&spec), Summary::of_unified(&unified, true));
        for (summary, expected) in [
            (&Summary::of_branch(&spec), vec!["images"]),
            (&dual, vec!["images", "augmented images"]),
            (&unified, vec!["images"]),
        ] {
            for (at, layer) in summary.layers.iter().enumerate() {
                let before: Vec<&String> = summary.layers[..at].iter().map(|l| &l.name).collect();
                assert!(layer.inputs.iter().all(|input| before.contains(&input)), "{}", layer.name);
                assert!(!before.contains(&&layer.name), "{} twice", layer.name);
            }
            let taken: Vec<&str> =
                summary.layers.iter().filter(|l| l.inputs.is_empty()).map(|l| l.name.as_str()).collect();
            assert_eq!(taken, expected);
            assert!(summary.layers.iter().filter(|l| l.inputs.is_empty()).all(|l| l.output == [2, 40, 33]));
        }
        assert_eq!(inputs(&dual, "branch-1.conv1"), ["images"]);
        assert_eq!(inputs(&dual, "branch-2.conv1"), ["augmented images"]);
        assert_eq!(inputs(&unified, "branch-2.conv1"), ["images"]);
        assert_eq!(inputs(&unified, "branch-2.conv3"), ["branch-2.pool2"]);
        assert_eq!(inputs(&unified, "concatenate"), ["branch-1.head", "branch-2.head"]);
        assert_eq!(inputs(&unified, "output"), ["dropout"]);
        let head = unified.layers.iter().find(|l| l.name == "branch-1.head").unwrap();
        assert_eq!((head.kind.as_str(), &head.output[..]), ("Conv2d 1x1 + ReLU", &[5, 1, 1][..]));
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
        let line = text.lines().find(|l| l.contains("Input")).unwrap();
        assert!(line.contains("images") && line.contains("[batch, 1, 28, 28]"), "{text}");
    }
}
