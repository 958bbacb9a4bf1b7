//! Files of figures, each read by what belongs to its first byte: `metrics.json`, `summary.json`, `bench.json`,
//! `comparison.json`. What is accepted can be told.

#![no_main]

use libfuzzer_sys::fuzz_target;
use litecnn_fuzz::read;
use litecnn_report::contenders::{Contenders, write_comparison};
use litecnn_report::speed::{Bench, write_report};
use litecnn_report::{Metrics, Summary};

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match kind {
        b'm' => {
            if let Some(read) = read("metrics.json", bytes, Metrics::read) {
                let test = &read.splits.test;
                assert!((0.0..=1.0).contains(&test.accuracy));
                test.report.to_text(&read.subject.classes, 2);
            }
        }
        b's' => {
            read("summary.json", bytes, Summary::read);
        }
        b'b' => {
            if let Some(bench) = read("bench.json", bytes, Bench::read) {
                let folder = tempfile::tempdir().expect("a temporary folder");
                // What cannot be drawn is an error; it must not be a panic.
                let _ = write_report(&bench, folder.path());
            }
        }
        b'c' => {
            if let Some(contenders) = read("comparison.json", bytes, Contenders::read) {
                let folder = tempfile::tempdir().expect("a temporary folder");
                let _ = write_comparison(&contenders, folder.path());
            }
        }
        _ => {}
    }
});
