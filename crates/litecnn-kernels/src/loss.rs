use crate::simd::LANES;

/// Gradients by the logits `[class][16]` of the cross-entropy of their softmax, averaged over a batch of `batch`
/// images: `(softmax - one-hot) / batch`. Lanes without a label get zeros.
///
/// # Panics
/// If a label is not below the number of classes, or there are more than 16.
pub fn cross_entropy_gradient(logits: &[f32], labels: &[i64], batch: usize, by_logits: &mut [f32]) {
    check(logits, labels);
    let share = 1.0 / batch as f32;
    gradient(logits, labels.len(), |lane, class| is(labels[lane], class), |_| share, by_logits);
}

/// As [`cross_entropy_gradient`] where images count differently: `(softmax - one-hot) * share`, with the share of each
/// labelled lane. The shares of a batch add up to 1 in a weighted mean.
///
/// # Panics
/// As [`cross_entropy_gradient`], or if there are not as many shares as labels.
pub fn weighted_cross_entropy_gradient(logits: &[f32], labels: &[i64], shares: &[f32], by_logits: &mut [f32]) {
    assert_eq!(labels.len(), shares.len(), "a share for each label");
    check(logits, labels);
    gradient(logits, labels.len(), |lane, class| is(labels[lane], class), |lane| shares[lane], by_logits);
}

/// As [`weighted_cross_entropy_gradient`] with targets `[class][16]` in place of labels: `(softmax - target) * share`. The
/// targets of a lane add up to 1.
///
/// # Panics
/// If there are not as many targets as logits, or more than 16 shares.
pub fn soft_cross_entropy_gradient(logits: &[f32], targets: &[f32], shares: &[f32], by_logits: &mut [f32]) {
    assert_eq!(logits.len(), targets.len(), "a target for each logit");
    gradient(logits, shares.len(), |lane, class| targets[class * LANES + lane], |lane| shares[lane], by_logits);
}

/// The target of a class for an image with this label.
fn is(label: i64, class: usize) -> f32 {
    f32::from(u8::from(class as i64 == label))
}

fn check(logits: &[f32], labels: &[i64]) {
    let classes = logits.len() / LANES;
    let foreign = labels.iter().find(|label| !(0..classes as i64).contains(label));
    assert!(foreign.is_none(), "label {foreign:?} of {classes} classes");
}

fn gradient(
    logits: &[f32],
    images: usize,
    target: impl Fn(usize, usize) -> f32,
    share: impl Fn(usize) -> f32,
    by_logits: &mut [f32],
) {
    let classes = logits.len() / LANES;
    assert_eq!(logits.len(), by_logits.len());
    assert!(images <= LANES);
    by_logits.fill(0.0);
    for lane in 0..images {
        let at = |class: usize| class * LANES + lane;
        let mut largest = logits[at(0)];
        for class in 1..classes {
            largest = largest.max(logits[at(class)]);
        }
        let mut sum = 0.0;
        for class in 0..classes {
            let e = (logits[at(class)] - largest).exp();
            by_logits[at(class)] = e;
            sum += e;
        }
        let share = share(lane);
        for class in 0..classes {
            by_logits[at(class)] = (by_logits[at(class)] / sum - target(lane, class)) * share;
        }
    }
}
