//! Tells the linker where libtorch is (see `../link-libtorch.rs`), and the program its own versions.

#![forbid(unsafe_code)]

include!("../link-libtorch.rs");
include!("../versions.rs");

fn main() {
    let lib = link_libtorch();
    tell_versions(lib.as_deref());
    // For build scripts of programs that depend on this crate: `DEP_LITECNN_LIBTORCH_LIB`.
    if let Some(lib) = lib {
        println!("cargo::metadata=LIBTORCH_LIB={}", lib.display());
    }
}
