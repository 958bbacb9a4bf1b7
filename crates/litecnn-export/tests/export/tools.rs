//! Programs of others.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Whether a command can be run here and succeeds.
pub(crate) fn runs(command: &str, arguments: &[&str]) -> bool {
    let command = Command::new(command).args(arguments).stdin(Stdio::null()).output();
    command.is_ok_and(|output| output.status.success())
}

/// Runs a command to its end; what it wrote to its standard output. Fails with its errors if it fails or takes
/// longer than two minutes.
pub(crate) fn run(command: &mut Command, input: &[u8]) -> String {
    let start = Instant::now();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feed = std::thread::spawn(move || stdin.write_all(&input));
    let id = child.id();
    let (done, alarm) = std::sync::mpsc::channel::<()>();
    let guard = std::thread::spawn(move || {
        if alarm.recv_timeout(Duration::from_secs(120)).is_err_and(|e| e == std::sync::mpsc::RecvTimeoutError::Timeout)
        {
            let _ = Command::new("kill").arg(id.to_string()).status();
        }
    });
    let output = child.wait_with_output().unwrap();
    drop(done);
    guard.join().unwrap();
    let _ = feed.join();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} after {:?}: {}\n{errors}", start.elapsed(), output.status);
    String::from_utf8(output.stdout).unwrap() + &errors
}

/// 32-bit floats written as the eight hexadecimal digits of their bits.
pub(crate) fn floats(line: &str) -> Vec<f32> {
    line.split_whitespace().map(|word| f32::from_bits(u32::from_str_radix(word, 16).unwrap())).collect()
}
