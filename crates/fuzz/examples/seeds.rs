//! Writes small models of each kind to `corpus/model`: where fuzzing starts from.

use litecnn_runtime::{Architecture, Quantised, QuantisedLayer, Requantisation, Scaling, encode, encode_int8};

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
        let scaling = Scaling { scale: 1.0 / 255.0, shift: 0.0 };
        let file = encode(architecture, &names, scaling, &weights)?;
        std::fs::write(format!("corpus/model/floats-{i}"), file)?;
        let file = encode_int8(architecture, &names, scaling, &integers(architecture))?;
        std::fs::write(format!("corpus/model/integers-{i}"), file)?;
    }
    Ok(())
}

fn integers(architecture: &Architecture) -> Quantised {
    let branches = if architecture.hidden().is_some() { 2 } else { 1 };
    let mut shapes = Vec::new();
    for _ in 0..branches {
        let mut channels = architecture.input_shape()[0];
        for filters in architecture.filters() {
            shapes.push([filters, 9 * channels]);
            channels = filters;
        }
        shapes.push([architecture.classes(), architecture.features()]);
    }
    if let Some(units) = architecture.hidden() {
        shapes.push([units, branches * architecture.classes()]);
        shapes.push([architecture.classes(), units]);
    }
    let last = shapes.len() - 1;
    let layer = |(index, [outputs, inputs]): (usize, [usize; 2])| QuantisedLayer {
        weights: (0..outputs * inputs).map(|n| (n * 37 % 255) as u8 as i8).collect(),
        biases: (0..outputs).map(|n| n as i32 * 1000 - 500).collect(),
        outputs: if index == last {
            Requantisation::Logits(vec![0.001; outputs])
        } else {
            Requantisation::Bytes { multipliers: vec![20_000; outputs], shifts: vec![3; outputs] }
        },
    };
    Quantised { layers: shapes.into_iter().enumerate().map(layer).collect() }
}
