use litecnn_run::EpochRecord;

use super::event::Event;

/// A quantity, by the same tag wherever it is known.
struct Scalar {
    tag: &'static str,
    train: fn(&EpochRecord) -> f64,
    validation: Option<fn(&EpochRecord) -> f64>,
}

const SCALARS: [Scalar; 4] = [
    Scalar { tag: "accuracy", train: |r| r.accuracy, validation: Some(|r| r.validation_accuracy) },
    Scalar { tag: "loss", train: |r| r.loss, validation: Some(|r| r.validation_loss) },
    Scalar { tag: "learning_rate", train: |r| r.learning_rate, validation: None },
    Scalar { tag: "images_per_second", train: |r| r.images_per_second, validation: None },
];

/// What training itself measured in each epoch of one output. `start` is in seconds since 1970.
pub(super) fn train(start: f64, records: &[&EpochRecord]) -> Vec<Event> {
    events(start, records, |scalar| Some(scalar.train))
}

/// What was measured on the validation images after each epoch of one output.
pub(super) fn validation(start: f64, records: &[&EpochRecord]) -> Vec<Event> {
    events(start, records, |scalar| scalar.validation)
}

fn events(
    start: f64,
    records: &[&EpochRecord],
    side: impl Fn(&Scalar) -> Option<fn(&EpochRecord) -> f64>,
) -> Vec<Event> {
    let mut wall_time = start;
    let mut events = vec![Event::head(start)];
    for record in records {
        wall_time += record.seconds;
        let values = SCALARS.iter().filter_map(|scalar| Some((scalar.tag, side(scalar)?(record) as f32)));
        events.push(Event::scalars(wall_time, record.epoch.into(), values));
    }
    events
}
