//! What models there are, and what each layer of one needs.

use core::fmt;

use crate::int8;
use crate::operations::Sizes;
use crate::simd::MAX_WIDTH;

/// Most convolutions of a branch: beyond, no image would be large enough.
pub const MAX_CONVOLUTIONS: usize = 15;

/// Shape of a model: one branch, two on the same image joined by dense layers, or a list of operations.
///
/// A branch is, for each number of filters, a 3x3 convolution without padding, ReLU and a 2x2 max-pooling (a last odd
/// row or column is dropped), then a dense layer with one output a class. Lists of operations are made by [`Model::from_bytes`](crate::Model::from_bytes)
/// only, see [`Model::operations`](crate::Model::operations). All else is `const`:
///
/// ```
/// use litecnn_runtime::Architecture;
///
/// const MNIST: Architecture = match Architecture::unified(1, 28, 28, &[10, 20], 10, 32, false) {
///     Ok(architecture) => architecture,
///     Err(_) => panic!("impossible"),
/// };
/// static SCRATCH: [f32; MNIST.scratch_len()] = [0.0; MNIST.scratch_len()];
/// assert_eq!(MNIST.parameters(), 14_862);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Architecture {
    pub(crate) channels: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    filters: [u16; MAX_CONVOLUTIONS],
    pub(crate) depth: usize,
    pub(crate) classes: usize,
    /// Units of the hidden layer; none for a branch.
    pub(crate) hidden: Option<usize>,
    pub(crate) head_relu: bool,
    /// Of a list of operations; none otherwise.
    operations: Option<usize>,
    parameters: usize,
    multiply_adds: usize,
    scratch: usize,
    batch_scratch: usize,
}

/// Why there is no such model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArchitectureError {
    /// The image has no pixels or channels, or more than 65,535 of them along an axis (4,096 channels).
    Image,
    /// Fewer than 2 classes or more than 65,535.
    Classes,
    /// No convolution, or more than [`MAX_CONVOLUTIONS`].
    Depth,
    /// A convolution without filters or with more than 4,096.
    Filters,
    /// The image is too small for so many convolutions with pooling.
    TooSmall,
    /// No operations, or more than [`MAX_OPERATIONS`](crate::MAX_OPERATIONS).
    Operations,
    /// No hidden units or more than 65,536.
    Hidden,
    /// Weights or scratch would need 1 GiB or more.
    TooLarge,
}

impl fmt::Display for ArchitectureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Image => "an image of 1 to 4,096 channels and 1 to 65,535 pixels a side is possible",
            Self::Classes => "2 to 65,535 classes are possible",
            Self::Depth => "1 to 15 convolutions are possible",
            Self::Filters => "1 to 4,096 filters are possible",
            Self::TooSmall => "the image is too small for so many convolutions with pooling",
            Self::Operations => "1 to 255 operations are possible",
            Self::Hidden => "1 to 65,536 hidden units are possible",
            Self::TooLarge => "weights or scratch would need 1 GiB or more",
        })
    }
}

impl core::error::Error for ArchitectureError {}

/// Most floats of weights or scratch.
pub(crate) const MOST: u64 = 1 << 28;

impl Architecture {
    /// One branch on images of `channels`, `height` and `width`, with so many filters of each convolution.
    ///
    /// # Errors
    /// [`ArchitectureError`] says which number is impossible.
    pub const fn branch(
        channels: usize,
        height: usize,
        width: usize,
        filters: &[usize],
        classes: usize,
    ) -> Result<Self, ArchitectureError> {
        Self::new([channels, height, width], filters, classes, None, false)
    }

    /// Two such branches, their outputs (after ReLU if `head_relu`) joined, a dense layer of `hidden` units with
    /// ReLU, and a dense layer of `classes`.
    ///
    /// # Errors
    /// As [`Architecture::branch`].
    pub const fn unified(
        channels: usize,
        height: usize,
        width: usize,
        filters: &[usize],
        classes: usize,
        hidden: usize,
        head_relu: bool,
    ) -> Result<Self, ArchitectureError> {
        Self::new([channels, height, width], filters, classes, Some(hidden), head_relu)
    }

    /// Whether there are such images and so many classes.
    pub(crate) const fn possible(
        [channels, height, width]: [usize; 3],
        classes: usize,
    ) -> Result<(), ArchitectureError> {
        if channels < 1 || channels > 4096 || height < 1 || height > 0xffff || width < 1 || width > 0xffff {
            return Err(ArchitectureError::Image);
        }
        if classes < 2 || classes > 0xffff { Err(ArchitectureError::Classes) } else { Ok(()) }
    }

    pub(crate) const fn new(
        [channels, height, width]: [usize; 3],
        filters: &[usize],
        classes: usize,
        hidden: Option<usize>,
        head_relu: bool,
    ) -> Result<Self, ArchitectureError> {
        use ArchitectureError as E;
        if let Err(error) = Self::possible([channels, height, width], classes) {
            return Err(error);
        }
        if filters.is_empty() || filters.len() > MAX_CONVOLUTIONS {
            return Err(E::Depth);
        }
        let branches = match hidden {
            Some(units) if units < 1 || units > 1 << 16 => return Err(E::Hidden),
            Some(_) => 2,
            None => 1,
        };
        let mut of_layers = [0; MAX_CONVOLUTIONS];
        let (mut h, mut w) = (height, width);
        let mut i = 0;
        while i < filters.len() {
            if filters[i] < 1 || filters[i] > 4096 {
                return Err(E::Filters);
            }
            if h < 4 || w < 4 {
                return Err(E::TooSmall);
            }
            (h, w) = ((h - 2) / 2, (w - 2) / 2);
            of_layers[i] = filters[i] as u16;
            i += 1;
        }
        let depth = filters.len();
        let new = Self {
            channels,
            height,
            width,
            filters: of_layers,
            depth,
            classes,
            hidden,
            head_relu,
            operations: None,
            parameters: 0,
            multiply_adds: 0,
            scratch: 0,
            batch_scratch: 0,
        };

        // Below 2^60 whatever the numbers.
        let (mut weights, mut scratch) = (0u64, MAX_WIDTH as u64);
        let (mut pooled, mut block) = (0u64, 0u64);
        let (mut prepared, mut lanes) = (0u64, channels as u64 * (height * width) as u64);
        let mut i = 0;
        while i < depth {
            let layer = new.conv(i);
            weights += (layer.groups * layer.outputs) as u64 * (9 * layer.inputs as u64 + 1);
            scratch += layer.planes() + layer.prepared();
            prepared += layer.prepared();
            lanes += layer.lanes();
            pooled = larger(pooled, layer.pooled());
            block = larger(block, layer.block());
            i += 1;
        }
        let features = of_layers[depth - 1] as u64 * h as u64 * w as u64;
        let joined = (branches * classes) as u64;
        weights += joined * (features + 1);
        let mut units = 0;
        if let Some(hidden) = hidden {
            weights += hidden as u64 * (joined + 1) + classes as u64 * (hidden as u64 + 1);
            units = hidden as u64;
        }
        scratch += pooled + block + branches as u64 * padded(features + 32) + padded(joined) + padded(units);
        scratch += padded(classes as u64);
        lanes += joined + units + classes as u64;
        let batch = larger(scratch, (lanes + 1) * MAX_WIDTH as u64 + prepared + block);
        if weights >= MOST || scratch >= MOST {
            return Err(E::TooLarge);
        }
        // At most a few times as much, so it can be counted.
        let integers = (int8::Memory::new(&new).len() + MAX_WIDTH) as u64;
        if integers >= MOST {
            return Err(E::TooLarge);
        }
        let scratch = larger(scratch, integers);
        let batch = larger(scratch, batch);
        let batch_scratch = if batch < usize::MAX as u64 { batch as usize } else { usize::MAX };
        let multiply_adds = new.of_layers();
        Ok(Self { parameters: weights as usize, multiply_adds, scratch: scratch as usize, batch_scratch, ..new })
    }

    /// A list of `count` operations that was checked.
    pub(crate) fn list([channels, height, width]: [usize; 3], classes: usize, count: usize, sizes: &Sizes) -> Self {
        let scratch = MAX_WIDTH + sizes.values + sizes.rows;
        Self {
            channels,
            height,
            width,
            filters: [0; MAX_CONVOLUTIONS],
            depth: 0,
            classes,
            hidden: None,
            head_relu: false,
            operations: Some(count),
            parameters: sizes.parameters,
            multiply_adds: sizes.multiply_adds,
            scratch,
            batch_scratch: scratch,
        }
    }

    /// `[channels, height, width]` of an image.
    pub const fn input_shape(&self) -> [usize; 3] {
        [self.channels, self.height, self.width]
    }

    /// Values of an image.
    pub const fn pixels(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Filters of each convolution of a branch; none of a list of operations.
    pub fn filters(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.filters[..self.depth].iter().map(|&filters| usize::from(filters))
    }

    /// Filters of a convolution, counted from 0.
    pub(crate) const fn filters_of(&self, index: usize) -> usize {
        self.filters[index] as usize
    }

    /// Number of classes.
    pub const fn classes(&self) -> usize {
        self.classes
    }

    /// 1, or 2 for a unified model. A list of operations has 1.
    pub const fn branches(&self) -> usize {
        if self.hidden.is_some() { 2 } else { 1 }
    }

    /// Units of the hidden layer of a unified model.
    pub const fn hidden(&self) -> Option<usize> {
        self.hidden
    }

    /// Number of operations, if the model is a list of them.
    pub const fn operations(&self) -> Option<usize> {
        self.operations
    }

    /// Whether ReLU follows the branches' heads.
    pub const fn head_relu(&self) -> bool {
        self.head_relu
    }

    /// Number of weights.
    pub const fn parameters(&self) -> usize {
        self.parameters
    }

    /// Floats of working memory, whatever the number of images.
    pub const fn scratch_len(&self) -> usize {
        self.scratch
    }

    /// Floats of working memory with which batches of at least [`Level::width`](crate::Level::width) images are
    /// answered faster, whatever the number of images. Never fewer than [`Architecture::scratch_len`]; for the
    /// published shapes about 4 times as many.
    pub const fn batch_scratch_len(&self) -> usize {
        self.batch_scratch
    }

    /// Values that a branch's head sees; 0 for a list of operations.
    pub const fn features(&self) -> usize {
        if self.depth == 0 {
            return 0;
        }
        let last = self.conv(self.depth - 1);
        self.filters[self.depth - 1] as usize * last.pooled_height() * last.pooled_width()
    }

    /// Multiplications with an addition that an image takes as the model is defined: what a rate is counted in.
    /// Outputs that pooling drops do not count.
    pub const fn multiply_adds(&self) -> usize {
        self.multiply_adds
    }

    const fn of_layers(&self) -> usize {
        let mut sum = 0;
        let mut i = 0;
        while i < self.depth {
            let layer = self.conv(i);
            let windows = layer.pooled_height() * layer.pooled_width();
            sum += layer.groups * layer.outputs * layer.inputs * 9 * 4 * windows;
            i += 1;
        }
        sum += self.branches() * self.classes * self.features();
        if let Some(hidden) = self.hidden {
            sum += hidden * (2 * self.classes + self.classes);
        }
        sum
    }

    /// A convolution, counted from 0. The first one sees one image with the filters of all branches.
    pub(crate) const fn conv(&self, index: usize) -> Conv {
        let branches = self.branches();
        let (mut height, mut width) = (self.height, self.width);
        let mut i = 0;
        while i < index {
            (height, width) = ((height - 2) / 2, (width - 2) / 2);
            i += 1;
        }
        // What the last layer's rows need of the layers before.
        let (mut rows, mut columns) = (height, width);
        while i < self.depth {
            (rows, columns) = ((rows - 2) / 2, (columns - 2) / 2);
            i += 1;
        }
        i = index + 1;
        while i < self.depth {
            (rows, columns) = (2 * rows + 2, 2 * columns + 2);
            i += 1;
        }
        let stride = (width - 2) / 2 + 1;
        let mut conv = Conv {
            groups: branches,
            inputs: 0,
            outputs: self.filters[index] as usize,
            height,
            width,
            rows,
            columns,
            stride,
            aligned: false,
            plane_len: 0,
            pooled_len: 0,
        };
        if index == 0 {
            (conv.groups, conv.inputs, conv.outputs) = (1, self.channels, branches * conv.outputs);
        } else {
            conv.inputs = self.filters[index - 1] as usize;
        }
        let aligned = stride.next_multiple_of(MAX_WIDTH);
        if index + 1 < self.depth && 10 * rows * aligned <= 11 * conv.windows().next_multiple_of(MAX_WIDTH) {
            (conv.stride, conv.aligned) = (aligned, true);
        }
        let windows = conv.windows().next_multiple_of(MAX_WIDTH);
        conv.plane_len = (windows + conv.stride + 1 + MAX_WIDTH).next_multiple_of(MAX_WIDTH);
        conv.pooled_len = windows + MAX_WIDTH;
        conv
    }
}

/// One convolution with pooling: each group of outputs sees a group of inputs of its own.
///
/// The image lies in planes, four a channel: even rows' even columns, even rows' odd columns, then odd rows. In each
/// of them neighbouring values belong to neighbouring pooling windows, so that a vector computes that many windows.
/// A row of a plane has at least one value more than there are windows; the windows there are computed in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Conv {
    pub(crate) groups: usize,
    /// Of a group.
    pub(crate) inputs: usize,
    /// Of a group.
    pub(crate) outputs: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    /// Rows of pooled windows that later layers look at.
    pub(crate) rows: usize,
    /// Windows of a row that later layers look at.
    pub(crate) columns: usize,
    /// Values of a plane's row.
    pub(crate) stride: usize,
    /// Whether rows are whole vectors: then pooled values go straight to the next layer's planes.
    pub(crate) aligned: bool,
    /// Values of a plane: what the last vector looks at, and what is written beyond the last row.
    pub(crate) plane_len: usize,
    /// Values of an output's pooled windows.
    pub(crate) pooled_len: usize,
}

impl Conv {
    pub(crate) const fn pooled_height(&self) -> usize {
        (self.height - 2) / 2
    }

    pub(crate) const fn pooled_width(&self) -> usize {
        (self.width - 2) / 2
    }

    /// Windows computed, first to last, those in vain included.
    pub(crate) const fn windows(&self) -> usize {
        (self.rows - 1) * self.stride + self.pooled_width()
    }

    /// Whether there is one channel only, for which the simpler kernel is faster.
    pub(crate) const fn is_grey(&self) -> bool {
        self.inputs == 1
    }

    /// Prepared weights of one output and input.
    pub(crate) const fn points(&self) -> usize {
        if self.is_grey() { 12 } else { 16 }
    }

    /// Weights and biases of a group as prepared for the kernels.
    pub(crate) const fn prepared_group(&self) -> usize {
        self.outputs * self.inputs * self.points()
    }

    const fn prepared(&self) -> u64 {
        padded((self.groups * self.outputs) as u64 * (self.inputs * self.points()) as u64)
    }

    const fn planes(&self) -> u64 {
        (self.groups * self.inputs) as u64 * 4 * self.plane_len as u64
    }

    /// Pooled values that later layers look at.
    const fn lanes(&self) -> u64 {
        (self.groups * self.outputs) as u64 * self.rows as u64 * self.columns as u64
    }

    pub(crate) const fn pooled(&self) -> u64 {
        if self.aligned {
            return 0;
        }
        (self.groups * self.outputs) as u64 * self.pooled_len as u64
    }

    /// Transformed inputs of the windows computed at a time.
    pub(crate) const fn block(&self) -> u64 {
        if self.is_grey() { 0 } else { (16 * self.inputs * MAX_BLOCK * MAX_WIDTH) as u64 }
    }
}

/// Vectors of windows computed at a time, at most.
pub(crate) const MAX_BLOCK: usize = 2;

const fn larger(a: u64, b: u64) -> u64 {
    if a > b { a } else { b }
}

/// A length that keeps what follows aligned.
pub(crate) const fn padded(len: u64) -> u64 {
    len.next_multiple_of(MAX_WIDTH as u64)
}
