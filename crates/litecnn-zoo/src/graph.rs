use litecnn_model::InputShape;

/// A network with every shape known: operations in the order of computation and the variables they read.
///
/// Everything that can be told of a network without computing it is told from this: counts, memory, names and shapes
/// of weights. [`crate::Network::graph`] makes it from a description.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    /// Name of the network.
    pub name: String,
    /// Operations, each after those it reads from; the first is [`Op::Input`].
    pub nodes: Vec<Node>,
    /// Weights and statistics in the order their layers stand.
    pub variables: Vec<Variable>,
    /// The node whose value is the result.
    pub output: usize,
}

/// One operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it comes from, such as `stage1.2.expand`. Operations of one layer without variables share a name.
    pub name: String,
    /// What is computed.
    pub op: Op,
    /// The nodes it reads from.
    pub inputs: Vec<usize>,
    /// Its result, of one image.
    pub shape: Shape,
}

/// What a [`Node`] computes. Numbers of variables are places in [`Graph::variables`].
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// The images.
    Input,
    /// Cross-correlation with zero padding.
    Conv {
        /// Kernel, `[out, in / groups, height, width]`.
        weight: usize,
        /// `[out]`.
        bias: Option<usize>,
        /// Height, width.
        stride: [i64; 2],
        /// Height, width; on both sides.
        padding: [i64; 2],
        /// Blocks of channels that do not see each other.
        groups: i64,
    },
    /// A dense layer.
    Linear {
        /// `[out, in]`.
        weight: usize,
        /// `[out]`.
        bias: Option<usize>,
    },
    /// Batch norm: each of its variables is `[channels]`.
    BatchNorm {
        /// Learnt factor.
        scale: usize,
        /// Learnt summand.
        shift: usize,
        /// Running mean.
        mean: usize,
        /// Running variance.
        variance: usize,
    },
    /// Negative values become zero.
    Relu,
    /// As [`Op::Relu`], and values above 6 become 6.
    Relu6,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// The largest value of each window.
    MaxPool(Window),
    /// The mean of each window, zeros of the padding counted.
    AveragePool(Window),
    /// The mean over all positions, as a vector.
    GlobalAverage,
    /// Channel, row, column after each other, as a vector; or a vector as a map of one position.
    Reshape,
    /// In training, values become zero with probability `rate`, others grow by `1 / (1 - rate)`.
    Dropout {
        /// In `[0, 1)`.
        rate: f64,
    },
    /// Channels seen as `groups` rows are read column by column.
    Shuffle {
        /// Number of rows.
        groups: i64,
    },
    /// Channels change places with rows or columns.
    Swap(Axis),
    /// Channels of one after channels of the other.
    Concat,
    /// The sum of two.
    Add,
    /// Each channel of the first times the second's value for it.
    Gate,
}

/// A pooling window: side, step, and zeros (or nothing, for a maximum) around the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Side.
    pub size: i64,
    /// Step.
    pub stride: i64,
    /// Padding on each side.
    pub padding: i64,
}

/// What [`Op::Swap`] puts in the place of the channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// Rows.
    Height,
    /// Columns.
    Width,
}

/// The shape of one image's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `[channels, height, width]`.
    Map(InputShape),
    /// `[units]`.
    Vector(i64),
}

/// A named tensor of the network: a weight or a running statistic.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// Such as `stage1.2.expand.weight`.
    pub name: String,
    /// As the operation wants it.
    pub shape: Vec<i64>,
    /// What it is to its operation.
    pub role: Role,
    /// What it starts as.
    pub start: Start,
    /// Whether it reaches the result. One that does not is counted and saved, but never computed with or trained.
    pub used: bool,
}

/// What a [`Variable`] is to its operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A convolution's kernel.
    ConvWeight,
    /// A dense layer's matrix.
    LinearWeight,
    /// Of a convolution or a dense layer.
    Bias,
    /// A batch norm's factor.
    Scale,
    /// A batch norm's summand.
    Shift,
    /// A batch norm's running mean: not trained.
    Mean,
    /// A batch norm's running variance: not trained.
    Variance,
}

/// What a [`Variable`] starts as.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Start {
    /// Uniform within plus and minus this.
    Uniform(f64),
    /// Normal around zero with this deviation.
    Normal(f64),
    /// Everywhere this.
    Constant(f64),
}

impl Shape {
    /// Number of values.
    pub fn values(self) -> i64 {
        self.dims().iter().product()
    }

    /// Channels of a map, units of a vector.
    pub fn channels(self) -> i64 {
        match self {
            Self::Map(map) => map.channels,
            Self::Vector(units) => units,
        }
    }

    /// Values of each channel.
    pub fn positions(self) -> i64 {
        match self {
            Self::Map(map) => map.height * map.width,
            Self::Vector(_) => 1,
        }
    }

    /// `[channels, height, width]` or `[units]`.
    pub fn dims(self) -> Vec<i64> {
        match self {
            Self::Map(InputShape { channels, height, width }) => vec![channels, height, width],
            Self::Vector(units) => vec![units],
        }
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Map(map) => write!(f, "{}x{}x{}", map.channels, map.height, map.width),
            Self::Vector(units) => write!(f, "{units} units"),
        }
    }
}

impl Role {
    /// Whether it is updated by forward passes in training and not by gradients.
    pub fn is_statistic(self) -> bool {
        matches!(self, Self::Mean | Self::Variance)
    }
}

impl Variable {
    /// Number of values.
    pub fn values(&self) -> i64 {
        self.shape.iter().product()
    }
}

impl Graph {
    /// The shape of one image.
    pub fn input(&self) -> Shape {
        self.nodes[0].shape
    }

    /// The shape of one image's result.
    pub fn result(&self) -> Shape {
        self.nodes[self.output].shape
    }
}

impl Op {
    /// A word for it, such as `conv`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Conv { .. } => "conv",
            Self::Linear { .. } => "linear",
            Self::BatchNorm { .. } => "batch norm",
            Self::Relu => "relu",
            Self::Relu6 => "relu6",
            Self::Sigmoid => "sigmoid",
            Self::MaxPool(_) => "max-pool",
            Self::AveragePool(_) => "average pool",
            Self::GlobalAverage => "global average",
            Self::Reshape => "reshape",
            Self::Dropout { .. } => "dropout",
            Self::Shuffle { .. } => "shuffle",
            Self::Swap(_) => "swap axes",
            Self::Concat => "concat",
            Self::Add => "add",
            Self::Gate => "gate",
        }
    }
}
