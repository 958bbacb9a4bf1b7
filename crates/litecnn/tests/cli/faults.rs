//! Disks that are full or read-only, folders that vanish: one clear sentence, nothing half-written, and all goes on once
//! the cause is gone. Small file systems in memory stand for the disks; where none can be mounted (only root may), the
//! tests say so and pass.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use litecnn_run::SeedDir;

use crate::{bad, content, good, litecnn};

/// Bytes that a file takes up at least.
const PAGE: u64 = 4096;

/// A file system in memory.
struct Disk(PathBuf);

impl Disk {
    /// None, with a word on why, if this user may not mount one.
    fn new(path: PathBuf) -> Option<Self> {
        std::fs::create_dir(&path).unwrap();
        let output = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64m", "litecnn-test"]).arg(&path).output();
        match output {
            Ok(output) if output.status.success() => Some(Self(path)),
            other => {
                println!("skipped: no disk to fill can be mounted: {other:?}");
                None
            }
        }
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        let status = Command::new("mount").args(["-o", &options]).arg(&self.0).status().unwrap();
        assert!(status.success(), "{options}");
    }

    /// Leaves so many bytes free, in whole pages.
    fn leave(&self, bytes: u64) {
        let output = Command::new("stat").args(["-f", "-c", "%b %f"]).arg(&self.0).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let pages: Vec<u64> = text.split_whitespace().map(|n| n.parse().unwrap()).collect();
        let used = pages[0] - pages[1];
        self.remount(&format!("size={}", (used + bytes.div_ceil(PAGE)).max(1) * PAGE));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The one line of an error that has one cause.
fn sentence(status: i32, stderr: &str, cause: &str) -> String {
    let last = stderr.lines().last().unwrap_or_default();
    let errors = stderr.lines().filter(|line| line.starts_with("error: ")).count();
    assert!(status == 1 && errors == 1 && last.starts_with("error: cannot ") && last.ends_with(cause), "{stderr}");
    last.to_owned()
}

/// Runs commands on a disk that has room for the next file only once its writing has failed, until they end like
/// `undisturbed`. A step that is done again frees what it replaces, so of its files the smaller ones may find room.
fn full_at_every_write(undisturbed: &Path, disk: &Disk, commands: &dyn Fn(&Path) -> Vec<Command>) {
    let run = disk.0.join("run");
    let below = |path: &Path, root: &Path| path.strip_prefix(root).unwrap().to_owned();
    let size = |path: &Path| std::fs::metadata(undisturbed.join(path)).map_or(PAGE, |m| m.len());
    let (mut failed, mut attempts) = (BTreeMap::<PathBuf, u32>::new(), 0);
    let mut room = 0;
    for mut command in commands(&run) {
        loop {
            disk.leave(room);
            attempts += 1;
            let output = command.output().unwrap();
            assert!(!files(&run).iter().any(|f| f.display().to_string().contains(".unfinished-")), "{:?}", files(&run));
            if output.status.success() {
                break;
            }
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            let line = sentence(output.status.code().unwrap(), &stderr, "No space left on device (os error 28)");
            let named = line.strip_prefix("error: cannot write ").and_then(|rest| rest.split(": No space").next());
            let named = below(Path::new(named.unwrap_or_else(|| panic!("{line}"))), &run);
            room = size(&named);
            *failed.entry(named).or_default() += 1;
        }
    }
    println!("{attempts} attempts; {} files failed: {failed:?}", failed.len());
    assert!(failed.len() >= 10, "{failed:?}");
    assert!(content(&run) == content(undisturbed), "alike in the end");
}

#[test]
fn a_disk_that_is_full_at_every_write() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::new(dir.path().join("disk")) else { return };
    let (undisturbed, run) = (dir.path().join("undisturbed"), disk.0.join("run"));
    let commands = |run: &Path| -> Vec<Command> {
        let with_recipe = |words: &str| {
            let mut command = litecnn(words, run);
            command.args(["--recipe", "smoke", "--max-epochs", "1"]);
            command
        };
        vec![with_recipe("train"), with_recipe("evaluate")]
    };
    commands(&undisturbed).iter_mut().for_each(|command| drop(good(command)));
    let at_length = std::env::var_os("LITECNN_FAULTS").is_some();
    if !at_length {
        // Steps that write alike need not all be looked at.
        let copied = Command::new("cp").arg("-a").arg(&undisturbed).arg(&run).status().unwrap();
        assert!(copied.success());
        let seed = SeedDir::new(&run, "mnist", 0);
        for step in ["surgery", "stage-2-2", "fold-2", "evaluate", "pictures"] {
            std::fs::remove_dir_all(seed.step(step)).unwrap();
        }
        for output in [seed.metrics(), seed.answers(), seed.architecture(), seed.final_weights()] {
            std::fs::remove_file(output).unwrap();
        }
        for split in ["train", "validation", "test"] {
            std::fs::remove_file(seed.predictions(split)).unwrap();
        }
    }
    full_at_every_write(&undisturbed, &disk, &commands);
    if !at_length {
        return;
    }
    let mut room = 0;
    loop {
        disk.leave(room);
        let output = Command::new(env!("CARGO_BIN_EXE_litecnn")).arg("report").arg(&run).output().unwrap();
        if output.status.success() {
            break;
        }
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        println!("{}", sentence(output.status.code().unwrap(), &stderr, "No space left on device (os error 28)"));
        room = (2 * room).max(PAGE);
    }
}

#[test]
fn a_disk_that_is_read_only() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::new(dir.path().join("disk")) else { return };
    let (undisturbed, run) = (dir.path().join("undisturbed"), disk.0.join("run"));
    let train = |run: &Path| {
        let mut command = litecnn("train stage-1", run);
        command.args(["--recipe", "smoke", "--max-epochs", "1"]);
        command
    };
    good(&mut train(&undisturbed));
    disk.remount("ro");
    let (status, stderr) = bad(&mut train(&run));
    sentence(status, &stderr, "Read-only file system (os error 30)");
    disk.remount("rw");
    good(&mut train(&run));
    std::fs::remove_dir_all(run.join("mnist")).unwrap();
    let before = content(&run);
    disk.remount("ro");
    let (status, stderr) = bad(&mut train(&run));
    sentence(status, &stderr, "Read-only file system (os error 30)");
    let (status, stderr) = bad(litecnn("surgery", &run).args(["--recipe", "smoke", "--max-epochs", "1"]));
    sentence(status, &stderr, "Read-only file system (os error 30)");
    assert!(content(&run) == before);
    disk.remount("rw");
    good(&mut train(&run));
    assert!(content(&run) == content(&undisturbed));
}

#[test]
fn a_folder_that_may_not_be_written_to() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    std::fs::create_dir(&run).unwrap();
    std::fs::set_permissions(&run, std::fs::Permissions::from_mode(0o555)).unwrap();
    if std::fs::write(run.join("probe"), "").is_ok() {
        println!("skipped: this user may write anywhere");
        return;
    }
    let (status, stderr) = bad(litecnn("train stage-1", &run).args(["--recipe", "smoke", "--max-epochs", "1"]));
    sentence(status, &stderr, "Permission denied (os error 13)");
    assert_eq!(files(&run).len(), 0);
}

#[test]
fn a_run_directory_removed_under_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let recipe = dir.path().join("recipe.toml");
    std::fs::write(&recipe, "[data]\nvalidation-images = 200\n[stage-1]\nepochs = 400\n").unwrap();
    let mut train = litecnn("train stage-1", &run);
    let mut child = train.arg("--recipe").arg(&recipe).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    lines.find(|line| line.starts_with("stage-1 epoch 1/")).unwrap();
    // In one step, so that nothing is written into it while it is taken apart.
    std::fs::rename(&run, dir.path().join("away")).unwrap();
    let last = lines.last().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{last}");
    let expected = format!("error: {} was removed or replaced while this command worked in it", run.display());
    assert!(last.starts_with(&expected), "{last}");
    assert!(!run.exists(), "nothing is made again: {:?}", files(&run));
    std::fs::write(&recipe, "[data]\nvalidation-images = 200\n[stage-1]\nepochs = 1\n").unwrap();
    good(litecnn("train stage-1", &run).arg("--recipe").arg(&recipe));
}
