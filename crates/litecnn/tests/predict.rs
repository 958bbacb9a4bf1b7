//! The part of the tool that needs no libtorch: a trained model exported, and pictures shown to it.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../litecnn-export/tests/fixtures");

fn litecnn(arguments: &[&str], folder: &Path, input: Option<&Path>) -> Output {
    let stdin = input.map_or_else(Stdio::null, |path| std::fs::File::open(path).unwrap().into());
    let mut command = Command::new(env!("CARGO_BIN_EXE_litecnn"));
    command.args(arguments).current_dir(folder).stdin(stdin).output().unwrap()
}

fn good(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A folder with `mnist.litecnn` and `digits/0.png` and so on; what the trainer made of these pictures.
fn prepared() -> (tempfile::TempDir, Vec<(String, Vec<f64>)>) {
    let dir = tempfile::tempdir().unwrap();
    let weights = format!("{FIXTURES}/mnist-final.safetensors");
    good(litecnn(&["export", &weights, "--to", "litecnn", "--quiet"], dir.path(), None));
    let digits = dir.path().join("digits");
    std::fs::create_dir(&digits).unwrap();
    for (i, pixels) in std::fs::read(format!("{FIXTURES}/mnist-test.u8")).unwrap().chunks_exact(784).enumerate() {
        let path = digits.join(format!("{i}.png"));
        image::GrayImage::from_raw(28, 28, pixels.to_vec()).unwrap().save(path).unwrap();
    }
    let table = std::fs::read_to_string(format!("{FIXTURES}/mnist-test.csv")).unwrap();
    let rows = table.lines().skip(1).map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        (cells[2].to_owned(), cells[3..].iter().map(|cell| cell.parse().unwrap()).collect())
    });
    (dir, rows.collect())
}

fn check(line: &Value, path: &Path, (class, probabilities): &(String, Vec<f64>)) {
    assert_eq!(line["path"], path.to_str().unwrap());
    assert_eq!((&line["class"], &line["top"][0]["class"]), (&Value::from(class.as_str()), &line["class"]));
    assert_eq!((line["top"].as_array().unwrap().len(), probabilities.len()), (3, 10));
    for (digit, expected) in probabilities.iter().enumerate() {
        let found = line["probabilities"][digit.to_string()].as_f64().unwrap();
        assert!((found - expected).abs() < 1e-5, "{found} for {expected}");
    }
}

#[test]
fn folders_files_and_standard_input_get_the_answers_of_the_trainer() {
    let (dir, expected) = prepared();
    let predict = |arguments: &[&str], input: Option<&Path>| {
        let told = good(litecnn(&[&["predict", "mnist.litecnn"], arguments].concat(), dir.path(), input));
        told.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let lines = predict(&["digits", "--json", "--top", "3"], None);
    assert_eq!(lines.len(), expected.len());
    for (i, (line, expected)) in lines.iter().zip(&expected).enumerate() {
        check(&serde_json::from_str(line).unwrap(), &PathBuf::from(format!("digits/{i}.png")), expected);
    }
    let line = predict(&["-", "--json", "--top=3"], Some(&dir.path().join("digits/4.png")));
    check(&serde_json::from_str(&line[0]).unwrap(), Path::new("-"), &expected[4]);
    let words = predict(&["digits/4.png", "digits/0.png"], None);
    assert!(words[0].starts_with(&format!("digits/4.png: {} ", expected[4].0)), "{words:?}");
    assert!(words[1].starts_with(&format!("digits/0.png: {} ", expected[0].0)), "{words:?}");
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_answered() {
    let (dir, _) = prepared();
    std::fs::write(dir.path().join("digits/1.png"), "no picture").unwrap();
    let output = litecnn(&["predict", "mnist.litecnn", "digits", "absent.png", "--json"], dir.path(), None);
    assert_eq!(output.status.code(), Some(1));
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 9);
    let faults: Vec<_> = lines.iter().filter(|line| line.get("class").is_none()).map(|line| &line["path"]).collect();
    assert_eq!(faults, ["digits/1.png", "absent.png"]);
    assert!(lines[1]["error"].as_str().unwrap().contains("neither PNG"), "{}", lines[1]);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.ends_with("error: 2 of 9 pictures could not be read\n"), "{errors}");

    std::fs::create_dir(dir.path().join("empty")).unwrap();
    let output = litecnn(&["predict", "mnist.litecnn", "empty"], dir.path(), None);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("no pictures in empty"));
}

#[test]
fn a_rust_module_is_exported_under_the_name_asked_for() {
    let (dir, _) = prepared();
    let weights = format!("{FIXTURES}/mnist-final.safetensors");
    let told = good(litecnn(&["export", &weights, "--to", "rust", "--name", "My Digits"], dir.path(), None));
    assert!(told.starts_with("wrote my_digits.rs ("), "{told}");
    let source = std::fs::read_to_string(dir.path().join("my_digits.rs")).unwrap();
    assert!(source.contains("mod my_digits;") && source.contains("Architecture::unified(1, 28, 28,"));
}

/// Programs that a package and its normal dependencies are built of.
fn packages(arguments: &[&str]) -> Vec<String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--offline", "--package", "litecnn", "--edges", "normal,build", "--prefix", "none"]);
    cargo.args(["--format", "{p}"]).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    let told = good(cargo.output().unwrap());
    told.lines().filter_map(|line| Some(line.split_whitespace().next()?.to_owned())).collect()
}

#[test]
fn without_training_nothing_of_libtorch_is_built_in() {
    let foreign = |packages: &[String]| packages.iter().filter(|name| ["tch", "torch-sys"].contains(&&***name)).count();
    let (with, without) = (packages(&[]), packages(&["--no-default-features"]));
    assert!(foreign(&with) > 0 && with.len() > without.len());
    assert!(foreign(&without) == 0 && without.contains(&"litecnn-runtime".to_owned()), "{without:?}");
}

/// Where this test is itself built without.
#[cfg(all(not(feature = "training"), target_os = "linux"))]
#[test]
fn without_training_the_program_needs_no_library_but_the_systems() {
    use object::read::elf::{Dyn, FileHeader};
    let data = std::fs::read(env!("CARGO_BIN_EXE_litecnn")).unwrap();
    let data = data.as_slice();
    let header = object::elf::FileHeader64::<object::Endianness>::parse(data).unwrap();
    let endian = header.endian().unwrap();
    let sections = header.sections(endian, data).unwrap();
    let (entries, index) = sections.dynamic(endian, data).unwrap().unwrap();
    let strings = sections.strings(endian, data, index).unwrap();
    let needed = entries.iter().filter(|entry| entry.tag(endian) == object::elf::DT_NEEDED);
    let libraries: Vec<String> =
        needed.map(|entry| String::from_utf8_lossy(entry.string(endian, strings).unwrap()).into_owned()).collect();
    assert!(
        libraries.iter().any(|name| name.starts_with("libc.")) && !libraries.iter().any(|name| name.contains("torch")),
        "{libraries:?}"
    );
}
