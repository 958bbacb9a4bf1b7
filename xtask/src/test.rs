//! `cargo xtask test`: set-up, then the whole test suite.

use std::ffi::OsString;
use std::process::Command;

use xshell::{Shell, cmd};

use crate::process;
use crate::setup::Setup;

/// Set up, then run the whole test suite
///
/// Further arguments go to `cargo test --workspace --release`, as in `cargo xtask test -p litecnn-model -- --nocapture`.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Test {
    /// For cargo test.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

impl Test {
    pub(crate) fn run(self, sh: &Shell) -> anyhow::Result<()> {
        let ws = Setup::before_building(sh)?;
        let _folder = sh.push_dir(&ws.root);
        // The parser drops a leading `--`, which cargo test needs to see.
        process::pass_on(&mut suite(sh, std::env::args_os().skip(2).collect()))
    }
}

/// The suite, with further arguments for cargo test.
pub(crate) fn suite(sh: &Shell, arguments: Vec<OsString>) -> Command {
    // Beside `--workspace`, cargo would ignore a choice of packages.
    let scope = (!chooses_packages(&arguments)).then_some("--workspace");
    cmd!(sh, "cargo test {scope...} --release {arguments...}").into()
}

fn chooses_packages(arguments: &[OsString]) -> bool {
    let cargos = arguments.iter().filter_map(|a| a.to_str()).take_while(|a| *a != "--");
    cargos.into_iter().any(|a| a.starts_with("-p") || a == "--package" || a.starts_with("--package="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_of_packages_takes_the_place_of_the_workspace() {
        let sh = Shell::new().unwrap();
        let line = |arguments: &str| {
            let command = suite(&sh, arguments.split_whitespace().map(Into::into).collect());
            let words: Vec<_> = command.get_args().map(|a| a.to_str().unwrap().to_owned()).collect();
            words.join(" ")
        };
        assert_eq!(line(""), "test --workspace --release");
        assert_eq!(line("some_test -- -p"), "test --workspace --release some_test -- -p");
        assert_eq!(line("-p litecnn-model -- --nocapture"), "test --release -p litecnn-model -- --nocapture");
        assert_eq!(line("--package=xtask"), "test --release --package=xtask");
    }
}
