//! C source of a model. `plan` is how the code walks through it, `text` is how C is written; `float` with its
//! template is one arithmetic on these, beside which others can stand.

mod float;
mod plan;
mod text;

use crate::TrainedModel;
use crate::names::identifier;

/// A model as C99: two files that need no allocation and no library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CSource {
    /// What the files are called, `<name>.h` and `<name>.c`, and what every public name in them begins with.
    pub name: String,
    /// The header.
    pub header: String,
    /// The source; it includes `"<name>.h"`.
    pub source: String,
    /// Bytes of weights and class names: read-only, in flash on a microcontroller.
    pub constant_bytes: usize,
    /// Bytes a call needs on the stack beside its frames (or in static memory, if compiled so).
    pub scratch_bytes: usize,
}

/// The model as C99 source of 32-bit floats, for microcontrollers or any program in C or C++.
///
/// `name` becomes a C identifier: what is no letter or digit turns into `_`, capitals into small letters. With name
/// `mnist` the functions are `mnist_logits` and `mnist_predict` on bytes `[height, width, channels]`, the same with
/// `_f32` on floats in `[0, 1]`, and `mnist_probabilities`; the header says the rest. Weights are written such that
/// they are read back bit by bit. Equal models and names give equal text.
pub fn c(model: &TrainedModel, name: &str) -> CSource {
    float::generate(model, &identifier(name))
}
