//! `{{ name }}`: an image classifier as constants for `litecnn-runtime`, made by litecnn-export {{ version }}.
//!
//! | | |
//! |---|---|
//! | model | {{ kind }}, {{ parameters }} parameters |
//! | trained on | {{ dataset or "unnamed data" }}{% if step %}, step {{ step }}{% endif %} |
{% if recipe %}
//! | recipe | `{{ recipe }}` |
{% endif %}
//! | image | {{ height }} x {{ width }} pixels of {{ channels }} value{{ "s" if channels != 1 }}, `[height][width][channel]`, rows from the top |
//! | constants | {{ bytes }} bytes, used where they lie |
//! | working memory | {{ scratch }} floats |
//!
//! Put this file beside the code that uses it, and `litecnn-runtime` among the dependencies; `no_std` programs name it
//! with `default-features = false`.
//!
//! ```ignore
//! mod {{ name }};
//!
//! let model = {{ name }}::model()?;
//! let mut scratch = [0.0; {{ name }}::SCRATCH_LEN];
//! let mut session = model.session(&mut scratch)?; // prepares the weights: once for many images
//! let mut probabilities = [0.0; {{ name }}::CLASSES];
//! session.predict(&image, &mut probabilities)?; // image: [u8; {{ name }}::PIXELS], or f32
//! let class = {{ name }}::CLASS_NAMES[litecnn_runtime::top1(&probabilities)];
//! ```

use litecnn_runtime::{{ "{Architecture, LoadError, Model}" if constructor else "{LoadError, Model}" }};

{% if constructor %}
/// Shape of the model.
#[rustfmt::skip]
pub const ARCHITECTURE: Architecture = match Architecture::{{ constructor }} {
    Ok(architecture) => architecture,
    Err(_) => panic!("this version of litecnn-runtime has no such architecture"),
};

{% endif %}
/// Values of an image.
pub const PIXELS: usize = {{ "ARCHITECTURE.pixels()" if constructor else pixels }};

/// Number of classes: values that an image is answered with.
pub const CLASSES: usize = {{ "ARCHITECTURE.classes()" if constructor else classes }};

/// Floats of working memory, whatever the number of images.
pub const SCRATCH_LEN: usize = {{ scratch_len }};

/// Names of the classes, first to last.
#[rustfmt::skip]
pub const CLASS_NAMES: [&str; CLASSES] = [
{% for class in class_names %}
    {{ class }},
{% endfor %}
];

/// The model, with the best instructions there are. Reads all of [`FILE`] to check it, but copies nothing.
///
/// # Errors
/// [`LoadError`] on a big-endian processor, or if this version of `litecnn-runtime` does not read such files.
pub fn model() -> Result<Model<'static>, LoadError> {
    Model::from_bytes(FILE)
}

#[repr(C, align(64))]
struct Aligned([u8; {{ bytes }}]);

/// The model's file as `litecnn export --to litecnn` writes it, at a multiple of 64 in memory. 16 bytes a line.
pub static FILE: &[u8] = &ALIGNED.0;

#[rustfmt::skip]
static ALIGNED: Aligned = Aligned(*b"\
{{ file }}");
