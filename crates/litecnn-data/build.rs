//! Tells the linker where libtorch is; see `../link-libtorch.rs`.

include!("../link-libtorch.rs");

fn main() {
    println!("cargo::rerun-if-changed=../link-libtorch.rs");
    // Set by torch-sys, which found libtorch.
    if let Some(lib) = std::env::var_os("DEP_TCH_LIBTORCH_LIB") {
        for arg in link_args(Path::new(&lib)) {
            println!("cargo::rustc-link-arg={arg}");
        }
    }
}
