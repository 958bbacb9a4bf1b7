// Shared by the build scripts of the programs here that tell their own versions.

/// Tells the program being built the version of libtorch in `lib` (`LITECNN_LIBTORCH`) and the commit of the source
/// (`LITECNN_COMMIT`); `unknown` where there is no telling.
fn tell_versions(lib: Option<&Path>) {
    println!("cargo::rerun-if-changed=../versions.rs");
    let build = lib.and_then(Path::parent).map(|root| root.join("build-version"));
    let version = build.and_then(|file| std::fs::read_to_string(file).ok());
    println!("cargo::rustc-env=LITECNN_LIBTORCH={}", version.as_deref().map_or("unknown", str::trim));
    // The commit, where the source is a git checkout; it moves when the log of HEAD does.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]).filter(|log| Path::new(log).exists()) {
        println!("cargo::rerun-if-changed={log}");
    }
    let commit = git(&["rev-parse", "--short=12", "HEAD"]);
    println!("cargo::rustc-env=LITECNN_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
}

/// What git answers, if there is a git and it does.
fn git(words: &[&str]) -> Option<String> {
    let output = std::process::Command::new("git").args(words).output().ok().filter(|o| o.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
