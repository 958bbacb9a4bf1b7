//! What the targets share: a limit on memory that holds without a sanitizer, and files to be read by path.

#![forbid(unsafe_code)]

#[cfg(feature = "libtorch")]
pub mod state;

use std::alloc::System;
use std::fmt::Display;
use std::path::Path;

use cap::Cap;

/// Bytes that readers of inputs of some kilobytes may have allocated at once. Asking for more ends the process, which
/// the fuzzer takes for a crash.
pub const MOST_BYTES: usize = 256 << 20;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, MOST_BYTES);

/// Writes the bytes to a file of this name and has it read. A message must name the file.
pub fn read<T, E: Display>(name: &str, bytes: &[u8], reader: impl FnOnce(&Path) -> Result<T, E>) -> Option<T> {
    on_disk(name, bytes, |path| told(path, reader(path)))
}

/// As [`read`], for readers whose callers say which file it was.
pub fn read_untold<T, E>(name: &str, bytes: &[u8], reader: impl FnOnce(&Path) -> Result<T, E>) -> Option<T> {
    on_disk(name, bytes, |path| reader(path).ok())
}

fn on_disk<T>(name: &str, bytes: &[u8], reader: impl FnOnce(&Path) -> T) -> T {
    thread_local! {
        static FOLDER: tempfile::TempDir = {
            // Memory where there is such a folder: a file is written for each input.
            let memory = Path::new("/dev/shm");
            let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
            folder.expect("a temporary folder")
        };
    }
    FOLDER.with(|folder| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("a temporary file");
        reader(&path)
    })
}

/// What was read, if anything; if not, the message must name the file.
pub fn told<T, E: Display>(path: &Path, outcome: Result<T, E>) -> Option<T> {
    match outcome {
        Ok(read) => Some(read),
        Err(error) => {
            let told = error.to_string();
            assert!(told.contains(&path.display().to_string()), "no path in: {told}");
            None
        }
    }
}

/// A safetensors file of a head (JSON) and data, the length before it made right: the head is what comes before the
/// first line break.
pub fn sealed(bytes: &[u8]) -> Option<Vec<u8>> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (head, data) = (&bytes[..end], &bytes[end + 1..]);
    Some([&(head.len() as u64).to_le_bytes(), head, data].concat())
}
