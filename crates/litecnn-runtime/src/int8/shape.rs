//! What each convolution needs on bytes.

use crate::Architecture;
use crate::simd::{MAX_WIDTH, Unit};

/// One convolution with pooling. Groups, which are branches, see inputs of their own, but for the first one's, which is
/// the image.
///
/// Inputs lie in units of up to four channels with four planes each (see [`Unit`]), in which neighbouring lanes belong
/// to neighbouring pooling windows. Only windows that later layers look at are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layer {
    pub(crate) groups: usize,
    /// Groups of inputs: 1 for the image.
    pub(crate) seen: usize,
    /// Channels of a group.
    pub(crate) inputs: usize,
    /// Of a group.
    pub(crate) outputs: usize,
    /// Windows that matter.
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// From a plane's row of lanes to the next, and from one row of pooled windows to the next.
    pub(crate) stride: usize,
    /// Lanes of a plane: what the last vector looks at, and what is written beyond the last row.
    pub(crate) len: usize,
    /// Lanes of four outputs' pooled windows: what is written, and what [`spread`](crate::simd::spread) looks at.
    pub(crate) pooled_len: usize,
}

impl Layer {
    /// A convolution, counted from 0.
    pub(crate) const fn new(architecture: &Architecture, index: usize) -> Self {
        let (mut height, mut width) = (architecture.height, architecture.width);
        let mut i = 0;
        while i < architecture.depth {
            (height, width) = ((height - 2) / 2, (width - 2) / 2);
            i += 1;
        }
        i = index + 1;
        while i < architecture.depth {
            (height, width) = (2 * height + 2, 2 * width + 2);
            i += 1;
        }
        let groups = architecture.branches();
        let (seen, inputs) =
            if index == 0 { (1, architecture.channels) } else { (groups, architecture.filters_of(index - 1)) };
        let (rows, columns) = (height, width);
        // Rows of one channel only look at lanes of their own.
        let stride = if inputs == 1 { columns } else { columns + 1 };
        let windows = ((rows - 1) * stride + columns).next_multiple_of(MAX_WIDTH);
        Self {
            groups,
            seen,
            inputs,
            outputs: architecture.filters_of(index),
            rows,
            columns,
            stride,
            len: (windows + stride + 1 + MAX_WIDTH).next_multiple_of(MAX_WIDTH),
            pooled_len: windows + 2 * MAX_WIDTH,
        }
    }

    /// Windows computed, first to last, those in vain included.
    pub(crate) const fn windows(&self) -> usize {
        (self.rows - 1) * self.stride + self.columns
    }

    /// Units of a group's inputs.
    pub(crate) const fn units(&self) -> usize {
        self.inputs.div_ceil(4)
    }

    /// What a unit of the inputs is.
    pub(crate) const fn unit(&self, index: usize) -> Unit {
        if 4 * index + 4 <= self.inputs { Unit::Quad } else { Unit::of(self.inputs - 4 * index) }
    }

    /// Blocks of up to four outputs of a group.
    pub(crate) const fn blocks(&self) -> usize {
        self.outputs.div_ceil(4)
    }

    /// Words of weights for one output.
    pub(crate) const fn words(&self) -> usize {
        let rest = self.inputs % 4;
        9 * (self.inputs / 4) + if rest == 0 { 0 } else { 3 * Unit::of(rest).taps() }
    }

    pub(crate) const fn planes(&self) -> usize {
        self.seen * self.units() * 4 * self.len
    }

    pub(crate) const fn pooled(&self) -> usize {
        self.groups * self.blocks() * self.pooled_len
    }
}

/// Where things lie in the working memory, in words of 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Inputs of the convolution that runs.
    pub(crate) planes: usize,
    /// Its outputs; before that the image's pixels as words.
    pub(crate) pooled: usize,
    /// Of one branch.
    pub(crate) features: usize,
    pub(crate) joined: usize,
    pub(crate) hidden: usize,
    /// The image as bytes, if it came as floats.
    pub(crate) image: usize,
}

impl Memory {
    pub(crate) const fn new(architecture: &Architecture) -> Self {
        let first = Layer::new(architecture, 0);
        let (mut planes, mut pooled) = (0, first.units() * pixels_len(architecture));
        let mut i = 0;
        while i < architecture.depth {
            let layer = Layer::new(architecture, i);
            planes = larger(planes, layer.planes());
            pooled = larger(pooled, layer.pooled());
            i += 1;
        }
        let hidden = match architecture.hidden {
            Some(units) => units,
            None => 0,
        };
        let features = features(architecture) + MAX_WIDTH;
        Self {
            planes: padded(planes),
            pooled: padded(pooled),
            features: padded(features),
            joined: padded((architecture.branches() * architecture.classes).div_ceil(4)),
            hidden: padded(hidden.div_ceil(4)),
            image: padded(architecture.pixels().div_ceil(4)),
        }
    }

    /// All of it.
    pub(crate) const fn len(&self) -> usize {
        self.planes + self.pooled + self.features + self.joined + self.hidden + self.image
    }
}

/// Words of features that a head sees: windows of four channels each.
pub(crate) const fn features(architecture: &Architecture) -> usize {
    let last = Layer::new(architecture, architecture.depth - 1);
    last.blocks() * last.rows * last.columns
}

/// Words of an image's pixels, four channels each.
pub(crate) const fn pixels_len(architecture: &Architecture) -> usize {
    let first = Layer::new(architecture, 0);
    (2 * first.rows + 2) * architecture.width + 2 * MAX_WIDTH
}

/// Words of the weights in a file, with biases and scales.
pub(crate) const fn words(architecture: &Architecture) -> usize {
    let (mut sum, mut i) = (0, 0);
    while i < architecture.depth {
        let layer = Layer::new(architecture, i);
        sum += layer.groups * layer.outputs * (3 + layer.words());
        i += 1;
    }
    let (branches, classes) = (architecture.branches(), architecture.classes);
    let heads = branches * classes * (3 + features(architecture));
    match architecture.hidden {
        None => sum + classes * (2 + features(architecture)),
        Some(units) => sum + heads + units * (3 + (branches * classes).div_ceil(4)) + classes * (2 + units.div_ceil(4)),
    }
}

const fn larger(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

const fn padded(len: usize) -> usize {
    len.next_multiple_of(MAX_WIDTH)
}
