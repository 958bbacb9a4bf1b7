use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use litecnn_export::{TrainedModel, litecnn, rust};
use litecnn_runtime::{AlignedBytes, Level, Model};

use crate::models;
use crate::tools::{self, floats};

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rust");
const RUNTIME: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../litecnn-runtime");
const IMAGES: usize = 5;

fn source(model: &TrainedModel, name: &str) -> String {
    rust(model, &litecnn(model).unwrap(), name).unwrap().source
}

/// A `no_std` library of all kinds of models, warnings denied, and a program that asks them.
#[test]
fn compiled_constants_give_the_same_answers() {
    if !tools::runs("cargo", &["--version"]) {
        println!("skipped: no cargo");
        return;
    }
    let models = models::all();
    let folder = tempfile::tempdir().unwrap();
    write(&models, folder.path());
    if tools::runs("rustfmt", &["--version"]) {
        tools::run(Command::new("rustfmt").args(["--check", "src/lib.rs"]).current_dir(&folder), b"");
    } else {
        println!("no rustfmt to ask about the files' form");
    }
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--offline", "--quiet", "--target-dir", "target"]).current_dir(&folder);
    // Flags, folders and wrappers of the build that runs this test are none of its business.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO") && name != "CARGO_HOME" || name == "RUSTFLAGS") {
            cargo.env_remove(name);
        }
    }
    tools::run(&mut cargo, b"");

    let images: Vec<Vec<Vec<u8>>> = models.iter().map(|(_, model)| models::images(model, IMAGES)).collect();
    let mut program = Command::new(folder.path().join("target/debug/firmware"));
    let output = tools::run(program.arg(IMAGES.to_string()), &images.concat().concat());
    let mut lines = output.lines();
    for ((name, model), images) in models.iter().zip(&images) {
        let level = lines.next().unwrap();
        let level = Level::available().find(|known| known.name() == level).unwrap();
        let file = AlignedBytes::new(&litecnn(model).unwrap());
        let model = Model::from_bytes(&file).unwrap().with_level(level);
        let mut scratch = vec![0.0; model.scratch_len()];
        for image in images {
            let mut expected = vec![0.0; model.classes()];
            model.logits(image, &mut scratch, &mut expected).unwrap();
            let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&floats(lines.next().unwrap())), bits(&expected), "{name}");
        }
    }
    assert_eq!(lines.next(), None);
}

/// A package: the library with a module for each model and a table of them, and the program.
fn write(models: &[(&str, TrainedModel)], folder: &Path) {
    let mut lib = std::fs::read_to_string(format!("{SOURCES}/library.rs")).unwrap();
    let mut table = format!("\n/// All of them.\npub static TABLE: [Entry; {}] = [\n", models.len());
    std::fs::create_dir(folder.join("src")).unwrap();
    for (i, (name, model)) in models.iter().enumerate() {
        std::fs::write(folder.join(format!("src/m{i}.rs")), source(model, &format!("m{i}"))).unwrap();
        write!(lib, "\n/// {name}.\npub mod m{i};\n").unwrap();
        writeln!(table, "    Entry {{\n        model: m{i}::model,\n        class_names: &m{i}::CLASS_NAMES,").unwrap();
        writeln!(table, "        lengths: [m{i}::PIXELS, m{i}::SCRATCH_LEN, m{i}::CLASSES],\n    }},").unwrap();
    }
    let manifest = format!(
        "[package]\nname = \"firmware\"\nedition = \"2024\"\n\n[dependencies]\n\
         litecnn-runtime = {{ path = {RUNTIME:?}, default-features = false }}\n\n[workspace]\n"
    );
    std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    std::fs::write(folder.join("src/lib.rs"), lib + &table + "];\n").unwrap();
    std::fs::copy(format!("{SOURCES}/program.rs"), folder.join("src/main.rs")).unwrap();
}

#[test]
fn equal_models_give_equal_text_that_tells_its_origin() {
    for (name, model) in models::all() {
        assert_eq!(source(&model, "Model!"), source(&model.clone(), "model"), "{name}");
    }
    let (_, model) = models::all().remove(4);
    let file = litecnn(&model).unwrap();
    let made = rust(&model, &file, "MNIST (final)").unwrap();
    assert_eq!(made.name, "mnist_final");
    let lines = [
        "//! | trained on | mnist, step final |",
        &format!("//! | recipe | `{}` |", model.recipe()),
        "pub const ARCHITECTURE: Architecture = match Architecture::unified(1, 28, 28, &[10, 20], 10, 32, false) {",
        &format!("struct Aligned([u8; {}]);", file.len()),
    ];
    for line in lines {
        assert!(made.source.lines().any(|found| found == line), "{line}");
    }
}

#[test]
fn what_the_runtime_does_not_read_is_refused() {
    let (_, model) = models::all().remove(0);
    let mut file = litecnn(&model).unwrap();
    file.pop();
    assert!(rust(&model, &file, "x").unwrap_err().to_string().contains("cut off"));
}
