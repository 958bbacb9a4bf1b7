//! Programs without the standard library use exported models; everything here is known when it is compiled.
#![no_std]
#![deny(warnings, missing_docs)]

// The models' modules are added here.

/// What a table of models holds of each.
pub struct Entry {
    /// Reads it.
    pub model: fn() -> Result<litecnn_runtime::Model<'static>, litecnn_runtime::LoadError>,
    /// Its class names.
    pub class_names: &'static [&'static str],
    /// Values of an image, floats of working memory, classes.
    pub lengths: [usize; 3],
}
