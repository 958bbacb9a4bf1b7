//! Tells the linker where libtorch is (see `../link-libtorch.rs`), and the program its own versions.

#![forbid(unsafe_code)]

include!("../link-libtorch.rs");
include!("../versions.rs");

fn main() {
    tell_versions(link_libtorch().as_deref());
}
