use litecnn_export::litecnn;
use litecnn_runtime::{AlignedBytes, Level, Model, top1};

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
