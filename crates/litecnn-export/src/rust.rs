//! A model as a Rust source file. Its weights are the bytes of the runtime's file in one literal: they are used where
//! they lie, whatever kind they are, and compile in no time; an array of 15,000 numbers would give a copy or another
//! layout to check, for digits that nobody can review.

use std::fmt::Write as _;

use litecnn_runtime::{AlignedBytes, Architecture, Model};
use minijinja::context;

use crate::names::identifier;
use crate::template::render;
use crate::{ExportError, TrainedModel};

const SOURCE: &str = include_str!("../templates/model.rs");
/// Bytes of the file that a line of the literal holds.
const LINE: usize = 16;

/// A model as constants of a Rust program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RustSource {
    /// What the module is called; its file is `<name>.rs`.
    pub name: String,
    /// The file.
    pub source: String,
}

/// The model as one Rust file for `litecnn-runtime`, in `no_std` programs too: the weights as an aligned `static`,
/// its shape, lengths and class names as `const`, and a function `model`.
///
/// `file` is the model as [`litecnn()`](crate::litecnn) writes it; `model` tells where it comes from. `name` becomes an
/// identifier as in [`c`](crate::c). Equal models, files and names give equal text.
///
/// # Errors
/// [`ExportError::Compact`] if `litecnn-runtime` does not read the file.
pub fn rust(model: &TrainedModel, file: &[u8], name: &str) -> Result<RustSource, ExportError> {
    let aligned = AlignedBytes::new(file);
    let compact = Model::from_bytes(&aligned).map_err(|e| ExportError::Compact { reason: e.to_string() })?;
    let architecture = compact.architecture();
    let [channels, height, width] = architecture.input_shape();
    let name = identifier(name);
    let scratch = compact.scratch_len();
    let source = render(
        SOURCE,
        &context! {
            name => &name,
            version => env!("CARGO_PKG_VERSION"),
            kind => model.kind(),
            dataset => cell(model.dataset()),
            step => cell(model.step()),
            recipe => cell(model.recipe()),
            parameters => architecture.parameters(),
            channels, height, width, scratch,
            bytes => file.len(),
            constructor => if architecture.operations().is_none() { constructor(architecture) } else { String::new() },
            pixels => architecture.pixels(),
            classes => architecture.classes(),
            scratch_len => if architecture.operations().is_none() && scratch == architecture.scratch_len() {
                "ARCHITECTURE.scratch_len()".to_owned()
            } else {
                scratch.to_string()
            },
            class_names => compact.class_names().map(|class| format!("{class:?}")).collect::<Vec<_>>(),
            file => literal(file),
        },
    );
    Ok(RustSource { name, source })
}

/// The call that gives the architecture.
fn constructor(architecture: &Architecture) -> String {
    let [channels, height, width] = architecture.input_shape();
    let filters: Vec<usize> = architecture.filters().collect();
    let common = format!("{channels}, {height}, {width}, &{filters:?}, {}", architecture.classes());
    match architecture.hidden() {
        None => format!("branch({common})"),
        Some(hidden) => format!("unified({common}, {hidden}, {})", architecture.head_relu()),
    }
}

/// Text in a table of a doc comment, without characters that mean something there.
fn cell(text: &str) -> String {
    text.replace(|c: char| c.is_control() || "|`<>[]\\".contains(c), " ")
}

/// What stands between the quotes of a byte string, [`LINE`] bytes a line. A line's end, and blanks that follow it,
/// are no part of a literal, so blanks are escaped.
fn literal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(4 * bytes.len());
    for (i, line) in bytes.chunks(LINE).enumerate() {
        if i > 0 {
            text.push_str("\\\n");
        }
        for &byte in line {
            match byte {
                b'"' | b'\\' => text.extend(['\\', char::from(byte)]),
                b'!'..=b'~' => text.push(char::from(byte)),
                _ => {
                    let _ = write!(text, "\\x{byte:02x}");
                }
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_literal_can_be_misread() {
        assert_eq!(literal(b"a \"\\\n\0\x7f\xff'"), r#"a\x20\"\\\x0a\x00\x7f\xff'"#);
        assert_eq!(literal(&[b' '; 17]), format!("{}\\\n\\x20", "\\x20".repeat(16)));
        assert_eq!(cell("a|b\n`c`"), "a b  c ");
    }
}
