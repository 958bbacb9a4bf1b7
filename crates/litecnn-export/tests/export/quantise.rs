use litecnn_export::{ByteRange, ExportError, QuantiseSettings, litecnn, quantise};
use litecnn_runtime::{AlignedBytes, Level, Model, top1};

use crate::folded;
use crate::models::{self, Parts, logits};

fn answers(file: &[u8], images: &[Vec<u8>], level: Level) -> Vec<Vec<f32>> {
    let file = AlignedBytes::new(file);
    let model = Model::from_bytes(&file).unwrap().with_level(level);
    let mut scratch = vec![0.0; model.scratch_len()];
    let mut session = model.session(&mut scratch).unwrap();
    let answer = |image: &Vec<u8>| {
        let mut found = vec![0.0; model.classes()];
        session.logits(image, &mut found).unwrap();
        found
    };
    images.iter().map(answer).collect()
}

/// Of random models on random images, of which the first three quarters are calibrated with. Errors are shares of the range of
/// all logits.
#[test]
fn integers_answer_about_the_same_at_every_level() {
    for (name, model) in models::light().into_iter().chain(folded::all()) {
        let images = models::images(&model, 80);
        let quantised = quantise(&model, &images[..60].concat(), QuantiseSettings::default()).unwrap();
        let file = quantised.litecnn().unwrap();
        let expected: Vec<Vec<f64>> = images.iter().map(|image| logits(&model, image)).collect();
        let all = || expected.iter().flatten().copied();
        let range = all().fold(0.0, f64::max) - all().fold(0.0, f64::min);
        let first = answers(&file, &images, Level::detect());
        let far: Vec<f64> = first.iter().flatten().zip(all()).map(|(&a, b)| (f64::from(a) - b).abs() / range).collect();
        let mean = (far.iter().map(|far| far.powi(2)).sum::<f64>() / far.len() as f64).sqrt();
        let most = far.iter().fold(0.0_f64, |a, &b| a.max(b));
        println!("{name}: off by {mean:.4} of the range, at most {most:.4}, {:?}", quantised.range());
        assert!(mean < 0.02 && most < 0.08, "{name}: {mean}, {most}");
        for level in Level::available() {
            assert_eq!(answers(&file, &images, level), first, "{name}, {}", level.name());
        }
        assert_eq!(quantise(&model, &images[..60].concat(), QuantiseSettings::default()).unwrap(), quantised, "{name}");
        if model.parameters() > 5_000 {
            assert!(file.len() * 3 < litecnn(&model).unwrap().len(), "{name}: {} bytes", file.len());
        }
    }
}

#[test]
fn what_is_hard_on_bytes_is_answered_too() {
    for (name, model, images) in folded::hard() {
        let file = quantise(&model, &images.concat(), QuantiseSettings::default()).unwrap().litecnn().unwrap();
        let expected: Vec<f64> = images.iter().flat_map(|image| logits(&model, image)).collect();
        let range = expected.iter().fold(0.0, |a: f64, &b| a.max(b)) - expected.iter().fold(0.0, |a: f64, &b| a.min(b));
        let found = answers(&file, &images, Level::detect());
        let far = found.iter().flatten().zip(&expected).map(|(&a, b)| (f64::from(a) - b).abs() / range);
        let most = far.fold(0.0_f64, f64::max);
        println!("{name}: off by at most {most:.4} of the range");
        assert!(most < 0.02, "{name}: {most}");
    }
}

#[test]
fn a_trained_model_keeps_its_answers_in_a_quarter_of_the_bytes() {
    let (_, model) = models::light().pop().unwrap();
    let images = std::fs::read(models::fixture("mnist-test.u8")).unwrap();
    let file = quantise(&model, &images, QuantiseSettings::default()).unwrap().litecnn().unwrap();
    assert!(file.len() <= 20_000, "{}", file.len());
    let images: Vec<Vec<u8>> = images.chunks_exact(28 * 28).map(<[u8]>::to_vec).collect();
    for (found, image) in answers(&file, &images, Level::detect()).iter().zip(&images) {
        assert_eq!(top1(found), models::largest(&logits(&model, image)));
    }
}

#[test]
fn fewer_bits_are_worse_and_still_answer() {
    let (_, model) = models::light().pop().unwrap();
    let images = models::images(&model, 30);
    let off = |weight_bits: u32| {
        let settings = QuantiseSettings { weight_bits, range: Some(ByteRange::Full) };
        let quantised = quantise(&model, &images.concat(), settings).unwrap();
        assert_eq!(quantised.range(), ByteRange::Full);
        let found = answers(&quantised.litecnn().unwrap(), &images, Level::detect());
        let pairs = found.into_iter().flatten().zip(images.iter().flat_map(|image| logits(&model, image)));
        pairs.map(|(a, b)| (f64::from(a) - b).powi(2)).sum::<f64>()
    };
    let [eight, six, four, two] = [8, 6, 4, 2].map(off);
    assert!(eight < six && six < four && four < two, "{eight} {six} {four} {two}");
}

/// Weights that are zero, far too small or far too large for each other, and images all alike.
#[test]
fn degenerate_models_are_quantised() {
    let made = Parts::unified([1, 12, 12], &[5, 3], &["a", "b", "c"], 4, "relu");
    let changes: [&dyn Fn(&mut Parts); 5] = [
        &|parts| parts.tensors.iter_mut().for_each(|(_, _, values)| values.fill(0.0)),
        &|parts| parts.tensors[0].2.fill(0.0),
        &|parts| parts.tensors[1].2.fill(1e9),
        &|parts| parts.tensors[2].2.fill(1e-30),
        &|parts| parts.tensors.iter_mut().for_each(|(_, _, values)| values.iter_mut().for_each(|v| *v *= 1e-12)),
    ];
    for (i, change) in changes.iter().enumerate() {
        let mut parts = made.clone();
        change(&mut parts);
        let model = parts.model();
        let images = [models::images(&model, 3).concat(), vec![0; 144], vec![255; 144]].concat();
        let file = quantise(&model, &images, QuantiseSettings::default()).unwrap().litecnn().unwrap();
        let images: Vec<Vec<u8>> = images.chunks_exact(144).map(<[u8]>::to_vec).collect();
        for (found, image) in answers(&file, &images, Level::detect()).iter().zip(&images) {
            let expected = logits(&model, image);
            let size = expected.iter().fold(0.0_f64, |a, v| a.max(v.abs()));
            let far = models::deviation(found, &expected);
            assert!(far <= 0.05 * size, "change {i}: {far} of {size}");
        }
    }
}

#[test]
fn part_of_an_image_is_refused() {
    let (_, model) = models::light().pop().unwrap();
    for found in [0, 783, 785] {
        let error = quantise(&model, &vec![0; found], QuantiseSettings::default()).unwrap_err();
        assert!(matches!(error, ExportError::Calibration { image: 784, found: f } if f == found), "{error}");
    }
}
