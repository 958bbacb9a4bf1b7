use std::path::Path;
use std::process::Command;

use litecnn_export::{TrainedModel, c};

use crate::models::{self, deviation, largest, softmax};
use crate::tools::{self, floats};

const FLAGS: [&str; 9] =
    ["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion", "-Wshadow", "-Wdouble-promotion"];

/// Every compiler there is here; says so if there is none.
fn compilers() -> Vec<&'static str> {
    let present: Vec<_> = ["cc", "clang"].into_iter().filter(|cc| tools::runs(cc, &["--version"])).collect();
    if present.is_empty() {
        println!("skipped: no C compiler, neither cc nor clang");
    }
    present
}

fn write(model: &TrainedModel, folder: &Path) {
    let code = c(model, "Model!");
    assert_eq!(code.name, "model");
    std::fs::write(folder.join("model.h"), code.header).unwrap();
    std::fs::write(folder.join("model.c"), code.source).unwrap();
}

#[test]
fn compiled_code_gives_the_same_answers() {
    let main = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/c/main.c");
    for compiler in compilers() {
        for (name, model) in models::all() {
            let folder = tempfile::tempdir().unwrap();
            write(&model, folder.path());
            let mut cc = Command::new(compiler);
            cc.current_dir(&folder).args(FLAGS).args(["-DMODEL_PROBABILITIES", "-I.", "model.c", main]);
            tools::run(cc.args(["-o", "program", "-lm"]), b"");
            let images = models::images(&model, 20);
            let output = tools::run(&mut Command::new(folder.path().join("program")), &images.concat());
            let mut lines = output.lines();
            assert_eq!(lines.next().unwrap().split('\t').collect::<Vec<_>>(), model.classes());
            let mut far = (0.0_f64, 0.0_f64);
            for image in &images {
                let expected = models::logits(&model, image);
                let mut line = || lines.next().unwrap();
                let logits = line();
                assert_eq!(logits, line(), "bytes and floats");
                assert_eq!(line(), format!("{0} {0}", largest(&expected)), "{name}");
                far.0 = far.0.max(deviation(&floats(logits), &expected));
                far.1 = far.1.max(deviation(&floats(line()), &softmax(&expected)));
            }
            println!("{compiler}, {name}: logits {:.1e}, probabilities {:.1e}", far.0, far.1);
            assert!(far.0 <= 1e-4 && far.1 <= 1e-5, "{name}");
        }
    }
}

#[test]
fn no_library_is_needed() {
    for compiler in compilers() {
        for (name, model) in models::all() {
            let folder = tempfile::tempdir().unwrap();
            write(&model, folder.path());
            let mut cc = Command::new(compiler);
            cc.current_dir(&folder).args(FLAGS).args(["-ffreestanding", "-DMODEL_STATIC_SCRATCH", "-c", "model.c"]);
            tools::run(&mut cc, b"");
            if !tools::runs("nm", &["--version"]) {
                println!("skipped: no nm to see what is needed");
                return;
            }
            let needed = tools::run(Command::new("nm").arg("-u").arg(folder.path().join("model.o")), b"");
            // The functions that any C compiler may put in the place of a loop.
            let foreign = needed.split_whitespace().filter(|word| !["U", "memcpy", "memset"].contains(word));
            let foreign: Vec<_> = foreign.filter(|word| *word != "_GLOBAL_OFFSET_TABLE_").collect();
            assert!(foreign.is_empty(), "{compiler}, {name}: {foreign:?}");
        }
    }
}

#[test]
fn sizes_are_told_and_names_cleaned() {
    let (_, model) = models::all().remove(4);
    let code = c(&model, "MNIST (final)");
    assert_eq!(code.name, "mnist_final");
    // Weights; ten names of a digit and an end.
    assert_eq!(code.constant_bytes, 4 * 14_862 + 20);
    // Four rows of the image, four of the first map, one of the second; joined and hidden values.
    assert_eq!(code.scratch_bytes, 4 * (4 * 28 + 4 * 130 + 100 + 20 + 32));
    assert!(code.header.contains("#define MNIST_FINAL_SCRATCH_BYTES 3136\n"), "{}", code.header);
    assert!(code.header.contains("Source: mnist, step final"), "{}", code.header);
    assert_eq!(code, c(&model.clone(), "mnist final"));
}
