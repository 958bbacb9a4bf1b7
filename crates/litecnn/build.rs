//! Tells the linker where libtorch is (see `../link-libtorch.rs`), and the program its own versions.

use std::process::Command;

include!("../link-libtorch.rs");

fn main() {
    println!("cargo::rerun-if-changed=../link-libtorch.rs");
    // Set by torch-sys, which found libtorch.
    if let Some(lib) = std::env::var_os("DEP_TCH_LIBTORCH_LIB") {
        let lib = Path::new(&lib);
        for arg in link_args(lib) {
            println!("cargo::rustc-link-arg={arg}");
        }
        let version = lib.parent().and_then(|root| std::fs::read_to_string(root.join("build-version")).ok());
        println!("cargo::rustc-env=LITECNN_LIBTORCH={}", version.as_deref().map_or("unknown", str::trim));
    }
    // The commit, where the source is a git checkout; it moves when the log of HEAD does.
    let log = Path::new("../../.git/logs/HEAD");
    if log.exists() {
        println!("cargo::rerun-if-changed={}", log.display());
    }
    let commit = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output();
    let commit = commit.ok().filter(|o| o.status.success()).and_then(|o| String::from_utf8(o.stdout).ok());
    println!("cargo::rustc-env=LITECNN_COMMIT={}", commit.as_deref().map_or("unknown", str::trim));
}
