//! IDX files, as the format of MNIST has them.

#![no_main]

use litecnn_fuzz as _; // its limit on memory

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| litecnn_data::fuzzing::idx(bytes));
