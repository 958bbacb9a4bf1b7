//! Descriptions of networks: those that can exist are counted and written down again. Nothing is computed.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use litecnn_fuzz::told;
use litecnn_zoo::{Count, Network};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let path = Path::new("my.toml");
    let Some(network) = told(path, Network::parse(text, path)) else { return };
    let again = Network::parse(&network.to_toml(), path).expect("it was just written");
    assert_eq!(again, network);
    if let Ok(graph) = network.graph() {
        let count = Count::of(&graph);
        assert!(count.parameters >= 0 && count.flops.total() >= 0, "{count:?}");
    }
});
