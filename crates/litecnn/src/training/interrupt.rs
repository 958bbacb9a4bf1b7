//! Ends that SIGINT or SIGTERM asked for.

use std::time::Duration;

use anyhow::Result;
use litecnn_cli::{Interrupted, catch_signals, caught};
use litecnn_train::TrainError;
use litecnn_zoo::ZooError;

/// An error as the user is to see it: training that was halted was halted by a signal.
pub(crate) fn told(error: anyhow::Error) -> anyhow::Error {
    let train = match error.downcast_ref::<ZooError>() {
        Some(ZooError::Train(train)) => Some(train),
        _ => error.downcast_ref::<TrainError>(),
    };
    match (train, caught()) {
        (Some(halted @ TrainError::Halted { .. }), Some(signal)) => {
            Interrupted { signal, what: halted.to_string() }.into()
        }
        _ => error,
    }
}

/// For work that keeps nothing until it is done: leaves it if a signal asks for that.
pub(crate) fn leave_if_asked(step: &str) -> Result<()> {
    match caught() {
        Some(signal) => Err(Interrupted { signal, what: format!("{step}: left, nothing of it is kept") }.into()),
        None => Ok(()),
    }
}

/// For work that waits for others and keeps what is whole: a signal ends the process within a moment.
pub(crate) fn end_when_asked(what: &'static str) -> Result<()> {
    catch_signals()?;
    std::thread::spawn(move || {
        loop {
            if let Some(signal) = caught() {
                eprintln!("interrupted by {}", Interrupted { signal, what: what.to_owned() });
                std::process::exit(signal.status().into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    Ok(())
}
