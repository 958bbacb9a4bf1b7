//! The 28 variants of Sobolewski & Szyc, as descriptions.

mod resnet;
mod vgg;

use litecnn_model::InputShape;

use crate::{Network, Part, ZooError};

/// One of the networks of Sobolewski & Szyc, *Architecture optimization techniques for Convolutional Neural Networks:
/// further experiments and insights*.
///
/// ```
/// use litecnn_zoo::{Family, Variant};
///
/// # fn main() -> Result<(), litecnn_zoo::ZooError> {
/// let variant = Variant::find("resnet101-11")?;
/// assert_eq!((variant.family, variant.to_string()), (Family::ResNet101, "resnet101-ghost-small".into()));
/// println!("{}", variant.network(100).to_toml());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Variant {
    /// What it is a variant of.
    pub family: Family,
    /// Its number in the study's tables.
    pub no: u32,
    /// Its name within the family.
    pub name: &'static str,
    parts: fn() -> Vec<Part>,
}

/// A family of variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// ResNet-101, for images of 32x32 pixels.
    ResNet101,
    /// VGG-19.
    Vgg19,
}

impl Family {
    /// Its name in the study.
    pub fn title(self) -> &'static str {
        match self {
            Self::ResNet101 => "ResNet-101",
            Self::Vgg19 => "VGG-19",
        }
    }

    /// Its name as the first part of names.
    fn prefix(self) -> &'static str {
        match self {
            Self::ResNet101 => "resnet101",
            Self::Vgg19 => "vgg19",
        }
    }
}

impl Variant {
    /// All 28: ResNet-101 before VGG-19, each in the order of its numbers.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        resnet::VARIANTS.iter().chain(&vgg::VARIANTS)
    }

    /// The variant of a name, such as `resnet101-ghost-small` or, by number, `resnet101-11`.
    ///
    /// # Errors
    /// [`ZooError::Unknown`] listing the names there are, nearest first.
    pub fn find(name: &str) -> Result<&'static Self, ZooError> {
        let wanted = name.to_lowercase().replace(['_', '/', ' '], "-");
        let wanted = wanted.replace("resnet-101", "resnet101").replace("vgg-19", "vgg19");
        let numbered = |v: &Self| format!("{}-{}", v.family.prefix(), v.no);
        Self::all().find(|v| v.to_string() == wanted || numbered(v) == wanted).ok_or_else(|| {
            let known = litecnn_cli::nearest_first(&wanted, Self::all().map(ToString::to_string).collect());
            ZooError::Unknown { name: name.to_owned(), known }
        })
    }

    /// Its description for a number of classes and colour images of 32x32 pixels, as in the study.
    pub fn network(&self, classes: i64) -> Network {
        let input = InputShape { channels: 3, height: 32, width: 32 };
        Network { name: self.to_string(), input, classes, kept: None, parts: (self.parts)() }
    }
}

impl std::fmt::Display for Variant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.family.prefix(), self.name)
    }
}
