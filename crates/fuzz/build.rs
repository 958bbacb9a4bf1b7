//! Tells the linker where libtorch is, for the targets that need it; see `../link-libtorch.rs`.

#![forbid(unsafe_code)]

include!("../link-libtorch.rs");

fn main() {
    link_libtorch();
}
