//! What holds for the whole command line.

use clap::{Command, CommandFactory, Parser, ValueEnum};

use crate::{Cli, completions};

/// Every subcommand that does work, with the words that call it.
fn leaves(command: &Command, called: &str) -> Vec<(String, Command)> {
    let subcommands: Vec<&Command> = command.get_subcommands().filter(|c| c.get_name() != "help").collect();
    if subcommands.is_empty() {
        return vec![(called.to_owned(), command.clone())];
    }
    subcommands.iter().flat_map(|c| leaves(c, &format!("{called} {}", c.get_name()))).collect()
}

/// Words of a shell's command line, up to what is redirected.
fn words(line: &str) -> Vec<String> {
    let line = line.split(" > ").next().unwrap_or(line).split(" < ").next().unwrap_or(line);
    let mut words = Vec::new();
    // What stands between quotes is a word, or the rest of one.
    for (at, part) in line.split('"').enumerate() {
        if at % 2 == 0 {
            words.extend(part.split_whitespace().map(str::to_owned));
        } else {
            words.push(part.to_owned());
        }
    }
    words
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_subcommand_has_examples_that_can_be_given() {
    let leaves = leaves(&Cli::command(), "litecnn");
    assert!(leaves.len() >= 5, "{leaves:?}");
    for (called, command) in leaves {
        let text = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
        let examples = text.strip_prefix("Examples:\n").unwrap_or_else(|| panic!("`{called}` has no examples: {text}"));
        for line in examples.lines() {
            let line = line.strip_prefix("  ").unwrap_or_else(|| panic!("`{called}`: {line}"));
            assert!(line.starts_with(&called), "`{line}` is no example of `{called}`");
            if let Err(error) = Cli::try_parse_from(words(line)) {
                panic!("`{line}`: {error}");
            }
        }
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        assert!(about.starts_with(char::is_uppercase), "`{called}`: {about}");
    }
}

#[test]
fn shells_complete_every_subcommand() {
    for shell in clap_complete::Shell::value_variants() {
        let script = completions::script(*shell, &mut Cli::command()).unwrap();
        for (called, _) in leaves(&Cli::command(), "litecnn") {
            let last = called.split(' ').next_back().unwrap_or_default();
            assert!(script.contains(last), "{shell}: {called}");
        }
    }
}
