//! Checks of single values as serde reads them, which say what would be possible.

use litecnn_data::Augmentation;
use serde::{Deserialize, Deserializer, de::Error};

/// A value as it is read, if it is `good`; `wanted` says what is.
///
/// # Errors
/// That of the format, or one that shows the value and what is wanted.
pub fn checked<'de, D: Deserializer<'de>, T: Deserialize<'de> + Copy + std::fmt::Display>(
    deserializer: D,
    good: impl FnOnce(T) -> bool,
    wanted: &str,
) -> Result<T, D::Error> {
    let value = T::deserialize(deserializer)?;
    if good(value) { Ok(value) } else { Err(D::Error::custom(format!("{value} is impossible here: {wanted}"))) }
}

pub(super) fn positive_count<'de, D: Deserializer<'de>>(d: D) -> Result<usize, D::Error> {
    // Read signed, so that a negative number gets this message too.
    checked(d, |n: i64| (1..=1 << 24).contains(&n), "at least 1, at most 16777216").map(|n| n as usize)
}

/// A number of epochs.
///
/// # Errors
/// As [`checked`].
pub fn positive_epochs<'de, D: Deserializer<'de>>(d: D) -> Result<u32, D::Error> {
    checked(d, |n: i64| (1..=100_000).contains(&n), "at least 1, at most 100000").map(|n| n as u32)
}

pub(super) fn positive_units<'de, D: Deserializer<'de>>(d: D) -> Result<i64, D::Error> {
    checked(d, |n: i64| (1..=1 << 16).contains(&n), "at least 1, at most 65536")
}

pub(super) fn folds<'de, D: Deserializer<'de>>(d: D) -> Result<usize, D::Error> {
    checked(d, |n: i64| (2..=1000).contains(&n), "at least 2, at most 1000").map(|n| n as usize)
}

pub(super) fn positive_number<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    checked(d, |x: f64| x > 0.0 && x.is_finite(), "a number above 0 is wanted")
}

/// A number of at least 0.
///
/// # Errors
/// As [`checked`].
pub fn non_negative<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    checked(d, |x: f64| x >= 0.0 && x.is_finite(), "a number of at least 0 is wanted")
}

pub(super) fn fraction<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    checked(d, |x: f64| (0.0..1.0).contains(&x), "at least 0 and below 1")
}

pub(super) fn some_count<'de, D: Deserializer<'de>>(d: D) -> Result<Option<usize>, D::Error> {
    positive_count(d).map(Some)
}

pub(super) fn some_share<'de, D: Deserializer<'de>>(d: D) -> Result<Option<f64>, D::Error> {
    checked(d, |x: f64| x > 0.0 && x < 1.0, "above 0 and below 1").map(Some)
}

pub(super) fn some_positive<'de, D: Deserializer<'de>>(d: D) -> Result<Option<f64>, D::Error> {
    positive_number(d).map(Some)
}

pub(super) fn some_non_negative<'de, D: Deserializer<'de>>(d: D) -> Result<Option<f64>, D::Error> {
    non_negative(d).map(Some)
}

pub(super) fn non_negative_to_one<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    checked(d, |x: f64| (0.0..=1.0).contains(&x), "at least 0, at most 1")
}

/// Also one of 0 and 1.
pub(super) fn some_unit<'de, D: Deserializer<'de>>(d: D) -> Result<Option<f64>, D::Error> {
    checked(d, |x: f64| (0.0..=1.0).contains(&x), "at least 0, at most 1").map(Some)
}

/// The parameter of a beta distribution; 0 for none.
pub(super) fn mixing<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    checked(d, |x: f64| x == 0.0 || (0.01..=100.0).contains(&x), "0 for none, or at least 0.01, at most 100")
}

pub(super) fn some_fraction<'de, D: Deserializer<'de>>(d: D) -> Result<Option<f64>, D::Error> {
    fraction(d).map(Some)
}

pub(super) fn filters<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<i64>, D::Error> {
    let filters = Vec::<i64>::deserialize(d)?;
    if filters.is_empty() || filters.len() > 8 || filters.iter().any(|n| !(1..=4096).contains(n)) {
        return Err(D::Error::custom(format!("{filters:?} is impossible here: 1 to 8 numbers between 1 and 4096")));
    }
    Ok(filters)
}

pub(super) fn name<'de, D: Deserializer<'de>>(d: D) -> Result<String, D::Error> {
    let name = String::deserialize(d)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
        return Err(D::Error::custom(format!("`{name}` is no name: letters, digits, `-`, `_` and `.`, at most 64")));
    }
    Ok(name)
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// For `serde(default)`.
pub(super) fn still() -> Augmentation {
    Augmentation::NONE
}

pub(super) fn is_still(augmentation: &Augmentation) -> bool {
    *augmentation == Augmentation::NONE
}
