//! SIGINT and SIGTERM while steps run: handed on to the programs at work, which save and end, and waited for.
//!
//! A terminal sends SIGINT to those programs too, `kill` does not. So they are told to leave SIGINT alone
//! ([`SUPERVISED`]) and get a SIGTERM from here, whichever came. The second signal ends everything at once.

use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use litecnn_cli::{SUPERVISED, command_line};

use crate::process::Ended;

/// The first signal caught; 0 for none.
static CAUGHT: AtomicI32 = AtomicI32::new(0);
/// Whether signals are handed on.
static HANDING_ON: AtomicBool = AtomicBool::new(false);
/// Whether the user was told how to go on.
static TOLD: AtomicBool = AtomicBool::new(false);
/// Programs at work.
static RUNNING: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// From now on programs started by [`spawn`] are told of signals. On Windows they are told by the console alone.
pub(crate) fn hand_on() -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        use signal_hook::consts::{SIGINT, SIGTERM};
        let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM]).context("cannot watch for signals")?;
        HANDING_ON.store(true, Ordering::SeqCst);
        std::thread::spawn(move || {
            for signal in signals.forever() {
                let first = CAUGHT.compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst).is_ok();
                let running = running();
                for pid in running.iter().filter_map(|&pid| rustix::process::Pid::from_raw(pid as i32)) {
                    let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
                }
                if !first {
                    std::process::exit(128 + signal);
                }
            }
        });
    }
    Ok(())
}

/// Starts a program, unless a signal has come.
pub(crate) fn spawn(command: &mut Command) -> anyhow::Result<Child> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut running = running();
    stop_if_asked()?;
    if HANDING_ON.load(Ordering::SeqCst) {
        command.env(SUPERVISED, "1");
    }
    let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
    running.push(child.id());
    Ok(child)
}

/// Waits for a program that was started by [`spawn`].
pub(crate) fn wait(child: &mut Child) -> std::io::Result<ExitStatus> {
    // Its number may become another program's once it has been waited for, so it is crossed out before.
    #[cfg(unix)]
    if let Some(pid) = rustix::process::Pid::from_raw(child.id() as i32) {
        use rustix::process::{WaitId, WaitIdOptions, waitid};
        let ended = || waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        while ended().is_err_and(|e| e == rustix::io::Errno::INTR) {}
    }
    running().retain(|&pid| pid != child.id());
    child.wait()
}

/// An end with the status of the signal that came, and a line on how to go on; nothing if none came.
pub(crate) fn stop_if_asked() -> anyhow::Result<()> {
    match CAUGHT.load(Ordering::SeqCst) {
        0 => Ok(()),
        signal => {
            if !TOLD.swap(true, Ordering::SeqCst) {
                let words = ["cargo".into(), "xtask".into()].into_iter().chain(std::env::args_os().skip(1));
                eprintln!("interrupted; to go on: {}", command_line(words));
            }
            Err(Ended(128 + signal as u8).into())
        }
    }
}

fn running() -> MutexGuard<'static, Vec<u32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}
