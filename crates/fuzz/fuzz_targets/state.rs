//! State files: a step of one epoch goes on from them, or starts again, or says why it cannot.

#![no_main]

use libfuzzer_sys::fuzz_target;
use litecnn_fuzz::sealed;

fuzz_target!(|bytes: &[u8]| {
    litecnn_fuzz::state::resume(bytes);
    if let Some(bytes) = sealed(bytes) {
        litecnn_fuzz::state::resume(&bytes);
    }
});
