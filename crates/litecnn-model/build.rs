//! Tells the linker where libtorch is; see `../link-libtorch.rs`.

#![forbid(unsafe_code)]

include!("../link-libtorch.rs");

fn main() {
    link_libtorch();
}
