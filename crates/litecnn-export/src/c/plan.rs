use crate::TrainedModel;

/// Rows of its input that a row of a stage's output is made of: two rows of a 3x3 convolution, pooled into one.
const WINDOW: usize = 4;

/// How the generated code walks through a model, whatever the type of its values.
///
/// A row of a stage's output needs four rows of its input, and the next row needs the last two of them again. So of
/// every map but the last only four rows are ever kept, and of the last, which goes to the head row by row, one.
pub(super) struct Plan {
    /// First to last.
    pub(super) stages: Vec<Stage>,
    /// Outputs of a branch, and of the model.
    pub(super) classes: usize,
    /// 1 or 2.
    pub(super) branches: usize,
    /// Units of the hidden layer; nothing if there is one branch.
    pub(super) hidden: Option<usize>,
}

/// A convolution with its pooling and ReLU.
pub(super) struct Stage {
    /// `[channels, height, width]`.
    pub(super) input: [usize; 3],
    /// `[channels, height, width]`.
    pub(super) output: [usize; 3],
    /// Values in a row of the input.
    pub(super) row: usize,
    /// Values in a row of the output.
    pub(super) output_row: usize,
}

impl Plan {
    pub(super) fn new(model: &TrainedModel) -> Self {
        let row = |shape: [usize; 3]| shape[0] * shape[2];
        let stage = |pair: &[[usize; 3]]| Stage {
            input: pair[0],
            output: pair[1],
            row: row(pair[0]),
            output_row: row(pair[1]),
        };
        Self {
            stages: model.shapes().windows(2).map(stage).collect(),
            classes: model.classes().len(),
            branches: model.branches().len(),
            hidden: model.joint().map(|joint| joint.hidden.bias.len()),
        }
    }

    /// Values kept at the same time while a model runs, beside the image and the logits.
    pub(super) fn scratch_values(&self) -> usize {
        let rows: usize = self.stages.iter().map(|stage| WINDOW * stage.row).sum();
        let last = self.stages.last().map_or(0, |stage| stage.output_row);
        rows + last + self.hidden.map_or(0, |hidden| self.branches * self.classes + hidden)
    }
}
