//! Tells the linker where libtorch is (see `../link-libtorch.rs`), and the program its own versions.

use std::process::Command;

include!("../link-libtorch.rs");

fn main() {
    if let Some(lib) = link_libtorch() {
        let version = lib.parent().and_then(|root| std::fs::read_to_string(root.join("build-version")).ok());
        println!("cargo::rustc-env=LITECNN_LIBTORCH={}", version.as_deref().map_or("unknown", str::trim));
    }
    // The commit, where the source is a git checkout; it moves when the log of HEAD does.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]).filter(|log| Path::new(log).exists()) {
        println!("cargo::rerun-if-changed={log}");
    }
    let commit = git(&["rev-parse", "--short=12", "HEAD"]);
    println!("cargo::rustc-env=LITECNN_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
}

/// What git answers, if there is a git and it does.
fn git(words: &[&str]) -> Option<String> {
    let output = Command::new("git").args(words).output().ok().filter(|o| o.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
