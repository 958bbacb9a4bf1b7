//! The C code on an emulated microcontroller: Cortex-M4 of the board MPS2 AN386, without and with its floating-point
//! unit. QEMU is told to let a nanosecond pass with every instruction, so its clock counts instructions.

use std::path::Path;
use std::process::Command;

use litecnn_export::{TrainedModel, c};

use crate::models::{deviation, fixture, largest, logits};
use crate::tools::{self, floats};

const BOARD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cortex-m");
const GCC: &str = "arm-none-eabi-gcc";
const QEMU: &str = "qemu-system-arm";
/// Few, as everything is emulated twice: by a library for floats and by QEMU.
const IMAGES: usize = 4;

#[test]
fn a_cortex_m4_gives_the_same_answers() {
    for tool in [GCC, QEMU, "arm-none-eabi-size"] {
        if !tools::runs(tool, &["--version"]) {
            println!("skipped: no {tool} (Debian packages: gcc-arm-none-eabi, qemu-system-arm)");
            return;
        }
    }
    let model = TrainedModel::read(&fixture("mnist-final.safetensors")).unwrap();
    let pixels = std::fs::read(fixture("mnist-test.u8")).unwrap();
    let images: Vec<&[u8]> = pixels.chunks_exact(784).take(IMAGES).collect();
    for (unit, flags) in
        [("soft floats", &["-mfloat-abi=soft"][..]), ("with FPU", &["-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"])]
    {
        let folder = tempfile::tempdir().unwrap();
        let scratch = write(&model, &images, folder.path());
        build(folder.path(), flags);
        let size = tools::run(Command::new("arm-none-eabi-size").arg("model.o").current_dir(&folder), b"");
        let output = emulate(folder.path());
        let mut far = 0.0_f64;
        let mut instructions = 0;
        let mut lines = output.lines();
        for image in &images {
            let expected = logits(&model, image);
            let found = floats(lines.next().unwrap());
            far = far.max(deviation(&found, &expected));
            let found: Vec<f64> = found.into_iter().map(f64::from).collect();
            assert_eq!(largest(&found), largest(&expected));
            instructions = u64::from_str_radix(lines.next().unwrap().trim(), 16).unwrap();
        }
        let stack = usize::from_str_radix(lines.next().unwrap().trim(), 16).unwrap();
        println!("Cortex-M4, {unit}: logits {far:.1e}, {instructions} instructions an image, stack {stack} bytes");
        println!("{size}");
        assert!(far <= 1e-4);
        assert!((scratch..scratch + 400).contains(&stack), "{stack} bytes of stack, {scratch} of scratch memory");
        let text: usize = size.lines().nth(1).unwrap().split_whitespace().next().unwrap().parse().unwrap();
        assert!(text < 4 * 14_862 + 20 + 2048, "{text} bytes of code and constants");
    }
}

/// The model and the images as C; scratch bytes of the model.
fn write(model: &TrainedModel, images: &[&[u8]], folder: &Path) -> usize {
    let code = c(model, "model");
    let rows: String = images.iter().map(|image| format!("    {{{}}},\n", list(image))).collect();
    let images = format!("static const uint8_t images[{}][{}] = {{\n{rows}}};\n", images.len(), images[0].len());
    for (name, text) in [("model.h", code.header), ("model.c", code.source), ("images.h", images)] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    code.scratch_bytes
}

fn list(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte},")).collect()
}

fn build(folder: &Path, flags: &[&str]) {
    let mut common =
        vec!["-mcpu=cortex-m4", "-mthumb", "-std=c99", "-O2", "-ffreestanding", "-Wall", "-Wextra", "-Werror"];
    common.extend(flags);
    let gcc = |arguments: &[&str]| {
        let mut gcc = Command::new(GCC);
        tools::run(gcc.current_dir(folder).args(&common).args(arguments), b"");
    };
    gcc(&["-c", "model.c"]);
    let [script, start, main] = ["board.ld", "start.c", "main.c"].map(|name| format!("{BOARD}/{name}"));
    let script = format!("-T{script}");
    gcc(&["-nostdlib", "-I.", &script, &start, &main, "model.o", "-lgcc", "-o", "program.elf"]);
}

/// What the program wrote.
fn emulate(folder: &Path) -> String {
    let mut qemu = Command::new(QEMU);
    qemu.args(["-machine", "mps2-an386", "-display", "none", "-monitor", "none", "-serial", "none"]);
    qemu.args(["-semihosting-config", "enable=on,target=native", "-icount", "shift=0"]);
    tools::run(qemu.arg("-kernel").arg(folder.join("program.elf")), b"")
}
