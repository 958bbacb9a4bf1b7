//! Tells the linker where libtorch is; see `../link-libtorch.rs`.

include!("../link-libtorch.rs");

fn main() {
    link_libtorch();
}
