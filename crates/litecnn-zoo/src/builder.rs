use litecnn_model::InputShape;

use crate::graph::{Axis, Graph, Node, Op, Role, Shape, Start, Variable, Window};
use crate::layer::{Conv, InitialKernel, Linear};
use crate::{Network, ZooError};

/// Largest number of channels, units and classes.
pub(crate) const MOST_CHANNELS: i64 = 1 << 16;
/// Largest height and width of a map.
pub(crate) const LARGEST_SIDE: i64 = 1 << 12;
/// Largest side of a kernel or pooling window.
const LARGEST_KERNEL: i64 = 31;
/// Most operations of a network, and most layers: some are none.
const MOST_NODES: usize = 100_000;
/// Longest name of a part: each operation and weight in it has a copy.
const LONGEST_NAME: usize = 100;
/// Most weights of a network: 4 GiB. With the bounds above no count overflows.
const MOST_WEIGHTS: i64 = 1 << 30;

/// The value of a node that stands in a [`Builder`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Value(usize);

/// Puts operations after each other, tells the shape of each, and refuses what cannot be.
pub(crate) struct Builder<'a> {
    network: &'a str,
    classes: Option<i64>,
    scope: String,
    nodes: Vec<Node>,
    variables: Vec<Variable>,
    weights: i64,
    layers: usize,
    unused: bool,
}

impl<'a> Builder<'a> {
    /// A builder and the images.
    pub(crate) fn new(network: &'a str, input: InputShape, classes: Option<i64>) -> Result<(Self, Value), ZooError> {
        let scope = String::from("input");
        let (nodes, variables) = (Vec::new(), Vec::new());
        let mut builder = Self { network, classes, scope, nodes, variables, weights: 0, layers: 0, unused: false };
        let InputShape { channels, height, width } = input;
        let sides = [height, width].iter().all(|side| (1..=LARGEST_SIDE).contains(side));
        if !(1..=MOST_CHANNELS).contains(&channels) || !sides {
            return builder.fail(format!(
                "images of {channels} channels, {height}x{width} pixels; at least 1, at most {MOST_CHANNELS} channels \
                 and {LARGEST_SIDE} pixels a side"
            ));
        }
        let images = builder.push("", Op::Input, &[], Shape::Map(input))?;
        builder.scope.clear();
        Ok((builder, images))
    }

    pub(crate) fn finish(self, output: Value) -> Graph {
        Graph { name: self.network.to_owned(), nodes: self.nodes, variables: self.variables, output: output.0 }
    }

    /// Does something with `name` before the name of all it makes.
    pub(crate) fn within<T>(
        &mut self,
        name: &str,
        work: impl FnOnce(&mut Self) -> Result<T, ZooError>,
    ) -> Result<T, ZooError> {
        let length = self.scope.len();
        self.scope = self.path(name);
        let done = work(self);
        self.scope.truncate(length);
        done
    }

    /// Layers that are counted and saved but whose result goes nowhere.
    pub(crate) fn unused(&mut self, work: impl FnOnce(&mut Self) -> Result<Value, ZooError>) -> Result<(), ZooError> {
        let (length, before) = (self.nodes.len(), self.unused);
        self.unused = true;
        work(self)?;
        self.unused = before;
        self.nodes.truncate(length);
        Ok(())
    }

    /// [`ZooError::Network`] at the present place.
    pub(crate) fn fail<T>(&self, reason: impl Into<String>) -> Result<T, ZooError> {
        let place = if self.scope.is_empty() { "output".into() } else { self.scope.clone() };
        Err(ZooError::Network { network: self.network.into(), place, reason: reason.into() })
    }

    pub(crate) fn shape(&self, x: Value) -> Shape {
        self.nodes[x.0].shape
    }

    pub(crate) fn channels(&self, x: Value) -> i64 {
        self.shape(x).channels()
    }

    pub(crate) fn conv(&mut self, name: &str, x: Value, conv: &Conv) -> Result<Value, ZooError> {
        self.within(name, |b| {
            let map = b.map(x, "a convolution")?;
            let out = b.width(conv.out)?;
            let (kernel, stride, groups) = (conv.kernel.0, conv.stride.0, conv.groups);
            let padding = conv.padding.map_or(kernel.map(|side| (side - 1) / 2), |given| given.0);
            if kernel.iter().any(|side| !(1..=LARGEST_KERNEL).contains(side)) {
                return b.fail(format!("a kernel of {}x{}; 1 to {LARGEST_KERNEL} a side", kernel[0], kernel[1]));
            }
            if groups < 1 || map.channels % groups != 0 || out % groups != 0 {
                return b.fail(format!("{groups} groups do not divide {} channels in and {out} out", map.channels));
            }
            let windows = [(map.height, 0), (map.width, 1)]
                .map(|(side, i)| b.window(side, kernel[i], stride[i], padding[i], kernel[i] - 1));
            let [height, width] = windows;
            let shape = Shape::Map(InputShape { channels: out, height: height?, width: width? });
            let inputs = map.channels / groups;
            let field = kernel[0] * kernel[1];
            let bound = 1.0 / ((inputs * field) as f64).sqrt();
            let start = match conv.init {
                InitialKernel::UniformFanIn => Start::Uniform(bound),
                InitialKernel::NormalFanOut => Start::Normal((2.0 / (out * field) as f64).sqrt()),
            };
            let weight = b.variable("weight", vec![out, inputs, kernel[0], kernel[1]], Role::ConvWeight, start)?;
            let bias = match conv.bias {
                true => Some(b.variable("bias", vec![out], Role::Bias, Start::Uniform(bound))?),
                false => None,
            };
            b.push("", Op::Conv { weight, bias, stride, padding, groups }, &[x], shape)
        })
    }

    /// A convolution and its batch norm, `<name>` and `<name>_norm`.
    pub(crate) fn conv_norm(&mut self, name: &str, x: Value, conv: &Conv) -> Result<Value, ZooError> {
        let x = self.conv(name, x, conv)?;
        self.batch_norm(&format!("{name}_norm"), x)
    }

    /// A 3x3 convolution of each channel alone.
    pub(crate) fn depthwise(&mut self, name: &str, x: Value, stride: i64) -> Result<Value, ZooError> {
        let channels = self.channels(x);
        self.conv(name, x, &Conv::new(3, channels).stride(stride).groups(channels))
    }

    pub(crate) fn linear(&mut self, name: &str, x: Value, linear: Linear) -> Result<Value, ZooError> {
        self.within(name, |b| {
            let Shape::Vector(inputs) = b.shape(x) else {
                return b.fail("a dense layer reads a vector: put `global-average` or `flatten` before it");
            };
            let out = b.width(linear.out)?;
            let start = Start::Uniform(1.0 / (inputs as f64).sqrt());
            let weight = b.variable("weight", vec![out, inputs], Role::LinearWeight, start)?;
            let bias = match linear.bias {
                true => Some(b.variable("bias", vec![out], Role::Bias, start)?),
                false => None,
            };
            b.push("", Op::Linear { weight, bias }, &[x], Shape::Vector(out))
        })
    }

    pub(crate) fn batch_norm(&mut self, name: &str, x: Value) -> Result<Value, ZooError> {
        self.within(name, |b| {
            let channels = vec![b.channels(x)];
            let scale = b.variable("weight", channels.clone(), Role::Scale, Start::Constant(1.0))?;
            let shift = b.variable("bias", channels.clone(), Role::Shift, Start::Constant(0.0))?;
            let mean = b.variable("running_mean", channels.clone(), Role::Mean, Start::Constant(0.0))?;
            let variance = b.variable("running_var", channels, Role::Variance, Start::Constant(1.0))?;
            b.push("", Op::BatchNorm { scale, shift, mean, variance }, &[x], b.shape(x))
        })
    }

    pub(crate) fn relu(&mut self, x: Value) -> Result<Value, ZooError> {
        self.push("", Op::Relu, &[x], self.shape(x))
    }

    pub(crate) fn relu6(&mut self, x: Value) -> Result<Value, ZooError> {
        self.push("", Op::Relu6, &[x], self.shape(x))
    }

    pub(crate) fn sigmoid(&mut self, x: Value) -> Result<Value, ZooError> {
        self.push("", Op::Sigmoid, &[x], self.shape(x))
    }

    pub(crate) fn dropout(&mut self, x: Value, rate: f64) -> Result<Value, ZooError> {
        if !(0.0..1.0).contains(&rate) {
            return self.fail(format!("dropout of {rate}; at least 0, below 1"));
        }
        self.push("", Op::Dropout { rate }, &[x], self.shape(x))
    }

    pub(crate) fn max_pool(&mut self, x: Value, window: Window) -> Result<Value, ZooError> {
        self.pool(x, window, Op::MaxPool(window))
    }

    pub(crate) fn average_pool(&mut self, x: Value, window: Window) -> Result<Value, ZooError> {
        self.pool(x, window, Op::AveragePool(window))
    }

    /// The mean of each channel, as a vector.
    pub(crate) fn global_average(&mut self, x: Value) -> Result<Value, ZooError> {
        let map = self.map(x, "global averaging")?;
        self.push("", Op::GlobalAverage, &[x], Shape::Vector(map.channels))
    }

    /// A map as a vector: channel by channel, row by row.
    pub(crate) fn flatten(&mut self, x: Value) -> Result<Value, ZooError> {
        let values = self.shape(x).values();
        self.push("", Op::Reshape, &[x], Shape::Vector(values))
    }

    /// A vector as a map of one position.
    pub(crate) fn pixel(&mut self, x: Value) -> Result<Value, ZooError> {
        let shape = Shape::Map(InputShape { channels: self.shape(x).values(), height: 1, width: 1 });
        self.push("", Op::Reshape, &[x], shape)
    }

    pub(crate) fn shuffle(&mut self, x: Value, groups: i64) -> Result<Value, ZooError> {
        let map = self.map(x, "a channel shuffle")?;
        if groups < 1 || map.channels % groups != 0 {
            return self.fail(format!("{} channels cannot be shuffled in {groups} groups", map.channels));
        }
        if groups == 1 || groups == map.channels {
            return Ok(x);
        }
        self.push("", Op::Shuffle { groups }, &[x], Shape::Map(map))
    }

    pub(crate) fn swap(&mut self, x: Value, axis: Axis) -> Result<Value, ZooError> {
        let InputShape { channels, height, width } = self.map(x, "a swap of axes")?;
        let swapped = match axis {
            Axis::Height => InputShape { channels: height, height: channels, width },
            Axis::Width => InputShape { channels: width, height, width: channels },
        };
        if swapped.height.max(swapped.width) > LARGEST_SIDE {
            return self.fail(format!("{channels} channels; at most {LARGEST_SIDE} can change places with pixels"));
        }
        self.push("", Op::Swap(axis), &[x], Shape::Map(swapped))
    }

    pub(crate) fn concat(&mut self, parts: &[Value]) -> Result<Value, ZooError> {
        let [first, ..] = *parts else { return self.fail("nothing to concatenate") };
        let mut channels = 0;
        for &part in parts {
            channels += self.channels(part);
            let same = match (self.shape(first), self.shape(part)) {
                (Shape::Map(a), Shape::Map(b)) => (a.height, a.width) == (b.height, b.width),
                (a, b) => matches!((a, b), (Shape::Vector(_), Shape::Vector(_))),
            };
            if !same {
                let (a, b) = (self.shape(first), self.shape(part));
                return self.fail(format!("branches of {a} and {b} cannot be concatenated"));
            }
        }
        let shape = match self.shape(first) {
            Shape::Map(map) => Shape::Map(InputShape { channels, ..map }),
            Shape::Vector(_) => Shape::Vector(channels),
        };
        if channels > MOST_CHANNELS {
            return self.fail(format!("{channels} concatenated channels; at most {MOST_CHANNELS}"));
        }
        self.push("", Op::Concat, parts, shape)
    }

    pub(crate) fn add(&mut self, x: Value, shortcut: Value) -> Result<Value, ZooError> {
        let (a, b) = (self.shape(x), self.shape(shortcut));
        if a != b {
            return self.fail(format!("{a} and a shortcut of {b} cannot be added: the shortcut needs a projection"));
        }
        self.push("", Op::Add, &[x, shortcut], a)
    }

    /// Each channel of `x` times the gate's value for it.
    pub(crate) fn gate(&mut self, x: Value, gate: Value) -> Result<Value, ZooError> {
        let map = self.map(x, "a gate")?;
        let found = self.shape(gate);
        if found.positions() != 1 || found.channels() != map.channels {
            return self.fail(format!("a gate of {found} for {} channels", map.channels));
        }
        self.push("", Op::Gate, &[x, gate], Shape::Map(map))
    }

    /// `x` as a map.
    pub(crate) fn map(&self, x: Value, what: &str) -> Result<InputShape, ZooError> {
        match self.shape(x) {
            Shape::Map(map) => Ok(map),
            Shape::Vector(units) => self.fail(format!("{what} reads a map, here is a vector of {units} units")),
        }
    }

    /// A width as a number.
    pub(crate) fn width(&self, width: crate::Width) -> Result<i64, ZooError> {
        let channels = match width {
            crate::Width::Channels(channels) => channels,
            crate::Width::Classes => match self.classes {
                Some(classes) => classes,
                None => return self.fail("the number of classes is not known here"),
            },
        };
        match (1..=MOST_CHANNELS).contains(&channels) {
            true => Ok(channels),
            false => self.fail(format!("{channels} channels out; 1 to {MOST_CHANNELS} are possible")),
        }
    }

    fn pool(&mut self, x: Value, window: Window, op: Op) -> Result<Value, ZooError> {
        let map = self.map(x, "pooling")?;
        let Window { size, stride, padding } = window;
        if !(1..=LARGEST_KERNEL).contains(&size) {
            return self.fail(format!("a window of {size}x{size}; 1 to {LARGEST_KERNEL} a side"));
        }
        let height = self.window(map.height, size, stride, padding, size / 2)?;
        let width = self.window(map.width, size, stride, padding, size / 2)?;
        self.push("", op, &[x], Shape::Map(InputShape { height, width, ..map }))
    }

    /// The side of what a window leaves of a side.
    fn window(&self, side: i64, size: i64, stride: i64, padding: i64, most_padding: i64) -> Result<i64, ZooError> {
        // A 1x1 kernel may be padded, too: DiCE does so.
        let most_padding = most_padding.max(1);
        if !(1..=LARGEST_KERNEL).contains(&stride) {
            return self.fail(format!("a stride of {stride}; 1 to {LARGEST_KERNEL} are possible"));
        }
        if !(0..=most_padding).contains(&padding) {
            return self.fail(format!("padding of {padding} for a window of {size}; 0 to {most_padding} are possible"));
        }
        let left = side + 2 * padding - size;
        if left < 0 {
            return self.fail(format!("a window of {size} does not fit on a side of {side}: the image is too small"));
        }
        match left / stride + 1 {
            side if side > LARGEST_SIDE => self.fail(format!("a map of {side} a side; at most {LARGEST_SIDE}")),
            side => Ok(side),
        }
    }

    /// Counts a layer: repeated, one that is no operation costs nothing but time.
    pub(crate) fn count_layer(&mut self) -> Result<(), ZooError> {
        self.layers += 1;
        if self.layers > MOST_NODES { self.fail(format!("more than {MOST_NODES} layers")) } else { Ok(()) }
    }

    fn path(&self, name: &str) -> String {
        match (self.scope.as_str(), name) {
            (scope, "") => scope.to_owned(),
            ("", name) => name.to_owned(),
            (scope, name) => format!("{scope}.{name}"),
        }
    }

    fn variable(&mut self, name: &str, shape: Vec<i64>, role: Role, start: Start) -> Result<usize, ZooError> {
        let variable = Variable { name: self.path(name), shape, role, start, used: !self.unused };
        let values = variable.shape.iter().try_fold(1i64, |product, &n| product.checked_mul(n));
        match values.and_then(|values| self.weights.checked_add(values)) {
            Some(weights) if weights <= MOST_WEIGHTS => self.weights = weights,
            _ => return self.fail(format!("more than {MOST_WEIGHTS} weights in all")),
        }
        self.variables.push(variable);
        Ok(self.variables.len() - 1)
    }

    fn push(&mut self, name: &str, op: Op, inputs: &[Value], shape: Shape) -> Result<Value, ZooError> {
        if self.nodes.len() >= MOST_NODES {
            return self.fail(format!("more than {MOST_NODES} operations"));
        }
        let inputs = inputs.iter().map(|value| value.0).collect();
        self.nodes.push(Node { name: self.path(name), op, inputs, shape });
        Ok(Value(self.nodes.len() - 1))
    }
}

/// A layer or block: what it adds to a network.
pub(crate) trait Block {
    /// Adds it after `x`.
    fn build(&self, b: &mut Builder<'_>, x: Value) -> Result<Value, ZooError>;
}

impl Network {
    /// The operations, shapes and variables of this network.
    ///
    /// # Errors
    /// [`ZooError::Network`] naming the layer that cannot be and why: channels that do not divide into groups, an
    /// image too small, a result that is not one number a class …; or the group of channels whose kept number cannot be.
    pub fn graph(&self) -> Result<Graph, ZooError> {
        let whole = self.whole()?;
        match &self.kept {
            Some(widths) => crate::shrink::narrowed(&whole, widths),
            None => Ok(whole),
        }
    }

    /// The same with all channels.
    pub(crate) fn whole(&self) -> Result<Graph, ZooError> {
        let (mut b, mut x) = Builder::new(&self.name, self.input, Some(self.classes))?;
        let known = |b: &Builder<'_>, place: &str, reason: String| {
            Err(ZooError::Network { network: b.network.into(), place: place.into(), reason })
        };
        if !(2..=MOST_CHANNELS).contains(&self.classes) {
            return known(&b, "classes", format!("{} classes; 2 to {MOST_CHANNELS} are possible", self.classes));
        }
        for (i, part) in self.parts.iter().enumerate() {
            let plain = !part.name.is_empty() && !part.name.contains('.') && part.name.len() <= LONGEST_NAME;
            if !plain || self.parts[..i].iter().any(|before| before.name == part.name) {
                let start: String = part.name.chars().take(LONGEST_NAME).collect();
                let reason =
                    format!("`{start}` is no name of one part alone, without dots and of at most {LONGEST_NAME} bytes");
                return known(&b, "parts", reason);
            }
            x = b.within(&part.name, |b| part.build(b, x))?;
        }
        match b.shape(x) {
            Shape::Vector(units) if units == self.classes => Ok(b.finish(x)),
            shape => {
                b.fail(format!("the last layer gives {shape}, not one number for each of {} classes", self.classes))
            }
        }
    }
}

impl Graph {
    /// Layers alone, after a value of a given shape: for blocks outside a classifier. Names start with `<place>.`,
    /// counted from 0.
    ///
    /// # Errors
    /// [`ZooError::Network`] naming the layer that cannot be and why.
    pub fn of_layers(input: InputShape, layers: &[crate::Layer]) -> Result<Self, ZooError> {
        let (mut b, x) = Builder::new("layers", input, None)?;
        let x = crate::layer::build_all(layers, &mut b, x)?;
        Ok(b.finish(x))
    }
}
