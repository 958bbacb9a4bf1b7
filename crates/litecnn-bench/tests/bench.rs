//! The program as its users meet it: small measurements, memory that ends, files that do not fit.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::{Command, Output};

use litecnn_report::speed::{Bench, Metric};

/// The program with its arguments, parted by blanks, in a folder of its own.
fn bench(words: &str, folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_litecnn-bench"));
    command.args(words.split_whitespace()).current_dir(folder);
    command
}

/// Runs to a good end.
fn good(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Runs to a bad end: its exit status and what it said.
fn bad(command: &mut Command) -> (i32, String) {
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && !stderr.contains("panicked"), "{command:?}\n{stderr}");
    (output.status.code().unwrap_or(-1), stderr)
}

#[test]
fn all_of_it_into_one_file_and_the_page_of_that() {
    let dir = tempfile::tempdir().unwrap();
    let words = "all --device cpu --threads 1 --repetitions 3 --warmup 1 --max-batch 4 --out deep/bench.json";
    let output = good(&mut bench(words, dir.path()));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("mnist cpu, threads 1, batch 4: "), "{told}");
    let file = dir.path().join("deep/bench.json");
    let measured = Bench::read(&file).unwrap();
    let sizes: Vec<(&str, u64)> = measured.models.iter().map(|m| (m.model.as_str(), m.parameters)).collect();
    assert_eq!(sizes, [("mnist", 14_862), ("fashion-mnist", 14_862), ("cifar10", 19_622)]);
    let count = |metric: Metric| measured.rows.iter().filter(|r| r.metric == metric).count();
    // Of latencies three are libtorch's, and each model exported has two kinds of weights and four batch sizes.
    assert_eq!((count(Metric::Latency), count(Metric::Throughput)), (3 + 24, 9));
    assert!(measured.rows.iter().all(|r| r.device == "cpu" && r.copy.is_none() && r.repetitions >= 3));

    // Measured again, rows take the place of older ones; what else there is stays.
    good(&mut bench("latency --models mnist --device cpu --threads 1 --quick --out deep/bench.json", dir.path()));
    let again = Bench::read(&file).unwrap();
    assert_eq!((again.rows.len(), &again.models), (36, &measured.models));
    assert_eq!(again.rows.iter().filter(|r| r.repetitions == 10).count(), 1);

    good(&mut bench("report deep/bench.json", dir.path()));
    let page = std::fs::read_to_string(dir.path().join("deep/BENCH.md")).unwrap();
    assert!(page.contains("| MNIST, GPU | 11.22 ± 0.20 | not measured here |"), "{page}");
    assert!(dir.path().join("deep/figures/throughput-cifar10-cpu.svg").is_file());
    let left: Vec<_> = std::fs::read_dir(dir.path().join("deep")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "nothing half-written is left: {left:?}");
}

/// Memory is made to end: the process gets so much address space and no more.
#[test]
#[cfg(target_os = "linux")]
fn a_sweep_ends_where_memory_does_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let line = "sweep --device cpu --models mnist --threads 1 --repetitions 1 --warmup 1";
    // What the process needs before it has many images differs from build to build of libtorch.
    let peak = dir.path().join("peak");
    let mut first = Command::new("sh");
    first.args(["-c", "\"$0\" \"$@\" & while grep VmPeak /proc/$!/status >> peak; do sleep 0.02; done; wait"]);
    first.arg(env!("CARGO_BIN_EXE_litecnn-bench")).args(line.split_whitespace()).args(["--max-batch", "64"]);
    good(first.current_dir(dir.path()));
    let seen = std::fs::read_to_string(peak).unwrap();
    let kilobytes = seen.lines().filter_map(|l| l.split_whitespace().nth(1)?.parse::<u64>().ok()).max().unwrap();

    let limit = format!("ulimit -v {}; exec \"$0\" \"$@\"", kilobytes + 100_000);
    let mut command = Command::new("sh");
    command.args(["-c", &limit, env!("CARGO_BIN_EXE_litecnn-bench")]).args(line.split_whitespace());
    command.args(["--max-batch", "1048576", "--out", "bench.json"]).current_dir(dir.path());
    let output = good(&mut command);
    let measured = Bench::read(&dir.path().join("bench.json")).unwrap();
    let [limit] = measured.limits.as_slice() else { panic!("{:?}", measured.limits) };
    assert_eq!((limit.model.as_str(), limit.device.as_str(), limit.threads), ("mnist", "cpu", 1));
    assert!(limit.reason.contains("can't allocate memory") && !limit.reason.contains("frame"), "{}", limit.reason);
    assert!(limit.batch.is_power_of_two() && limit.batch > 64, "{}", limit.batch);
    let batches: Vec<u64> = measured.rows.iter().map(|r| r.batch).collect();
    let before: Vec<u64> = (0..limit.batch.ilog2()).map(|n| 1 << n).collect();
    assert_eq!(batches, before, "every size before has its row");
    assert!(String::from_utf8_lossy(&output.stdout).contains(&format!("memory ended at batch {}", limit.batch)));
}

#[test]
fn growth_is_told_with_the_images_really_used() {
    let dir = tempfile::tempdir().unwrap();
    good(&mut bench("growth --quick --axes filters --threads 1 --out bench.json -q", dir.path()));
    let measured = Bench::read(&dir.path().join("bench.json")).unwrap();
    assert_eq!(measured.growth.len(), 2 * 3);
    let row = measured.growth.iter().find(|g| g.value == "40/80" && g.step == "stage-1").unwrap();
    assert_eq!((row.images, row.side, row.batch, row.threads), (200, 28, 32, 1));
    good(&mut bench("report", dir.path()));
    assert!(dir.path().join("figures/growth.svg").is_file());
}

#[test]
fn peers_are_timed_in_turn() {
    let dir = tempfile::tempdir().unwrap();
    // Says what it was started with, and answers 1 µs to everything.
    let script = r#"
echo "$@" >> started
echo '{"ready": ["other"]}'
while read program batch repetitions; do
  echo "{\"program\":\"$program\",\"version\":\"9\",\"model\":\"$3\",\"batch\":$batch,\"threads\":$5,\"device\":\"cpu\",\"metric\":\"latency\",\"unit\":\"us\",\"median\":1,\"p95\":1,\"p99\":1,\"mean\":1,\"std\":0,\"min\":1,\"repetitions\":$repetitions,\"warmup\":1,\"first_call\":1}"
done"#;
    std::fs::write(dir.path().join("peer.sh"), script).unwrap();
    let line = "peers --python sh --script peer.sh --models mnist,cifar10 --threads 1 --batches 1,4 --rounds 2 \
                --repetitions 3 --out bench.json";
    let output = good(&mut bench(line, dir.path()));
    assert!(String::from_utf8_lossy(&output.stdout).contains("ours / theirs"));
    let started = std::fs::read_to_string(dir.path().join("started")).unwrap();
    assert_eq!(started, "--serve --models mnist --threads 1\n--serve --models cifar10 --threads 1\n");
    let measured = Bench::read(&dir.path().join("bench.json")).unwrap();
    assert_eq!(
        (measured.rows.len(), measured.ratios.len()),
        (4, 12),
        "libtorch and the runtime's two, at each batch size"
    );
    assert!(measured.rows.iter().all(|r| r.program == "other" && r.repetitions == 6));
    assert!(measured.ratios.iter().all(|r| r.theirs_us == 1.0 && r.ratio == r.ours_us));
}

#[test]
fn what_cannot_be_is_refused_in_one_sentence() {
    let dir = tempfile::tempdir().unwrap();
    for (line, status, words) in [
        ("latency --models imagenet", 2, "possible values: mnist, fashion-mnist, cifar10"),
        ("latency --device gpu", 2, "auto, cpu, cuda, cuda:N"),
        ("latency --device cuda:99", 2, "there is no device cuda:99"),
        ("latency --threads 0", 2, "0 is not in 1..=1024"),
        ("growth --axes depth", 2, "possible values: images, filters, side, batch"),
        ("sweep --max-batch 0", 2, "not in 1.."),
        ("latency --device cpu --run absent", 1, "absent/mnist/seed-0/final.safetensors"),
        ("report absent.json", 1, "absent.json"),
        ("report bad.json", 1, "bad.json cannot be used: it is damaged: EOF"),
        ("latency --device cpu --out other.json", 2, "other.json was measured on another machine"),
        ("criterion --from absent", 1, "cannot read absent"),
        ("peers --script absent.py", 1, "absent.py is not there"),
        (
            "peers --script end.sh --python sh --models mnist --threads 1",
            1,
            "sh: ended (exit status: 3): no torch here",
        ),
    ] {
        std::fs::write(dir.path().join("bad.json"), "{\"format\":").unwrap();
        std::fs::write(dir.path().join("end.sh"), "echo no torch here >&2; exit 3").unwrap();
        let other = r#"{"format":"litecnn-bench/1","machine":{"cpu":"6502","cores":1,"memory_bytes":null,"os":"","libtorch":"","device":"cpu","tf32":null,"litecnn":"","commit":"","date":""}}"#;
        std::fs::write(dir.path().join("other.json"), other).unwrap();
        let (code, told) = bad(&mut bench(line, dir.path()));
        assert!(code == status && told.contains(words), "{line}: {code} {told}");
    }
}
