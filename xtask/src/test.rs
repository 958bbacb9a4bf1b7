//! `cargo xtask test`: set-up, then the whole test suite.

use std::ffi::OsString;
use std::process::Command;

use xshell::{Shell, cmd};

use crate::process;
use crate::setup::Setup;

/// Set up, then run the whole test suite
///
/// Further arguments go to `cargo test --workspace --release`: `cargo xtask test -p litecnn-model -- --nocapture`.
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
    cmd!(sh, "cargo test --workspace --release {arguments...}").into()
}
