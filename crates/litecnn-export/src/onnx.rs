mod folded;
mod proto;

use prost::Message as _;

use crate::model::{KERNEL, POOL};
use crate::{BranchWeights, Dense, HeadActivation, JointWeights, TrainedModel};
use proto::{Attribute, Graph, Model, Node, OperatorSet, Property, Tensor, ValueInfo};

/// Version of the operators. Older than today's, so that older readers do; nothing newer is needed.
const OPSET: i64 = 17;
/// Version of the file format that came with it.
const IR_VERSION: i64 = 8;

/// The model as an ONNX file (operator set 17): for ONNX Runtime and whatever else reads ONNX.
///
/// Input `images`, 32-bit float `[batch, channels, height, width]` with values in `[0, 1]` (bytes divided by 255);
/// outputs `logits` and `probabilities` (their softmax), `[batch, classes]`. `batch` is free. Class names (a JSON
/// array under `classes`), data set, hash of the recipe and step are in the file's metadata. Equal models give equal
/// bytes.
pub fn onnx(model: &TrainedModel) -> Vec<u8> {
    let mut graph = GraphBuilder::default();
    match (model.folded(), &model.joint) {
        (Some(network), _) => folded::network(&mut graph, network),
        (None, None) => branch(&mut graph, model, 0, "logits"),
        (None, Some(weights)) => {
            let outputs = ["branch-1.head", "branch-2.head"];
            for (i, output) in outputs.into_iter().enumerate() {
                branch(&mut graph, model, i, output);
            }
            joint(&mut graph, &outputs, weights);
        }
    }
    graph.node("Softmax", &["logits"], "probabilities", vec![Attribute::int("axis", 1)]);
    let classes = [model.classes().len()];
    let graph = Graph {
        node: graph.nodes,
        name: "litecnn".to_owned(),
        initializer: graph.weights,
        input: vec![ValueInfo::batch("images", &model.input(), "channels, height, width; bytes divided by 255")],
        output: vec![
            ValueInfo::batch("logits", &classes, "one number a class; the largest is the answer"),
            ValueInfo::batch("probabilities", &classes, "softmax of the logits"),
        ],
    };
    let file = Model {
        ir_version: IR_VERSION,
        producer_name: "litecnn".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        graph: Some(graph),
        opset_import: vec![OperatorSet { domain: String::new(), version: OPSET }],
        metadata_props: metadata(model),
    };
    file.encode_to_vec()
}

fn metadata(model: &TrainedModel) -> Vec<Property> {
    let classes = serde_json::Value::from(model.classes()).to_string();
    let properties = [
        ("classes", classes.as_str()),
        ("dataset", model.dataset()),
        ("recipe", model.recipe()),
        ("step", model.step()),
    ];
    properties.map(|(key, value)| Property { key: key.to_owned(), value: value.to_owned() }).into()
}

/// Adds a branch that gives `output`.
fn branch(graph: &mut GraphBuilder, model: &TrainedModel, index: usize, output: &str) {
    let BranchWeights { convolutions, head } = &model.branches[index];
    let prefix = format!("branch-{}", index + 1);
    let mut from = "images".to_owned();
    for (i, layer) in convolutions.iter().enumerate() {
        let name = format!("{prefix}.conv{}", i + 1);
        let weight = graph.weight(&name, "weight", &[layer.bias.len(), layer.channels, KERNEL, KERNEL], &layer.weight);
        let bias = graph.weight(&name, "bias", &[layer.bias.len()], &layer.bias);
        let kernel = Attribute::ints("kernel_shape", &[KERNEL as i64; 2]);
        graph.node("Conv", &[&from, &weight, &bias], &name, vec![kernel]);
        let window = ["kernel_shape", "strides"].map(|key| Attribute::ints(key, &[POOL as i64; 2]));
        let pooled = format!("{prefix}.pool{}", i + 1);
        graph.node("MaxPool", &[&name], &pooled, window.into());
        from = format!("{prefix}.relu{}", i + 1);
        graph.node("Relu", &[&pooled], &from, vec![]);
    }
    let features = format!("{prefix}.features");
    graph.node("Flatten", &[&from], &features, vec![Attribute::int("axis", 1)]);
    let shapes = model.shapes();
    let head = channels_first(head, shapes[shapes.len() - 1]);
    graph.dense(&features, &format!("{prefix}.head"), output, &head);
}

fn joint(graph: &mut GraphBuilder, branches: &[&str], weights: &JointWeights) {
    let mut joined: Vec<String> = branches.iter().map(|&name| name.to_owned()).collect();
    if weights.head_activation == HeadActivation::Relu {
        for name in &mut joined {
            let after = format!("{name}.relu");
            graph.node("Relu", &[name], &after, vec![]);
            *name = after;
        }
    }
    let inputs: Vec<&str> = joined.iter().map(String::as_str).collect();
    graph.node("Concat", &inputs, "joined", vec![Attribute::int("axis", 1)]);
    graph.dense("joined", "hidden", "hidden", &weights.hidden);
    graph.node("Relu", &["hidden"], "hidden.relu", vec![]);
    graph.dense("hidden.relu", "output", "logits", &weights.output);
}

/// The head for features flattened in the order channel, height, width, which is how ONNX lays a map out: so no
/// transposition is left to be done for each image.
fn channels_first(head: &Dense, [channels, height, width]: [usize; 3]) -> Dense {
    let pixels = height * width;
    let rows = head.weight.chunks_exact(head.inputs);
    let weight = rows.flat_map(|row| (0..head.inputs).map(|i| row[i % pixels * channels + i / pixels])).collect();
    Dense { inputs: head.inputs, weight, bias: head.bias.clone() }
}

#[derive(Default)]
struct GraphBuilder {
    nodes: Vec<Node>,
    weights: Vec<Tensor>,
}

impl GraphBuilder {
    /// Adds an operation named as its output.
    fn node(&mut self, operator: &str, inputs: &[&str], output: &str, attribute: Vec<Attribute>) {
        self.nodes.push(Node {
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: vec![output.to_owned()],
            name: output.to_owned(),
            op_type: operator.to_owned(),
            attribute,
        });
    }

    /// Adds a constant; its name.
    fn weight(&mut self, layer: &str, kind: &str, shape: &[usize], values: &[f32]) -> String {
        let name = format!("{layer}.{kind}");
        self.weights.push(Tensor::floats(&name, shape, values));
        name
    }

    fn dense(&mut self, input: &str, layer: &str, output: &str, values: &Dense) {
        let outputs = values.bias.len();
        let weight = self.weight(layer, "weight", &[outputs, values.inputs], &values.weight);
        let bias = self.weight(layer, "bias", &[outputs], &values.bias);
        self.node("Gemm", &[input, &weight, &bias], output, vec![Attribute::int("transB", 1)]);
    }
}
