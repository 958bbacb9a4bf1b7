//! C source of a model: `float` of branches, which it walks through as `plan` says, `folded` of lists of operations; `text`
//! is how C is written.

mod float;
mod folded;
mod plan;
mod text;

use minijinja::{Value, context};

use crate::TrainedModel;
use crate::names::identifier;
use crate::template::render;

const HEADER: &str = include_str!("../templates/model.h");
/// What follows `run` in every source.
const INTERFACE: &str = include_str!("../templates/interface.c");

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
    match model.folded() {
        Some(network) => folded::generate(model, network, &identifier(name)),
        None => float::generate(model, &identifier(name)),
    }
}

/// What tells one kind of source from another.
struct Parts {
    /// The template of all but the interface.
    source: &'static str,
    /// Numbers of read-only memory, and of scratch memory.
    constants: usize,
    scratch: usize,
    /// How much code and tables there are besides, in words.
    code: &'static str,
    /// Of the template.
    values: Value,
}

fn assembled(model: &TrainedModel, name: &str, parts: Parts) -> CSource {
    let Parts { source, constants, scratch, code, values } = parts;
    let names: usize = model.classes().iter().map(|class| class.len() + 1).sum();
    let [weight_bytes, scratch_bytes] = [constants, scratch].map(|count| count * size_of::<f32>());
    let [channels, height, width] = model.input();
    let common = context! {
        name,
        NAME => name.to_ascii_uppercase(),
        version => env!("CARGO_PKG_VERSION"),
        dataset => text::comment(model.dataset()),
        recipe => text::comment(model.recipe()),
        step => text::comment(model.step()),
        kind => model.kind(),
        channels, height, width,
        image_values => channels * height * width,
        parameters => model.parameters(),
        weight_bytes, names, scratch_bytes, code,
        classes => model.classes().len(),
        class_names => model.classes().iter().map(|class| text::string(class)).collect::<Vec<_>>(),
        ..values
    };
    let interface = render(INTERFACE, &common);
    CSource {
        name: name.to_owned(),
        header: render(HEADER, &common),
        source: render(source, &context! { interface => interface.trim_end(), ..common }),
        constant_bytes: weight_bytes + names,
        scratch_bytes,
    }
}
