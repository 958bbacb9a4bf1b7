use std::ffi::{OsStr, OsString};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use anyhow::Context;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Set by a program that starts this one, hands signals on as SIGTERM and says itself how to go on. It gets the SIGINT
/// of a terminal as well, so that one is not heeded twice here.
pub const SUPERVISED: &str = "LITECNN_SUPERVISED";

/// Number of the last signal caught; 0 for none.
static CAUGHT: OnceLock<Arc<AtomicUsize>> = OnceLock::new();

/// From now on SIGINT and SIGTERM are only noted, for [`caught`] to tell, so that work can be finished and saved; the
/// second one ends the process at once, with the status of [`Signal::status`].
///
/// # Errors
/// If the system refuses.
pub fn catch_signals() -> anyhow::Result<()> {
    if CAUGHT.get().is_some() {
        return Ok(());
    }
    let (caught, armed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let supervised = std::env::var_os(SUPERVISED).is_some();
    let catch = |signal: i32| {
        if supervised && signal == SIGINT {
            return flag::register(signal, Arc::<AtomicBool>::default()).map(drop);
        }
        // In this order: what arms the end must come after what looks whether it is armed.
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&armed))?;
        flag::register(signal, Arc::clone(&armed))?;
        flag::register_usize(signal, Arc::clone(&caught), signal as usize).map(drop)
    };
    [SIGINT, SIGTERM].into_iter().try_for_each(catch).context("cannot watch for signals")?;
    let _ = CAUGHT.set(caught);
    Ok(())
}

/// The signal that wants an end, if one came since [`catch_signals`].
pub fn caught() -> Option<Signal> {
    match CAUGHT.get()?.load(Ordering::Relaxed) {
        0 => None,
        number => Some(Signal(number as i32)),
    }
}

/// SIGINT or SIGTERM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signal(i32);

impl Signal {
    /// What a process ends with that this signal ended, as shells count: 130 or 143.
    pub fn status(self) -> u8 {
        128 + self.0 as u8
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0 == SIGINT { "SIGINT" } else { "SIGTERM" })
    }
}

/// Work that a signal cut short, in good order.
#[derive(Debug)]
pub struct Interrupted {
    /// The signal.
    pub signal: Signal,
    /// How far the work came and what of it is kept.
    pub what: String,
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.signal, self.what)?;
        if std::env::var_os(SUPERVISED).is_some() {
            return Ok(());
        }
        write!(f, "; to go on: {}", command_line(std::env::args_os()))
    }
}

impl std::error::Error for Interrupted {}

/// Words as they are typed into a shell.
pub fn command_line(words: impl IntoIterator<Item = OsString>) -> String {
    words.into_iter().map(|word| quoted(&word)).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_alphanumeric() || "-_./:=,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_can_be_typed_again() {
        let line = ["litecnn", "train", "--run", "my runs/a", "--recipe=b.toml", "it's", ""];
        let line = command_line(line.map(OsString::from));
        assert_eq!(line, r"litecnn train --run 'my runs/a' --recipe=b.toml 'it'\''s' ''");
    }

    #[test]
    fn signals_have_the_status_shells_give_them() {
        let [int, term] = [SIGINT, SIGTERM].map(Signal);
        assert_eq!((int.status(), term.status()), (130, 143));
        assert_eq!(format!("{int} {term}"), "SIGINT SIGTERM");
    }
}
