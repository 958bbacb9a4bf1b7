use crate::schedule::peak_values;
use crate::{Graph, Node, Op, Role};

/// What a network costs, told from its [`Graph`] alone: weights, operations and memory for one image.
///
/// ```
/// use litecnn_zoo::{Count, Variant};
///
/// # fn main() -> Result<(), litecnn_zoo::ZooError> {
/// let count = Count::of(&Variant::find("resnet101-baseline")?.network(100).graph()?);
/// assert_eq!((count.parameters, count.flops.total()), (42_697_380, 2_520_408_064));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// All weights, those that reach nothing included; running statistics are not weights.
    pub parameters: i64,
    /// Weights that do not reach the result.
    pub unused: i64,
    /// Weights of all convolutions without biases: what global pruning ranks.
    pub conv_weights: i64,
    /// Weights of all dense layers without biases.
    pub linear_weights: i64,
    /// Values of running means and variances.
    pub statistics: i64,
    /// Number of batch norms.
    pub batch_norms: i64,
    /// Operations as the study of the variants counts them.
    pub flops: Flops,
    /// Most values alive at once in inference: each lives from the operation that makes it to the last that reads
    /// it, rectifiers and sums overwrite where they can, and what an operation needs inside itself is left out.
    pub peak_values: i64,
}

/// Operations for one image in inference as fvcore's default counter sees them: a multiply-accumulate is one, a batch
/// norm two for each value, global average pooling one for each value read, all else none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flops {
    /// Of convolutions.
    pub conv: i64,
    /// Of dense layers.
    pub linear: i64,
    /// Of batch norms.
    pub batch_norm: i64,
    /// Of global average pooling.
    pub global_average: i64,
}

impl Flops {
    /// Of one operation.
    pub fn of(graph: &Graph, node: &Node) -> Self {
        let mut flops = Self::default();
        let read = || graph.nodes[node.inputs[0]].shape.values();
        match node.op {
            Op::Conv { weight, .. } => flops.conv = graph.variables[weight].values() * node.shape.positions(),
            Op::Linear { weight, .. } => flops.linear = graph.variables[weight].values(),
            Op::BatchNorm { .. } => flops.batch_norm = 2 * read(),
            Op::GlobalAverage => flops.global_average = read(),
            _ => {}
        }
        flops
    }

    /// All together.
    pub fn total(self) -> i64 {
        self.conv + self.linear + self.batch_norm + self.global_average
    }

    /// Multiply-accumulates of convolutions and dense layers alone.
    pub fn macs(self) -> i64 {
        self.conv + self.linear
    }
}

impl std::ops::Add for Flops {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            conv: self.conv + other.conv,
            linear: self.linear + other.linear,
            batch_norm: self.batch_norm + other.batch_norm,
            global_average: self.global_average + other.global_average,
        }
    }
}

impl Count {
    /// Weights once every batch norm is folded into the convolution before it: one summand a channel is left of it.
    pub fn folded(&self) -> i64 {
        self.parameters - self.statistics / 2
    }

    /// Counts a network.
    pub fn of(graph: &Graph) -> Self {
        let sum = |of: &dyn Fn(Role, bool) -> bool| {
            graph.variables.iter().filter(|v| of(v.role, v.used)).map(crate::Variable::values).sum()
        };
        Self {
            parameters: sum(&|role, _| !role.is_statistic()),
            unused: sum(&|role, used| !role.is_statistic() && !used),
            conv_weights: sum(&|role, _| role == Role::ConvWeight),
            linear_weights: sum(&|role, _| role == Role::LinearWeight),
            statistics: sum(&|role, _| role.is_statistic()),
            batch_norms: graph.variables.iter().filter(|v| v.role == Role::Mean).count() as i64,
            flops: graph.nodes.iter().fold(Flops::default(), |sum, node| sum + Flops::of(graph, node)),
            peak_values: peak_values(graph),
        }
    }

    /// Bytes of everything a training checkpoint keeps of the weights: 4 for each weight and running statistic, 8 for
    /// each batch norm's counter of batches.
    pub fn state_bytes(&self) -> i64 {
        4 * (self.parameters + self.statistics) + 8 * self.batch_norms
    }

    /// Bytes of [`Count::peak_values`] as 32-bit floats.
    pub fn peak_bytes(&self) -> i64 {
        4 * self.peak_values
    }
}
