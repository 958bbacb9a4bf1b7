use std::fmt;

use crate::Interrupted;

/// A wrong value on the command line, beyond what the argument parser sees: exit status 2.
#[derive(Debug)]
pub struct Usage(pub String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// How a program ends after an error: its last line and its exit status, 2 for wrong usage, 130 or 143 for an end that a
/// signal asked for, 1 for anything else.
pub fn ending(error: &anyhow::Error) -> (String, u8) {
    match error.downcast_ref::<Interrupted>() {
        Some(interrupted) => (format!("interrupted by {interrupted}"), interrupted.signal.status()),
        None => (format!("error: {}", sentence(error)), if error.is::<Usage>() { 2 } else { 1 }),
    }
}

/// An error and what led to it, each thing told once, without libtorch's C++ call stack.
pub fn sentence(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            // Many errors tell their cause themselves.
            text = format!("{text}: {cause}");
        }
    }
    if let Some(end) = text.find("\nException raised from") {
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_once() {
        let inner = anyhow::anyhow!("no room\nException raised from here (most recent call first)");
        let error = inner.context("cannot write x");
        assert_eq!(sentence(&error), "cannot write x: no room");
        let twice = anyhow::anyhow!("no room").context("cannot write x: no room");
        assert_eq!(sentence(&twice), "cannot write x: no room");
    }
}
