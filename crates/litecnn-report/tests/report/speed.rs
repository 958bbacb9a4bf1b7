//! The page of speed and its figures, from rows made by hand.

use litecnn_report::speed::{
    Bench, Copying, CriterionRow, ExportForm, Growth, Limit, Machine, Metric, ModelSize, OURS, RUNTIME, Ratio, Row,
    write_report,
};
use std::path::Path;

fn machine() -> Machine {
    Machine {
        cpu: "Example CPU @ 2.00 GHz".into(),
        cores: 2,
        memory_bytes: Some(24 << 30),
        os: "linux x86_64".into(),
        libtorch: "2.13.0".into(),
        device: "cpu".into(),
        tf32: None,
        litecnn: "0.1.0".into(),
        commit: "0123abcd".into(),
        date: "2025-01-31T12:00:00Z".into(),
    }
}

fn row(model: &str, metric: Metric, batch: u64, threads: usize, mean: f64) -> Row {
    Row {
        program: OURS.into(),
        version: "0.1.0".into(),
        model: model.into(),
        batch,
        threads,
        device: "cpu".into(),
        metric,
        unit: metric.unit(),
        copy: None,
        median: mean - 1.0,
        p95: mean + 10.0,
        p99: mean + 20.0,
        mean,
        std: 12.0,
        min: mean - 2.0,
        repetitions: 100,
        warmup: 10,
        first_call: 9.0 * mean,
    }
}

/// On a CPU: one model with one and two threads up to 16 images, and something of everything else.
fn cpu() -> Bench {
    let mut bench = Bench::new(machine());
    bench.models.push(ModelSize {
        model: "mnist".into(),
        parameters: 14_862,
        bytes_in_memory: 59_448,
        bytes_of_file: 62_000,
    });
    for threads in [1, 2] {
        bench.rows.push(row("mnist", Metric::Latency, 1, threads, 180.0 / threads as f64));
        for n in 0..5 {
            bench.rows.push(row("mnist", Metric::Throughput, 1 << n, threads, 4321.0 * (n + 1) as f64));
        }
    }
    // Of another program: in no table of ours.
    bench.rows.push(Row {
        program: "onnxruntime".into(),
        version: "1.2.3".into(),
        ..row("mnist", Metric::Latency, 1, 1, 77_777.0)
    });
    let limit = Limit {
        model: "mnist".into(),
        device: "cpu".into(),
        threads: 2,
        batch: 32_768,
        reason: "DefaultCPUAllocator: can't allocate memory".into(),
    };
    bench.limits.push(limit);
    for (ours, ours_us, ratio) in [(OURS, 180.0, 4.0), (RUNTIME, 9.0, 0.2)] {
        bench.ratios.push(Ratio {
            ours: ours.into(),
            program: "onnxruntime".into(),
            model: "mnist".into(),
            batch: 1,
            threads: 1,
            ours_us,
            theirs_us: 45.0,
            ratio,
        });
    }
    for (threads, us) in [(1, 1024.0), (2, 569.0)] {
        bench.rows.push(Row { program: RUNTIME.into(), ..row("mnist", Metric::Latency, 128, threads, us + 1.0) });
    }
    bench.forms.push(ExportForm {
        form: RUNTIME.into(),
        model: "mnist".into(),
        seed: 2,
        bytes: 59_712,
        us: Some(9.26),
        images: 10_000,
        right: Some(9_893),
        other_answers: Some(0),
        largest_logit_difference: None,
    });
    for (value, side, us, macs) in [("28", 28, 100.0, 567_280), ("56", 56, 450.0, 2_832_480)] {
        bench.growth.push(Growth {
            step: "stage-1".into(),
            axis: "side".into(),
            value: value.into(),
            images: 5000,
            side,
            batch: 32,
            seconds_per_epoch: us * 0.005,
            us_per_image: us,
            threads: 2,
            multiply_adds_per_image: macs,
        });
    }
    bench.criterion.push(CriterionRow {
        bench: "training/stage-1/mnist".into(),
        median_ns: 123_456_789.0,
        mean_ns: 124e6,
        std_ns: 1.5e6,
    });
    bench
}

fn written(bench: &Bench) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    write_report(bench, dir.path()).unwrap();
    let page = std::fs::read_to_string(dir.path().join("BENCH.md")).unwrap();
    (dir, page)
}

/// The line of a table that begins with a cell.
fn line<'a>(page: &'a str, first: &str) -> &'a str {
    let start = format!("| {first} |");
    page.lines().find(|l| l.starts_with(&start)).unwrap_or_else(|| panic!("no {first} in\n{page}"))
}

#[test]
fn figures_are_those_of_the_rows_beside_the_papers() {
    let (_dir, page) = written(&cpu());
    assert_eq!(
        line(&page, "MNIST, CPU, 1 thread"),
        "| MNIST, CPU, 1 thread | 13.22 ± 1.15 | 0.180 ± 0.012 | 0.179 | 0.190 | 0.200 | 0.178 | 1.620 |"
    );
    assert!(line(&page, "MNIST, CPU, 2 threads").contains("| 0.090 ± 0.012 |"));
    assert_eq!(line(&page, "MNIST"), "| MNIST | 14,862 | 14,862 | 58.05 | 58.05 | 0.17 | 0.059 |");
    assert_eq!(line(&page, "16"), "| 16 | 21,605 ± 12 | 21,605 ± 12 |");
    assert!(line(&page, "MNIST, cpu, 2 threads").contains("32,768 | DefaultCPUAllocator: can't allocate memory"));
    assert!(page.contains("| MNIST | 1 | 1 | litecnn-libtorch | 180.0 |  |  |"), "{page}");
    assert!(page.contains("| MNIST | 1 | 1 | litecnn | 9.0 |  |  |"), "{page}");
    assert!(page.contains("| MNIST | 1 | 1 | onnxruntime 1.2.3 | 45.0 | 4.00 | 0.20 |"), "{page}");
    assert!(page.contains("| MNIST | f32 | 128 | 1 | 1,024 | 1,045 | 8.00 | 125,000 | – |"), "{page}");
    assert!(page.contains("| MNIST | f32 | 128 | 2 | 569.0 | 590.0 | 4.45 | 224,956 | 1.80 |"), "{page}");
    assert!(page.contains("| MNIST, seed 2 | litecnn | 59,712 | 9.3 | 98.93 % | 0 | – |"), "{page}");
    // 100 µs times the ratio of the multiply-adds.
    assert!(line(&page, "56").ends_with("| 2.25 | 2,832,480 | 499.3 | 450.0 |"), "{page}");
    assert!(line(&page, "training/stage-1/mnist").contains("123.46 ms | 124.00 ms | 1.50 ms"));
    assert!(page.contains("100 repetitions after 10 calls"));
    assert!(!page.contains("77.7") && !page.contains("77,7"), "another program's latency stands in no table of ours");
}

#[test]
fn what_was_not_measured_is_not_made_up() {
    let (dir, page) = written(&cpu());
    assert_eq!(line(&page, "MNIST, GPU"), "| MNIST, GPU | 11.22 ± 0.20 | not measured here | – | – | – | – | – |");
    assert!(line(&page, "CIFAR-10, CPU").starts_with("| CIFAR-10, CPU | 13.65 ± 0.58 | not measured here |"));
    assert!(line(&page, "CIFAR-10").contains("not measured here"));
    assert!(page.contains("GPU: not measured here") && page.contains("A GPU was not measured here."));
    let mut figures: Vec<_> =
        std::fs::read_dir(dir.path().join("figures")).unwrap().map(|e| e.unwrap().file_name()).collect();
    figures.sort();
    assert_eq!(figures, ["growth.svg", "throughput-mnist-cpu.svg"]);

    let (dir, page) = written(&Bench::new(machine()));
    assert!(
        page.contains("Throughput was not measured here.") && page.contains("Other programs were not measured here")
    );
    assert!(!dir.path().join("figures").exists() && !page.contains("figures/"));
}

#[test]
fn a_gpu_has_rows_with_and_without_the_copy() {
    let mut bench = cpu();
    bench.machine.device = "Example GPU".into();
    bench.machine.tf32 = Some(true);
    for (copy, us) in [(Copying::Included, 250.0), (Copying::Excluded, 200.0)] {
        let on = |row| Row { device: "cuda:0".into(), copy: Some(copy), ..row };
        bench.rows.push(on(row("mnist", Metric::Latency, 1, 1, us)));
        bench.rows.push(on(row("mnist", Metric::Throughput, 1, 1, us * 20.0)));
        bench.rows.push(on(row("mnist", Metric::Throughput, 2, 1, us * 40.0)));
    }
    let (dir, page) = written(&bench);
    assert!(line(&page, "MNIST, GPU, copy included").contains("| 11.22 ± 0.20 | 0.250 ± 0.012 |"));
    assert!(line(&page, "MNIST, GPU, images on the device").contains("| 0.200 ± 0.012 |"));
    assert!(page.contains("GPU: Example GPU, convolutions with TF32") && !page.contains("A GPU was not"));
    assert!(line(&page, "Fashion-MNIST, GPU").contains("not measured here"), "the other models were not");
    assert!(page.contains("| 2 | 8,000 ± 12 | 10,000 ± 12 |"), "{page}");
    assert!(dir.path().join("figures/throughput-mnist-cuda-0.svg").is_file());
}

#[test]
fn figures_have_titles_units_legends_and_every_tick() {
    let mut bench = cpu();
    bench.rows.iter_mut().for_each(|r| r.std *= 100.0);
    let (dir, _) = written(&bench);
    let svg = std::fs::read_to_string(dir.path().join("figures/throughput-mnist-cpu.svg")).unwrap();
    let texts = texts(&svg);
    for word in [
        "MNIST: throughput on the CPU",
        "Example CPU @ 2.00 GHz",
        "images per second",
        "batch size (images)",
        "1 thread",
        "2 threads",
        "± standard deviation",
        "1",
        "2",
        "4",
        "8",
        "16",
        "20,000",
    ] {
        assert!(texts.iter().any(|t| t == word), "{word}: {texts:?}");
    }
    // Ten points and two entries of the legend, half of them rings, which are two discs; a red bar with two ends at
    // each point, and in the legend.
    let (_, drawn) = svg.split_once("</style>").unwrap();
    assert_eq!(drawn.matches("<circle").count(), 6 + 2 * 6, "{svg}");
    assert_eq!(drawn.matches("stroke=\"#D1242F\"").count(), 3 * (10 + 1), "{svg}");
    let growth = std::fs::read_to_string(dir.path().join("figures/growth.svg")).unwrap();
    let texts = self::texts(&growth);
    for word in ["side of an image (pixels)", "µs an image", "stage one", "if linear in multiply-adds", "56"] {
        assert!(texts.iter().any(|t| t == word), "{word}: {texts:?}");
    }
}

/// What the `<text>` elements of a figure say.
fn texts(svg: &str) -> Vec<String> {
    let pieces = svg.split("<text").skip(1);
    pieces.filter_map(|p| Some(p.split_once('>')?.1.split_once("</text>")?.0.trim().to_owned())).collect()
}

#[test]
fn a_file_is_read_as_it_was_written_and_bad_ones_say_why() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bench.json");
    let bench = cpu();
    bench.write(&path).unwrap();
    assert_eq!(Bench::read(&path).unwrap(), bench);
    let text = std::fs::read_to_string(&path).unwrap();
    let message = |path: &Path| Bench::read(path).unwrap_err().to_string();
    for (from, to, words) in [
        ("litecnn-bench/1", "litecnn-bench/2", "its format is `litecnn-bench/2`, this version reads `litecnn-bench/1`"),
        ("\"cores\"", "\"kernels\"", "unknown field `kernels`"),
        ("\"images/s\"", "\"us\"", "unit that is not of its metric"),
        ("\"std\": 12.0", "\"std\": -1.0", "holds -1, which is no time"),
        ("\"batch\": 1,", "\"batch\": 0,", "no images"),
        ("\"ratio\": 4.0", "\"ratio\": 0.0", "ratio to onnxruntime"),
        ("{\n", "", "it is damaged: "),
    ] {
        assert!(text.contains(from), "{from}");
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let told = message(&path);
        assert!(told.contains("bench.json") && told.contains(words), "{to}: {told}");
        assert!(told.contains("measure again with `cargo xtask bench`"), "{told}");
    }
    assert!(message(&dir.path().join("absent.json")).contains("absent.json"));
    let mut bad = cpu();
    bad.rows[0].mean = f64::NAN;
    assert!(bad.write(&path).unwrap_err().to_string().contains("row 1 holds NaN"));
}
