//! `litecnn init`: a recipe to start from.

use std::path::{Path, PathBuf};

use anyhow::Result;
use litecnn_cli::{Usage, did_you_mean, print};
use litecnn_run::write_atomic;
use litecnn_train::Recipe;

const SKELETON: &str = include_str!("skeleton.toml");

const EXAMPLES: &str = "\
Examples:
  litecnn init
  litecnn init my.toml --recipe smoke
  litecnn init my.toml --minimal --force";

/// Write a recipe to change: a TOML file with every value of a built-in one, explained.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    /// File to write; the recipe is named after it.
    #[arg(default_value = "recipe.toml")]
    file: PathBuf,
    /// The built-in recipe to start from: `paper` or another that --recipe takes.
    #[arg(long, default_value = "paper", value_name = "NAME")]
    recipe: String,
    /// Only what is often changed, commented out; what a recipe does not give is the paper's.
    #[arg(long, conflicts_with = "recipe")]
    minimal: bool,
    /// Overwrite the file if it is there.
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(args: &Args, quiet: bool) -> Result<()> {
    let text = if args.minimal { SKELETON } else { built_in(&args.recipe)? };
    let shown = args.file.display();
    if args.file.exists() && !args.force {
        return Err(Usage(format!("{shown} is there already: give another name, or --force to overwrite it")).into());
    }
    write_atomic(&args.file, named(text, &args.file).as_bytes())?;
    if quiet {
        return Ok(());
    }
    print(&format!(
        "wrote {shown}\nchange what you like in it, then: litecnn train --recipe {shown} --dataset mnist --run results/mine\n"
    ))
}

/// The text of a recipe that the tool carries.
fn built_in(name: &str) -> Result<&'static str> {
    let presets = Recipe::presets();
    presets.iter().find(|(preset, _)| *preset == name).map(|(_, text)| *text).ok_or_else(|| {
        let known: Vec<&str> = presets.iter().map(|(preset, _)| *preset).collect();
        let hint = did_you_mean(name, known.iter().copied());
        Usage(format!("--recipe: there is no built-in recipe `{name}`{hint}; there are {}", known.join(", "))).into()
    })
}

/// The text of a recipe under the name of a file, if that can name a recipe.
fn named(text: &str, file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let lines = text.lines().map(|line| match line.starts_with("name = ") {
        true => format!("name = \"{stem}\"\n"),
        false => format!("{line}\n"),
    });
    let renamed: String = lines.collect();
    if Recipe::parse(&renamed, file).is_ok() { renamed } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(file: &Path) -> Args {
        Args { file: file.to_owned(), recipe: "paper".into(), minimal: false, force: false }
    }

    #[test]
    fn every_recipe_is_written_as_it_is_under_the_files_name() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("mine.toml");
        for (name, text) in Recipe::presets() {
            run(&Args { recipe: (*name).into(), force: true, ..args(&file) }, true).unwrap();
            let recipe = Recipe::load(file.to_str().unwrap()).unwrap();
            assert_eq!((recipe.name.as_str(), recipe.hash()), ("mine", Recipe::load(name).unwrap().hash()));
            let written = std::fs::read_to_string(&file).unwrap();
            assert_eq!(written.replace("\"mine\"", &format!("\"{name}\"")), *text);
        }
        // A file name that is no name for a recipe.
        let odd = dir.path().join("my recipe.toml");
        run(&args(&odd), true).unwrap();
        assert_eq!(Recipe::load(odd.to_str().unwrap()).unwrap(), Recipe::paper());
    }

    #[test]
    fn files_are_not_overwritten_unasked_and_recipes_have_names() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("mine.toml");
        std::fs::write(&file, "mine").unwrap();
        let message = |args: Args| run(&args, true).unwrap_err().to_string();
        assert!(message(args(&file)).contains("is there already"));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
        let unknown = Args { recipe: "papr".into(), force: true, ..args(&file) };
        assert!(message(unknown).contains("no built-in recipe `papr` (did you mean `paper`?); there are paper, smoke"));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    }

    #[test]
    fn the_skeleton_is_the_papers_with_and_without_its_comments() {
        let paper = Recipe { name: "mine".into(), ..Recipe::paper() };
        assert_eq!(Recipe::parse(SKELETON, Path::new("x")).unwrap(), paper);
        let (head, rest) = SKELETON.split_once("[model]").unwrap();
        let shown = rest.replace("\n# ", "\n");
        assert!(shown.contains("\nfilters = "));
        assert_eq!(Recipe::parse(&format!("{head}[model]{shown}"), Path::new("x")).unwrap(), paper);
    }
}
