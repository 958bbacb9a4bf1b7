use std::path::Path;

use litecnn_export::{QuantiseSettings, TrainedModel, litecnn, quantise};
use litecnn_runtime::{AlignedBytes, Fit, Level, Model, Pictures, top1};
use serde_json::json;

use crate::models::{self, deviation, largest, softmax};

/// Images are `[height][width][channel]` there and here.
#[test]
fn the_runtime_gives_the_same_answers_at_every_level() {
    for (name, model) in models::all() {
        let file = AlignedBytes::new(&litecnn(&model).unwrap());
        for level in Level::available() {
            let compact = Model::from_bytes(&file).unwrap().with_level(level);
            assert!(compact.class_names().eq(model.classes().iter().map(String::as_str)), "{name}");
            let mut scratch = vec![0.0; compact.scratch_len()];
            let mut session = compact.session(&mut scratch).unwrap();
            let mut found = vec![0.0; compact.classes()];
            for image in models::images(&model, 5) {
                let expected = models::logits(&model, &image);
                session.logits(&image, &mut found).unwrap();
                let size = expected.iter().fold(10.0_f64, |a, v| a.max(v.abs()));
                let far = deviation(&found, &expected);
                assert!(far <= 2e-6 * size, "{name}, {}: {far:.1e} of {size:.1}", level.name());
                assert_eq!(top1(&found), largest(&expected), "{name}");
                session.predict(&image, &mut found).unwrap();
                assert!(deviation(&found, &softmax(&expected)) <= 1e-5, "{name}");
            }
        }
    }
}

#[test]
fn the_form_of_pictures_goes_along() {
    let mut parts = models::Parts::unified([3, 10, 12], &[2, 3], &["a", "b"], 4, "none");
    let read = |parts: &models::Parts| TrainedModel::from_bytes(Path::new("x"), &parts.bytes());
    let told = |model: &TrainedModel| {
        let images = vec![7; 3 * 10 * 12 * 2];
        let small = quantise(model, &images, QuantiseSettings::default()).unwrap().litecnn().unwrap();
        [litecnn(model).unwrap(), small].map(|file| Model::from_bytes(&AlignedBytes::new(&file)).unwrap().pictures())
    };
    assert_eq!(told(&read(&parts).unwrap()), [None; 2]);
    let form =
        |height: usize| json!({"channels": 3, "height": height, "width": 12, "fit": "crop", "background": "#01fe03"});
    parts.card["pictures"] = form(10);
    let expected = Some(Pictures { fit: Fit::Crop, background: [1, 254, 3] });
    assert_eq!(told(&read(&parts).unwrap()), [expected; 2]);
    parts.card["pictures"] = form(11);
    let error = read(&parts).unwrap_err().to_string();
    assert!(error.contains("pictures are made into 3x11x12, which the model does not see"), "{error}");
}
