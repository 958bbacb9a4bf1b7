//! `litecnn completions`: what a shell needs to complete command lines.

use anyhow::Result;
use clap::Command;
use clap_complete::Shell;
use litecnn_cli::print;

const EXAMPLES: &str = "\
Examples:
  litecnn completions bash > ~/.local/share/bash-completion/completions/litecnn
  litecnn completions zsh > ~/.zfunc/_litecnn
  litecnn completions fish > ~/.config/fish/completions/litecnn.fish";

/// Print a script by which a shell completes subcommands, options and their values.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: &Args, mut command: Command) -> Result<()> {
    print(&script(args.shell, &mut command)?)
}

/// The script for a shell.
pub(crate) fn script(shell: Shell, command: &mut Command) -> Result<String> {
    let mut script = Vec::new();
    clap_complete::generate(shell, command, "litecnn", &mut script);
    Ok(String::from_utf8(script)?)
}
