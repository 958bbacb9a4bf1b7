//! Writes small models of each kind to `corpus/model`: where fuzzing starts from.

use litecnn_runtime::{Architecture, Scaling, encode};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let architectures = [
        Architecture::branch(1, 6, 7, &[2], 3)?,
        Architecture::branch(3, 12, 9, &[3], 2)?,
        Architecture::unified(1, 10, 11, &[1, 2], 2, 3, true)?,
        Architecture::unified(2, 4, 5, &[1], 2, 1, false)?,
        Architecture::unified(3, 22, 24, &[2, 3, 1], 4, 5, false)?,
    ];
    std::fs::create_dir_all("corpus/model")?;
    for (i, architecture) in architectures.iter().enumerate() {
        let weights: Vec<f32> = (0..architecture.parameters()).map(|n| (n as f32 * 0.7).sin()).collect();
        let names: Vec<String> = (0..architecture.classes()).map(|class| format!("é{class}")).collect();
        let file = encode(architecture, &names, Scaling { scale: 1.0 / 255.0, shift: 0.0 }, &weights)?;
        std::fs::write(format!("corpus/model/seed-{i}"), file)?;
    }
    Ok(())
}
