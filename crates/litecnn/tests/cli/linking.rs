//! Programs find libtorch by themselves and load its CUDA part where there is one.

use std::process::Command;

use object::read::elf::{Dyn, FileHeader};
use object::{Endianness, elf};

include!("../../../link-libtorch.rs");

/// `NEEDED` libraries and run paths of an ELF program.
fn dynamic(program: &Path) -> (Vec<String>, Vec<String>) {
    let data = std::fs::read(program).unwrap();
    let data = data.as_slice();
    let header = elf::FileHeader64::<Endianness>::parse(data).unwrap();
    let endian = header.endian().unwrap();
    let sections = header.sections(endian, data).unwrap();
    let (entries, index) = sections.dynamic(endian, data).unwrap().unwrap();
    let strings = sections.strings(endian, data, index).unwrap();
    let of = |tags: &[elf::DynamicTag]| {
        let wanted = entries.iter().filter(|e| tags.contains(&e.tag(endian)));
        wanted.map(|e| String::from_utf8(e.string(endian, strings).unwrap().to_vec()).unwrap()).collect()
    };
    (of(&[elf::DT_NEEDED]), of(&[elf::DT_RUNPATH, elf::DT_RPATH]))
}

#[test]
fn the_tool_and_this_test_load_libtorch_and_its_cuda_part_if_there_is_one() {
    for program in [Path::new(env!("CARGO_BIN_EXE_litecnn")), &std::env::current_exe().unwrap()] {
        let (needed, paths) = dynamic(program);
        assert!(needed.iter().any(|n| n == "libtorch.so"), "{needed:?}");
        let lib = paths.iter().flat_map(|p| p.split(':')).find(|p| Path::new(p).join("libtorch.so").exists());
        let lib = lib.unwrap_or_else(|| panic!("no libtorch in {paths:?}"));
        let cuda = Path::new(lib).join("libtorch_cuda.so").exists();
        assert_eq!(needed.iter().any(|n| n == "libtorch_cuda.so"), cuda, "{needed:?}");
    }
    let status = Command::new(env!("CARGO_BIN_EXE_litecnn")).arg("--version").env_remove("LD_LIBRARY_PATH").status();
    assert!(status.unwrap().success(), "starts without LD_LIBRARY_PATH");
}

/// A program that names nothing of libtorch, linked against stand-ins with the arguments the build scripts give.
#[test]
fn a_cuda_build_would_be_linked_so_that_cuda_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let run = |program: &str, words: &[&str]| {
        let output = Command::new(program).args(words).current_dir(dir.path()).output().unwrap();
        assert!(output.status.success(), "{program} {words:?}\n{}", String::from_utf8_lossy(&output.stderr));
    };
    std::fs::write(dir.path().join("main.rs"), "fn main() {}").unwrap();
    std::fs::write(dir.path().join("empty.c"), "").unwrap();
    for cuda in [false, true] {
        run("cc", &["-shared", "-o", "libtorch.so", "-Wl,-soname,libtorch.so", "empty.c"]);
        if cuda {
            run("cc", &["-shared", "-o", "libtorch_cuda.so", "-Wl,-soname,libtorch_cuda.so", "empty.c"]);
        }
        let args: Vec<String> = link_args(dir.path()).into_iter().map(|arg| format!("-Clink-arg={arg}")).collect();
        let mut words = vec!["main.rs", "-o", "main"];
        words.extend(args.iter().map(String::as_str));
        run("rustc", &words);
        let (needed, _) = dynamic(&dir.path().join("main"));
        assert!(needed.iter().any(|n| n == "libtorch.so"), "{needed:?}");
        assert_eq!(needed.iter().any(|n| n == "libtorch_cuda.so"), cuda, "{needed:?}");
        run("./main", &[]);
    }
}
