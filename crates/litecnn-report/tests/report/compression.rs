//! The report of the compression study, on made-up figures.

use std::collections::BTreeMap;
use std::path::Path;

use litecnn_report::{ReportError, is_compression, report_compression};
use litecnn_run::Measured;

fn measured(network: &str, dataset: &str, seed: u64, correct: u64) -> Measured {
    Measured {
        format: Measured::FORMAT.into(),
        network: network.into(),
        treatment: "trained".into(),
        dataset: dataset.into(),
        data: format!("digest of {dataset}"),
        seed,
        epochs: 150,
        images: 10_000,
        correct,
        batch_accuracy: correct as f64 / 1e4 + 0.0002,
        parameters: 408_035,
        non_zero: 388_587,
        bytes: 1_700_000,
        seconds: 60.0,
        settings: BTreeMap::new(),
    }
}

fn write(run: &Path, folder: &str, measured: &Measured) {
    measured.write(&run.join(folder).join("measured.json")).unwrap();
}

/// Number 11 with two seeds, pruned in rounds 1 and 4 and quantised; number 8 of VGG-19; a network of one's own.
fn run() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let ghost = |seed, correct| measured("resnet101-ghost-small", "cifar100", seed, correct);
    for (seed, correct) in [(0, 6500), (1, 6600)] {
        let at = format!("cifar100/seed-{seed}/resnet101-ghost-small");
        write(dir.path(), &at, &ghost(seed, correct));
        write(dir.path(), &format!("{at}/int8"), &ghost(seed, correct - 100));
        for (round, non_zero) in [(1, 310_870), (4, 159_166)] {
            let pruned = Measured { non_zero, ..ghost(seed, correct - 300) };
            write(dir.path(), &format!("{at}/pruned/round-{round}"), &pruned);
        }
    }
    let mut int8 = ghost(0, 6000);
    int8.settings = [("calibration", "test"), ("scales", "per-tensor")].map(|(k, v)| (k.into(), v.into())).into();
    write(dir.path(), "cifar100/seed-0/resnet101-ghost-small/pruned/round-4/int8", &int8);
    write(dir.path(), "cifar100/seed-0/resnet101-ghost-small/shrunk", &ghost(0, 5000));
    let small = Measured { parameters: 151_254, ..measured("vgg19-fire-grouped-shuffle", "cifar10", 0, 8100) };
    write(dir.path(), "cifar10/seed-0/vgg19-fire-grouped-shuffle", &small);
    write(dir.path(), "cifar10/seed-0/mine", &measured("mine", "cifar10", 0, 7000));
    dir
}

#[test]
fn ours_stands_beside_the_published() {
    let dir = run();
    assert!(is_compression(dir.path()));
    let report = report_compression(dir.path()).unwrap();
    let page = std::fs::read_to_string(dir.path().join("COMPRESSION.md")).unwrap();
    for row in [
        "## Table I: ResNet-101 on CIFAR-100",
        "| 11 ghost-small | 408,035 | 29.89 | 65.49 | 65.52 ± 0.71 | +0.03 | 65.50 ± 0.71 | 150 | 2 |",
        "| 8 fire-grouped-shuffle | 151,254 | 4.80 | 81.71 | 81.02 | -0.69 | 81.00 | 150 | 1 |",
        "### ResNet-101 11 ghost-small on CIFAR-100",
        "| 0 | 0.0 | 408,035 | 408,035 | 65.49 | 65.52 ± 0.71 | +0.03 |",
        "| 4 | 58.9 | 159,166 | 159,166 | 61.95 | 62.52 ± 0.71 | +0.57 |",
        "| ResNet-101 11 ghost-small on CIFAR-100 | 0 | 65.49 | 65.52 ± 0.71 | 64.42 | 64.52 ± 0.71 | -1.07 | -1.00 |",
        // The float accuracy of the seed that was quantised, not of both.
        "| 4 | 61.95 | 62.02 | 60.66 | 60.02 | -1.29 | -2.00 | 1,700,000 | calibration test, scales per-tensor |",
        "| mine | CIFAR-10 | trained | 408,035 |",
        "| resnet101-ghost-small | CIFAR-100 | shrunk |",
        "](figures/compression-resnet-101-cifar100.svg)",
    ] {
        assert!(page.contains(row), "{row} is not in\n{page}");
    }
    assert!(
        !page.contains("Not comparable")
            && !page.contains("where the study has")
            && !page.contains("baseline")
            && !page.contains("The previous study:")
    );
    assert_eq!(
        report.missing,
        [
            "Table I: ResNet-101 on CIFAR-100: 1 to 10 and 12 to 15 not measured",
            "Table II: VGG-19 on CIFAR-10: 1 to 7 and 9 to 13 not measured",
            "Table III, pruning of ResNet-101: nothing was measured of 1 and 13",
            "ResNet-101 11 ghost-small on CIFAR-100, pruning: rounds 2, 3 and 5 to 10 were not measured",
            "Quantisation of ResNet-101 as trained: nothing was measured of 1 and 13",
            "Quantisation of ResNet-101 after round 4 of pruning: nothing was measured of 1 and 13",
        ]
    );
    for missing in &report.missing {
        assert!(page.contains(&format!("- {missing}")), "{missing}");
    }
    let svg = std::fs::read_to_string(dir.path().join("figures/compression-resnet-101-cifar100.svg")).unwrap();
    for text in
        [">million parameters</text>", ">million FLOPs of one image</text>", "11 at 0.41: published 65.49, here 65.52"]
    {
        assert!(svg.contains(text), "{text}");
    }
    assert!(report.table.contains("4: 61.95 / 62.52") && report.table.contains("64.42 / 64.52"), "{}", report.table);
    assert_eq!(report.files.len(), 4, "{:?}", report.files);
}

#[test]
fn samples_are_called_not_comparable() {
    let dir = tempfile::tempdir().unwrap();
    let few = Measured { images: 200, correct: 40, epochs: 3, ..measured("vgg19-gap", "cifar10", 0, 0) };
    write(dir.path(), "cifar10/seed-0/vgg19-gap", &few);
    report_compression(dir.path()).unwrap();
    let page = std::fs::read_to_string(dir.path().join("COMPRESSION.md")).unwrap();
    assert!(page.contains("Not comparable: measured on 200 test images"), "{page}");
    assert!(page.contains("trained for 3 epochs, where the study has 150"), "{page}");
    assert!(page.contains("408,035 (study: 20,040,522)"), "a network that is another one shows: {page}");
    // A figure of what is no longer there goes.
    std::fs::remove_dir_all(dir.path().join("cifar10")).unwrap();
    write(dir.path(), "mnist/seed-0/mine", &measured("mine", "mnist", 0, 9000));
    report_compression(dir.path()).unwrap();
    assert!(!dir.path().join("figures/compression-vgg-19-cifar10.svg").exists());
}

#[test]
fn what_does_not_belong_is_named() {
    let at = "cifar100/seed-0/resnet101-ghost-small";
    for (folder, other, words) in [
        (at, measured("resnet101-ghost-small", "cifar10", 0, 1), "it is of cifar10 and seed 0"),
        (at, measured("resnet101-ghost-small", "cifar100", 7, 1), "it is of cifar100 and seed 7"),
        ("cifar100/seed-0/resnet101-ghost-small/int8", measured("vgg19-gap", "cifar100", 0, 1), "it is of vgg19-gap"),
        ("cifar100/seed-0/copy", measured("resnet101-ghost-small", "cifar100", 0, 1), "another folder holds"),
        (
            "cifar100/seed-1/other",
            Measured { data: "x".into(), ..measured("other", "cifar100", 1, 1) },
            "measured on other images",
        ),
    ] {
        let dir = run();
        write(dir.path(), folder, &other);
        let error = report_compression(dir.path()).unwrap_err();
        assert!(matches!(error, ReportError::Inconsistent { .. }) && error.to_string().contains(words), "{error}");
        assert!(!dir.path().join("COMPRESSION.md").exists());
    }
    let dir = tempfile::tempdir().unwrap();
    assert!(!is_compression(dir.path()));
    assert!(matches!(report_compression(dir.path()).unwrap_err(), ReportError::NothingToReport { .. }));
    let dir = run();
    std::fs::write(dir.path().join("run.toml"), "").unwrap();
    assert!(!is_compression(dir.path()), "a run of the dual model");
}
