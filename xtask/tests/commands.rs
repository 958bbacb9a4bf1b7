//! The commands as programs, in a made-up checkout: set-up without any way out, and a reproduction whose cargo and
//! whose tool are small scripts.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "all of this is a test")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{PoisonError, RwLock};

/// Taken for writing while a program is written, for reading while one is started: a process that is being started holds
/// all files of this one open for a moment, and a program that is open for writing cannot be run.
static PROGRAMS: RwLock<()> = RwLock::new(());

fn started(command: &mut Command) -> Child {
    let _starting = PROGRAMS.read().unwrap_or_else(PoisonError::into_inner);
    command.spawn().unwrap()
}

fn output(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    started(command).wait_with_output().unwrap()
}

/// A checkout, a cache and a target folder of its own, with a copy of the program in it as cargo would leave it.
struct Checkout {
    folder: tempfile::TempDir,
}

impl Checkout {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let new = Self { folder };
        for below in ["root/xtask", "target/release", "bin"] {
            std::fs::create_dir_all(new.path(below)).unwrap();
        }
        let _writing = PROGRAMS.write().unwrap_or_else(PoisonError::into_inner);
        std::fs::copy(env!("CARGO_BIN_EXE_xtask"), new.path("target/release/xtask")).unwrap();
        new
    }

    fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    fn script(&self, at: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        let _writing = PROGRAMS.write().unwrap_or_else(PoisonError::into_inner);
        std::fs::write(self.path(at), format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(self.path(at), std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A libtorch that passes a glance, where `setup` leaves it.
    fn with_libtorch(self) -> Self {
        for file in ["lib/libtorch.so", "lib/libtorch_cpu.so", "lib/libc10.so"] {
            let file = file.replace(".so", std::env::consts::DLL_SUFFIX);
            litecnn_run::write_atomic(&self.path("root/.libtorch").join(file), b"x").unwrap();
        }
        let header = "root/.libtorch/include/torch/csrc/api/include/torch/torch.h";
        litecnn_run::write_atomic(&self.path(header), b"x").unwrap();
        std::fs::write(self.path("root/.libtorch/build-version"), "2.13.0+cpu\n").unwrap();
        self
    }

    /// A tool that notes what it is asked for and fails at one word, and a cargo that has nothing to do.
    fn with_tool(self, fail_at: &str, status: u8) -> Self {
        self.script("bin/cargo", "exit 0");
        let log = self.path("log");
        let fail = format!("case \"$*\" in *{fail_at}*) exit {status};; esac");
        self.script("target/release/litecnn", &format!("echo \"$*\" >> {}\n{fail}", log.display()));
        self
    }

    /// As [`Self::with_tool`], a tool that leaves what the subcommands of `zoo` leave.
    fn with_zoo(self, fail_at: &str, status: u8) -> Self {
        self.script("bin/cargo", "exit 0");
        let leave = "mkdir -p $1 && echo w > $1/weights.safetensors && echo m > $1/measured.json";
        let text = format!(
            "echo \"$*\" >> {}\ncase \"$*\" in *{fail_at}*) exit {status};; esac\nleave() {{ {leave}; }}\n\
             for word; do [ \"$last\" = --out ] && out=$word; last=$word; done\n\
             case \"$*\" in\nzoo\\ prune*) for k in 1 2; do leave $out/round-$k; done;;\nzoo*) leave $out;;\nesac",
            self.path("log").display()
        );
        self.script("target/release/litecnn", &text);
        self
    }

    fn log(&self) -> Vec<String> {
        std::fs::read_to_string(self.path("log")).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    fn run(&self, arguments: &str) -> Output {
        output(&mut self.command(arguments))
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(self.path("target/release/xtask"));
        let path = std::env::var("PATH").unwrap();
        command
            .args(arguments.split_whitespace())
            .env("CARGO_MANIFEST_DIR", self.path("root/xtask"))
            // As cargo sets it.
            .env("LIBTORCH", self.path("root/.libtorch"))
            .env("HOME", self.path("home"))
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("LITECNN_OFFLINE", "1")
            .env_remove("LITECNN_SUPERVISED")
            .env("PATH", format!("{}:{path}", self.path("bin").display()))
            .current_dir(self.path("root"));
        command
    }
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn without_any_way_out_one_message_lists_every_route() {
    let checkout = Checkout::new();
    let output = checkout.run("setup --cpu");
    assert_eq!(output.status.code(), Some(1));
    let message = errors(&output);
    let cache = checkout.path("cache/litecnn/libtorch-2.13.0-cpu");
    let expected = [
        "1. LIBTORCH\n     not set",
        &format!("2. the cache, {}\n     nothing there yet", cache.display()),
        "3. the official archive",
        "LITECNN_OFFLINE is set",
        "4. the Python wheel",
        "By hand",
    ];
    let mut from = 0;
    for words in expected {
        let at = message[from..].find(words);
        from += at.unwrap_or_else(|| panic!("{words:?} is missing, or out of order, in {message}"));
    }
    assert_eq!(message.matches("error:").count(), 1, "{message}");
    assert!(!checkout.path("root/.libtorch").exists());
    let left: Vec<_> = std::fs::read_dir(checkout.path("cache/litecnn")).unwrap().collect();
    assert_eq!(left.len(), 1, "the lock alone: {left:?}");
}

#[test]
fn without_python_or_compiler_the_package_is_named() {
    let checkout = Checkout::new();
    // A machine that has a C++ compiler, and nothing else.
    let compiler = "target/release/c++";
    checkout.script(compiler, "echo compiler 1");
    let bare = |path: &Path| {
        let mut command = checkout.command("setup --cpu");
        output(command.env("PATH", path).env_remove("CXX").env_remove("LITECNN_OFFLINE"))
    };
    let message = errors(&bare(&checkout.path("target/release")));
    assert!(message.contains("no Python 3.8 or later was found"), "{message}");
    let message = errors(&bare(&checkout.path("bin")));
    assert!(message.contains("no C++ compiler") && message.contains("install"), "{message}");
}

#[test]
fn a_broken_libtorch_of_the_users_stops_everything() {
    let checkout = Checkout::new().with_libtorch();
    let mut command = checkout.command("setup");
    let output = output(command.env("LIBTORCH", checkout.path("nowhere")));
    assert_eq!(output.status.code(), Some(1));
    let message = errors(&output);
    assert!(message.contains("does not exist") && message.contains("unset LIBTORCH"), "{message}");
}

#[test]
fn a_second_setup_says_one_line() {
    let checkout = Checkout::new().with_libtorch();
    let start = std::time::Instant::now();
    let output = checkout.run("setup");
    assert!(output.status.success(), "{}", errors(&output));
    assert!(told(&output).starts_with("libtorch 2.13.0 (CPU) in "), "{}", told(&output));
    assert!(start.elapsed().as_secs() < 10, "it takes far less than a second, but machines may be busy");
}

#[test]
fn wrong_usage_is_status_two() {
    let checkout = Checkout::new();
    for line in ["", "build", "setup --cpu --cuda", "reproduce --seeds 1,1", "reproduce --recipe absent"] {
        let output = checkout.run(line);
        assert_eq!(output.status.code(), Some(2), "{line}: {}", errors(&output));
    }
}

#[test]
fn a_reproduction_runs_its_steps_in_order() {
    let checkout = Checkout::new().with_libtorch().with_tool("nothing", 1);
    let output = checkout.run("reproduce --dataset mnist --seeds 0,1 --device cpu");
    assert!(output.status.success(), "{}", errors(&output));
    let log = checkout.log();
    let words: Vec<_> = log.iter().map(|line| line.split(" --").next().unwrap()).collect();
    let each = ["train stage-1", "surgery", "train stage-2-1", "train stage-2-2", "train folds", "evaluate"];
    let expected: Vec<_> = [&["data fetch"][..], &each, &each, &["report results/paper"]].concat();
    assert_eq!(words, expected);
    assert!(log[7].contains("--run results/paper --seed 1 --recipe paper --device cpu"), "{}", log[7]);
    assert!(told(&output).contains("\n[4/14] mnist seed 0: train stage-2-1 (elapsed"), "{}", told(&output));
}

#[test]
fn a_failing_step_passes_its_status_on_and_an_interrupted_one_ends_quietly() {
    let checkout = Checkout::new().with_libtorch().with_tool("stage-2-1", 2);
    let output = checkout.run("reproduce --smoke --dataset mnist");
    assert_eq!(output.status.code(), Some(2));
    assert!(errors(&output).contains("stopped at `mnist seed 0: train stage-2-1`; the same command"));
    assert_eq!(checkout.log().len(), 3);
    let checkout = Checkout::new().with_libtorch().with_tool("surgery", 130);
    let output = checkout.run("reproduce --smoke --dataset mnist");
    assert_eq!((output.status.code(), errors(&output).as_str()), (Some(130), ""));
}

/// Starts a reproduction whose first step does `script` and says `ready`, and sends signals to it alone, as `kill`
/// does: status and errors.
#[cfg(unix)]
fn signalled(script: &str, signals: &[&str]) -> (Checkout, Option<i32>, String) {
    let checkout = Checkout::new().with_libtorch().with_tool("nothing", 1);
    let log = checkout.path("log").display().to_string();
    let text = format!("echo \"$* $LITECNN_SUPERVISED\" >> {log}\n{script}\necho ready >> {log}\n");
    let wait = "i=0; while [ $i -lt 60 ]; do sleep 0.05; i=$((i+1)); done";
    checkout.script("target/release/litecnn", &format!("{text}{wait}"));
    let mut command = checkout.command("reproduce --smoke --dataset mnist");
    let child = started(command.stdout(Stdio::null()).stderr(Stdio::piped()));
    while !checkout.log().iter().any(|line| line == "ready") {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    for signal in signals {
        let kill = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
        assert!(kill.unwrap().success());
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let output = child.wait_with_output().unwrap();
    (checkout, output.status.code(), errors(&output))
}

#[cfg(unix)]
#[test]
fn a_signal_is_handed_on_and_what_was_begun_is_waited_for() {
    let saves = "trap '' INT; trap 'echo saved >&2; exit 143' TERM";
    for (signal, status) in [("INT", 130), ("TERM", 143)] {
        let (checkout, code, told) = signalled(saves, &[signal]);
        assert_eq!(code, Some(status), "{told}");
        assert_eq!(told, "saved\ninterrupted; to go on: cargo xtask reproduce --smoke --dataset mnist\n");
        let log = checkout.log();
        assert!(log.len() == 2 && log[0].ends_with(" 1"), "one step, told that it is supervised: {log:?}");
    }
    // A step that ends well all the same is the last one.
    let (checkout, code, told) = signalled("trap '' INT TERM", &["INT"]);
    assert_eq!((code, checkout.log().len()), (Some(130), 2), "{told}");
    assert!(told.starts_with("interrupted; to go on: "), "{told}");
}

#[cfg(unix)]
#[test]
fn a_second_signal_ends_a_reproduction_at_once() {
    let start = std::time::Instant::now();
    // Its standard error is closed, so that nobody waits for what it may say.
    let (_, code, _) = signalled("trap '' INT TERM; exec 2>&-", &["INT", "INT"]);
    assert_eq!(code, Some(130));
    assert!(start.elapsed().as_secs_f64() < 2.9, "the step was not waited for");
}

#[cfg(unix)]
#[test]
fn setups_at_once_do_not_disturb_each_other() {
    // The libtorch that this workspace was set up with.
    let Some(libtorch) = std::env::var_os("LIBTORCH").map(PathBuf::from).and_then(|path| path.canonicalize().ok())
    else {
        println!("skipped: no libtorch is named by LIBTORCH");
        return;
    };
    let checkout = Checkout::new();
    let setups: Vec<_> = (0..4)
        .map(|_| {
            let mut command = checkout.command("setup");
            command.env("LIBTORCH", &libtorch).stdout(Stdio::piped()).stderr(Stdio::piped());
            started(&mut command)
        })
        .collect();
    for setup in setups {
        let output = setup.wait_with_output().unwrap();
        assert!(output.status.success() && told(&output).contains(" is ready"), "{}", errors(&output));
    }
    assert_eq!(checkout.path("root/.libtorch").canonicalize().unwrap(), libtorch);
    let names = |below: &str| -> Vec<_> {
        std::fs::read_dir(checkout.path(below)).unwrap().map(|e| e.unwrap().file_name()).collect()
    };
    assert_eq!(names("cache/litecnn"), [".setup.lock"], "nothing half-made is left");
    assert!(!names("root").iter().any(|name| name.to_string_lossy().contains(".new-")));
}

#[test]
fn a_second_reproduction_of_the_same_run_is_refused() {
    let checkout = Checkout::new().with_libtorch().with_tool("nothing", 1);
    let held = litecnn_run::Lock::try_acquire(&checkout.path("root/results/paper/.reproduce.lock")).unwrap();
    let output = checkout.run("reproduce");
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("another reproduction works in"), "{}", errors(&output));
    assert_eq!(checkout.log().len(), 0);
    assert!(checkout.run("reproduce --run other").status.success());
    drop(held);
    assert!(checkout.run("reproduce --fresh").status.success());
}

#[test]
fn the_compression_study_goes_on_where_it_stopped() {
    let line = "reproduce --study compression --smoke --device cpu";
    let checkout = Checkout::new().with_libtorch().with_zoo("prune", 1);
    let output = checkout.run(line);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("stopped at `cifar10 seed 0: resnet101-ghost-small-grouped zoo prune`; the same"));
    let words = |log: &[String]| -> Vec<String> {
        log.iter().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect()
    };
    assert_eq!(words(&checkout.log()), ["zoo train", "zoo quantise", "zoo prune"]);
    std::fs::remove_file(checkout.path("log")).unwrap();
    let checkout = checkout.with_zoo("nothing", 1);
    let output = checkout.run(line);
    assert!(output.status.success(), "{}", errors(&output));
    let report = "report results/compression-smoke";
    assert_eq!(words(&checkout.log()), ["zoo prune", "zoo quantise", "zoo train", report]);
    assert!(told(&output).contains("zoo train (elapsed 0s): done before\n"), "{}", told(&output));
    std::fs::remove_file(checkout.path("log")).unwrap();
    assert!(checkout.run(line).status.success());
    assert_eq!(words(&checkout.log()), [report]);

    let message = errors(&checkout.run("reproduce --run compression-smoke"));
    assert!(message.contains("holds a run of the study compression: give another --run"), "{message}");
    assert!(checkout.run(&format!("{line} --fresh")).status.success());
    assert_eq!(checkout.log().len(), 1 + 6, "begun again");
}
