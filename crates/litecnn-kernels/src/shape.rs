use crate::conv::{Conv, KERNEL};

/// Shape of a branch: 3x3 convolutions without padding, each with a 2x2 max-pooling and ReLU, then a dense layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchShape {
    /// Of the images.
    pub channels: usize,
    /// Of the images, in pixels.
    pub height: usize,
    /// Of the images, in pixels.
    pub width: usize,
    /// Filters of each convolution, first to last.
    pub filters: Vec<usize>,
    /// Outputs of the dense layer.
    pub classes: usize,
}

impl BranchShape {
    /// Whether there is such a branch: at least one convolution, nothing is zero, every pooling leaves a pixel, sides
    /// and classes are at most 65,536, channels and filters at most 4,096 (sizes of buffers then have a number).
    pub fn is_possible(&self) -> bool {
        let sides = [self.height, self.width, self.classes].iter().all(|&n| n <= 1 << 16);
        if !sides || self.channels > 4096 || self.filters.iter().any(|&filters| filters > 4096) {
            return false;
        }
        let (mut height, mut width) = (self.height, self.width);
        let fits = self.filters.iter().all(|&filters| {
            let enough = height > KERNEL && width > KERNEL && filters > 0;
            (height, width) = (height.saturating_sub(KERNEL - 1) / 2, width.saturating_sub(KERNEL - 1) / 2);
            enough
        });
        fits && !self.filters.is_empty() && self.channels > 0 && self.classes > 0
    }

    /// The convolutions, first to last.
    pub(crate) fn convolutions(&self) -> Vec<Conv> {
        let mut next = (self.height, self.width, self.channels);
        let convolution = |&filters: &usize| {
            let conv = Conv { height: next.0, width: next.1, channels: next.2, filters };
            next = (conv.pooled_height(), conv.pooled_width(), filters);
            conv
        };
        self.filters.iter().map(convolution).collect()
    }

    /// Values the dense layer sees.
    pub fn features(&self) -> usize {
        self.convolutions().last().map_or(0, Conv::outputs)
    }

    /// Number of weights: for each convolution `[filter][3][3][channel]` and `[filter]`, then `[class][feature]` and
    /// `[class]`.
    pub fn parameters(&self) -> usize {
        let of_convolutions: usize = self.convolutions().iter().map(|conv| conv.weights() + conv.filters).sum();
        of_convolutions + self.classes * (self.features() + 1)
    }

    /// Values of one image.
    pub fn pixels(&self) -> usize {
        self.height * self.width * self.channels
    }
}
