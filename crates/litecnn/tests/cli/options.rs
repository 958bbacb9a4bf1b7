//! What is given beside a command, and what the tool writes for its users.

use std::path::Path;
use std::process::Command;

use litecnn_run::{Manifest, SeedDir};

use crate::{bad, good, litecnn, samples};

fn plain(words: &str, folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_litecnn"));
    command.args(words.split_whitespace()).current_dir(folder);
    command
}

#[test]
fn single_values_are_part_of_the_recipe() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let words = "train stage-1 --recipe smoke --set stage-1.epochs=1 --set model.filters=[4,6] --set stage-1.keep=last";
    good(&mut litecnn(words, &run));
    let manifest = Manifest::read(&run).unwrap();
    assert_eq!(manifest.recipe["stage-1"]["epochs"].as_integer(), Some(1));
    assert_eq!(manifest.recipe["stage-1"]["keep"].as_str(), Some("last"));
    assert_eq!(manifest.recipe["model"]["filters"].as_array().map(Vec::len), Some(2));
    assert_eq!(manifest.recipe["data"]["validation-images"].as_integer(), Some(200));
    let history = litecnn_run::read_history(&SeedDir::new(&run, "mnist", 0).history("stage-1")).unwrap();
    assert!(!history.is_empty() && history.iter().all(|row| row.epoch == 1), "{history:?}");
    // Without them it is another recipe.
    let (status, stderr) = bad(&mut litecnn("train stage-1 --recipe smoke", &run));
    assert!(status == 1 && stderr.contains("run.toml"), "{stderr}");
}

#[test]
fn a_recipe_is_written_to_be_changed() {
    let dir = tempfile::tempdir().unwrap();
    let told = String::from_utf8(good(&mut plain("init my.toml --recipe smoke", dir.path())).stdout).unwrap();
    assert!(told.starts_with("wrote my.toml\n") && told.contains("--recipe my.toml"), "{told}");
    let (status, stderr) = bad(&mut plain("init my.toml", dir.path()));
    assert!(status == 2 && stderr.contains("my.toml is there already"), "{stderr}");
    good(&mut plain("init my.toml --minimal --force", dir.path()));
    assert!(std::fs::read_to_string(dir.path().join("my.toml")).unwrap().contains("name = \"my\""));
    let (status, stderr) = bad(&mut plain("init other.toml --recipe smok", dir.path()));
    assert!(status == 2 && stderr.contains("did you mean `smoke`?"), "{stderr}");
    assert!(!dir.path().join("other.toml").exists());
}

#[test]
fn every_subcommand_has_a_manual_page() {
    let dir = tempfile::tempdir().unwrap();
    good(&mut plain("man --out pages", dir.path()));
    let page = |name: &str| std::fs::read_to_string(dir.path().join("pages").join(name)).unwrap();
    for name in ["litecnn.1", "litecnn-train.1", "litecnn-data-fetch.1", "litecnn-zoo-train.1", "litecnn-predict.1"] {
        assert!(page(name).contains(".SH NAME"), "{name}");
    }
    assert!(page("litecnn-train.1").contains("Examples:"));
    let script = String::from_utf8(good(&mut plain("completions bash", dir.path())).stdout).unwrap();
    assert!(script.contains("_litecnn()") && script.contains("--recipe"));
}

#[test]
fn the_name_that_was_meant_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let zoo = format!("zoo train vgg19-fire --recipe shrt --dataset mnist --data-dir {} --out x", samples().display());
    for (words, message) in [
        ("train --recipe papr --dataset mnist --run x", "papr: no such recipe (did you mean `paper`?)"),
        ("train --dataset mnits --run x", "(did you mean `mnist`?)"),
        ("train --engine kernel --dataset mnist --run x", "(did you mean `kernels`?)"),
        ("train --device gpu --dataset mnist --run x", "(did you mean `cuda`?)"),
        ("train --set stage-1.epoch=3 --dataset mnist --run x", "(did you mean `stage-1.epochs`?)"),
        ("train --set stage-1.epochs --dataset mnist --run x", "gives no value to a key"),
        ("train --recpe smoke", "similar argument exists: '--recipe'"),
        ("trian", "similar subcommand exists: 'train'"),
        ("export x.safetensors --to onx", "similar value exists: 'onnx'"),
        ("summary mnits", "(did you mean `mnist`?)"),
        ("zoo show vgg19-fir", "nearest first: vgg19-fire, "),
        (&zoo, "(did you mean `short`?)"),
        ("data fetch --dataset cifar", "(did you mean `cifar10`?)"),
    ] {
        let (status, stderr) = bad(&mut plain(words, dir.path()));
        assert!(status == 2 && stderr.contains(message), "{words}: {stderr}");
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}
