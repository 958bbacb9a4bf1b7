//! Python 3: it downloads, unpacks archives, and brings pip.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, anyhow, bail};
use litecnn_cli::sentence;
use xshell::{Shell, cmd};

use super::libtorch::answer;
use crate::process;
use crate::system::install_command;

/// Small tasks that Rust would need a TLS library and a zip library for; this program is compiled before all else.
const ARCHIVE: &str = include_str!("archive.py");

/// A Python that can do what is asked of it here.
#[derive(Debug, Clone)]
pub(crate) struct Python {
    /// The command.
    pub(crate) program: &'static str,
    /// `3.11.7`
    pub(crate) version: String,
}

impl Python {
    /// Finds Python 3.8 or later.
    ///
    /// # Errors
    /// What to install.
    pub(crate) fn find(sh: &Shell) -> anyhow::Result<Self> {
        let ask = "import sys; print('%d.%d.%d' % sys.version_info[:3]) if sys.version_info >= (3, 8) else sys.exit(1)";
        for program in ["python3", "python"] {
            if let Ok(version) = cmd!(sh, "{program} -c {ask}").quiet().ignore_stderr().read() {
                return Ok(Self { program, version });
            }
        }
        let fix =
            install_command("python3 python3-pip", "python3 python3-pip", "python python-pip", "install Python 3");
        bail!("no Python 3.8 or later was found: {fix}")
    }

    /// Downloads a file, showing progress.
    pub(crate) fn fetch(&self, url: &str, file: &Path) -> anyhow::Result<()> {
        answer(self.archive("fetch").arg(url).arg(file).stdout(Stdio::inherit()))?;
        Ok(())
    }

    /// Unpacks the members of a zip archive (or wheel) that start with one of the prefixes; all if there is none.
    pub(crate) fn unpack(&self, zip: &Path, folder: &Path, prefixes: &[String]) -> anyhow::Result<()> {
        answer(self.archive("unpack").arg(zip).arg(folder).args(prefixes))
            .with_context(|| format!("cannot unpack {}", zip.display()))?;
        Ok(())
    }

    /// Names of the members of a zip archive (or wheel).
    pub(crate) fn names(&self, zip: &Path) -> anyhow::Result<Vec<String>> {
        Ok(answer(self.archive("names").arg(zip))?.lines().map(str::to_owned).collect())
    }

    /// The NVIDIA packages a wheel requires, such as `cuda-toolkit[cudart,cupti]==13.0.3`.
    pub(crate) fn needs(&self, wheel: &Path) -> anyhow::Result<Vec<String>> {
        Ok(answer(self.archive("needs").arg(wheel))?.lines().map(str::to_owned).collect())
    }

    /// Makes a virtual environment in `folder`, which is not there yet, and installs what a requirements file names.
    /// It may be moved afterwards: nothing but its `python` is called.
    ///
    /// # Errors
    /// What to install, or pip's last words.
    pub(crate) fn environment(&self, folder: &Path, requirements: &Path, temporary: &Path) -> anyhow::Result<()> {
        answer(Command::new(self.program).args(["-m", "venv"]).arg(folder)).map_err(|error| {
            let fix =
                install_command("python3-venv", "python3-pip", "python-pip", "install the venv module of Python 3");
            anyhow!("{} cannot make a virtual environment ({}): {fix}", self.program, sentence(&error))
        })?;
        let mut command = Command::new(folder.join("bin/python"));
        command.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-cache-dir", "--no-input"]);
        command.args(["--quiet", "--timeout", "20", "--retries", "2", "--requirement"]).arg(requirements);
        process::watched(command.env("TMPDIR", temporary), folder)
            .with_context(|| format!("pip cannot install {}", requirements.display()))
    }

    fn archive(&self, task: &str) -> Command {
        let mut command = Command::new(self.program);
        // Isolated: nothing in the current folder or the user's settings is imported.
        command.args(["-I", "-u", "-c", ARCHIVE, task]);
        command
    }

    /// Finds pip: this Python's own, else one in a virtual environment made in `scratch`.
    ///
    /// # Errors
    /// What to install.
    pub(crate) fn pip(&self, scratch: &Path) -> anyhow::Result<Pip> {
        let works = |program: OsString| {
            let done = Command::new(&program).args(["-m", "pip", "--version"]).output();
            done.is_ok_and(|o| o.status.success()).then_some(Pip { program })
        };
        if let Some(pip) = works(self.program.into()) {
            return Ok(pip);
        }
        let folder = scratch.join("venv");
        let made = answer(Command::new(self.program).args(["-m", "venv"]).arg(&folder));
        if let Some(pip) = made.is_ok().then(|| works(folder.join("bin/python").into())).flatten() {
            return Ok(pip);
        }
        let fix = install_command("python3-pip", "python3-pip", "python-pip", "install pip for your Python 3");
        bail!("{} has no pip, and cannot make a virtual environment with one: {fix}", self.program)
    }
}

/// A Python that has pip.
#[derive(Debug, Clone)]
pub(crate) struct Pip {
    program: OsString,
}

impl Pip {
    /// Downloads wheels for CPython 3.11, whatever the Python at hand: only their headers and libraries are used,
    /// so one version is as good as another, and this one has wheels.
    ///
    /// Temporary files go below `folder` too, since the usual place for them is often small.
    pub(crate) fn download(&self, folder: &Path, arguments: &[&str]) -> anyhow::Result<()> {
        let temporary = folder.join("tmp");
        std::fs::create_dir_all(&temporary).with_context(|| format!("cannot create {}", temporary.display()))?;
        let mut command = Command::new(&self.program);
        command.args(["-m", "pip", "download", "--disable-pip-version-check", "--no-cache-dir", "--no-input"]);
        command.args(["--timeout", "20", "--retries", "2"]);
        command.args(["--only-binary=:all:", "--implementation", "cp", "--python-version", "3.11"]);
        command.arg("--dest").arg(folder).args(arguments).env("TMPDIR", &temporary);
        process::watched(&mut command, folder)?;
        std::fs::remove_dir_all(&temporary).with_context(|| format!("cannot remove {}", temporary.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes archives for the tests: names that end in `*` become executables, `a->b` symbolic links.
    const MAKE: &str = r#"
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as archive:
    for entry in sys.argv[2:]:
        name, _, content = entry.partition("=")
        name, _, link = name.partition("->")
        info = zipfile.ZipInfo(name.rstrip("*"))
        info.external_attr = (0o120777 if link else 0o100755 if name.endswith("*") else 0o100644) << 16
        archive.writestr(info, link or content.replace("|", "\n"))
"#;

    fn python() -> Python {
        Python::find(&Shell::new().unwrap()).unwrap()
    }

    fn zip(path: &Path, entries: &[&str]) {
        let made = Command::new(python().program).args(["-c", MAKE]).arg(path).args(entries).status();
        assert!(made.unwrap().success());
    }

    #[test]
    #[cfg(unix)]
    fn unpacking_keeps_modes_and_links_and_takes_only_what_is_asked_for() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let archive = dir.path().join("a.zip");
        zip(&archive, &["libtorch/lib/libc10.so*=code", "libtorch/lib/libc10.so.1->libc10.so", "libtorch/share/x=y"]);
        python().unpack(&archive, &dir.path().join("all"), &[]).unwrap();
        let lib = dir.path().join("all/libtorch/lib");
        assert_eq!(std::fs::metadata(lib.join("libc10.so")).unwrap().permissions().mode() & 0o777, 0o755);
        assert_eq!(std::fs::read_link(lib.join("libc10.so.1")).unwrap(), Path::new("libc10.so"));
        assert_eq!(std::fs::read_to_string(lib.join("libc10.so.1")).unwrap(), "code");
        python().unpack(&archive, &dir.path().join("some"), &["libtorch/lib/".into()]).unwrap();
        assert!(dir.path().join("some/libtorch/lib/libc10.so").exists());
        assert!(!dir.path().join("some/libtorch/share").exists());
    }

    #[test]
    fn nothing_is_unpacked_outside_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let archive = dir.path().join("a.zip");
        for bad in ["../escaped=x", "a/../../escaped=x", "/tmp/xtask-escaped=x", "link->../../etc/passwd"] {
            zip(&archive, &[bad]);
            let error = python().unpack(&archive, &dir.path().join("to"), &[]).unwrap_err();
            assert!(format!("{error:#}").contains("outside"), "{bad}: {error:#}");
        }
        assert!(!dir.path().join("escaped").exists());
        std::fs::write(&archive, "no archive").unwrap();
        let error = python().unpack(&archive, &dir.path().join("to"), &[]).unwrap_err();
        assert!(format!("{error:#}").contains("not a zip file"), "{error:#}");
    }

    #[test]
    #[cfg(unix)]
    fn links_lead_nobody_outside_the_folder() {
        // By its name alone `out` stays inside; by `up` it does not.
        let chain = ["a/b/up->..", "a/b/out->up/../.."];
        let turned = [chain[1], chain[0]];
        let through = ["a/b/up->..", "a/b/out->up/../..", "a/b/out/escaped->x"];
        for bad in [&chain[..], &turned, &through, &["self->."], &["long/..->x"], &["abs->/etc/passwd"]] {
            let dir = tempfile::tempdir().unwrap();
            let archive = dir.path().join("a.zip");
            zip(&archive, bad);
            let done = python().unpack(&archive, &dir.path().join("to"), &[]);
            if bad != ["self->."] {
                assert!(format!("{:#}", done.unwrap_err()).contains("outside"), "{bad:?}");
            }
            let mut left = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
            assert!(left.all(|name| name == "a.zip" || name == "to"), "{bad:?}");
        }
        // Links that another archive, or somebody else, left there.
        let dir = tempfile::tempdir().unwrap();
        let (archive, to) = (dir.path().join("a.zip"), dir.path().join("to"));
        std::fs::create_dir(&to).unwrap();
        std::fs::write(dir.path().join("precious"), "as it was").unwrap();
        std::os::unix::fs::symlink("../precious", to.join("file")).unwrap();
        std::os::unix::fs::symlink("..", to.join("folder")).unwrap();
        zip(&archive, &["file=new"]);
        python().unpack(&archive, &to, &[]).unwrap();
        assert_eq!(std::fs::read_to_string(to.join("file")).unwrap(), "new");
        zip(&archive, &["folder/precious=new"]);
        python().unpack(&archive, &to, &[]).unwrap_err();
        assert_eq!(std::fs::read_to_string(dir.path().join("precious")).unwrap(), "as it was");
    }

    #[test]
    fn the_needs_of_a_wheel_are_those_of_its_metadata() {
        let dir = tempfile::tempdir().unwrap();
        let wheel = dir.path().join("torch-2.13.0-cp311-none-any.whl");
        let metadata = "torch-2.13.0.dist-info/METADATA=Name: torch|Requires-Dist: sympy>=1|\
            Requires-Dist: cuda-toolkit[cublas,cudart,cupti]==13.0.3; platform_system == \"Linux\"|\
            Requires-Dist: nvidia-nccl-cu13==2.29.7; platform_system == \"Linux\"|\
            Requires-Dist: nvidia-extra==1; extra == \"more\"||Requires-Dist: nvidia-in-the-description==1";
        zip(&wheel, &["torch/lib/libc10.so=x", metadata]);
        let needs = python().needs(&wheel).unwrap();
        assert_eq!(needs, ["cuda-toolkit[cublas,cudart,cupti]==13.0.3", "nvidia-nccl-cu13==2.29.7"]);
        assert_eq!(python().names(&wheel).unwrap().len(), 2);
    }

    #[test]
    fn a_failed_download_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        let url = format!("file://{}/absent", dir.path().display());
        assert!(format!("{:#}", python().fetch(&url, &file).unwrap_err()).contains("absent"));
        std::fs::write(dir.path().join("present"), "bytes").unwrap();
        python().fetch(&format!("file://{}/present", dir.path().display()), &file).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"bytes");
    }
}
