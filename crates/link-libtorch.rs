// Shared by the build scripts of every crate here that links libtorch.
//
// Cargo applies `rustc-link-arg` only to the package whose build script prints it (its binaries, tests, benches,
// examples and doc tests), so each such crate has a `build.rs` that includes this file.

use std::path::Path;

/// What the linker must be told so that programs find libtorch in `lib` without `LD_LIBRARY_PATH`, and load the
/// CUDA part if there is one: nothing refers to it by name, so a linker that drops unused libraries would drop it.
fn link_args(lib: &Path) -> Vec<String> {
    let mut args = vec![format!("-Wl,-rpath,{}", lib.display())];
    if cfg!(target_os = "linux") {
        args.extend([format!("-L{}", lib.display()), "-Wl,--no-as-needed".into(), "-ltorch".into()]);
        if lib.join("libtorch_cuda.so").exists() {
            args.push("-ltorch_cuda".into());
        }
        args.push("-Wl,--as-needed".into());
    }
    args
}

/// Tells cargo the arguments of [`link_args`] for the package being built, and returns the folder they point to.
#[allow(dead_code, reason = "build scripts call it; the test of the arguments does not")]
fn link_libtorch() -> Option<std::path::PathBuf> {
    println!("cargo::rerun-if-changed=../link-libtorch.rs");
    // Set by torch-sys, which found libtorch.
    let lib = std::path::PathBuf::from(std::env::var_os("DEP_TCH_LIBTORCH_LIB")?);
    for arg in link_args(&lib) {
        println!("cargo::rustc-link-arg={arg}");
    }
    Some(lib)
}
