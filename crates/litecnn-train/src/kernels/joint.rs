use litecnn_data::Stream;
use litecnn_kernels::{JointKernel, LANES, Level, from_lanes, to_lanes};
use litecnn_model::{Joint, UnifiedSpec};

use super::{Loss, Weights};
use crate::TrainError;
use crate::dropout::Dropout;
use crate::epoch::Lane;
use crate::goal::{Goal, Lesson, Shown};
use crate::optimizer::Optimizer;
use crate::pass::Pass;

/// The dense layers in training.
pub(super) struct Middle<'a> {
    pub(super) lane: Lane<'a>,
    kernel: JointKernel,
    weights: Weights,
    dropout: Dropout,
    hidden: usize,
    classes: usize,
    factors: Vec<f32>,
    by_logits: Vec<f32>,
}

impl<'a> Middle<'a> {
    pub(super) fn new(
        joint: &Joint,
        optimizer: &Optimizer,
        spec: &UnifiedSpec,
        mut dropout: Dropout,
        lane: Lane<'a>,
    ) -> Result<Self, TrainError> {
        lane.seek(0, &mut dropout.rng);
        let (hidden, classes) = (spec.hidden as usize, spec.branch.classes as usize);
        let mut kernel = JointKernel::new(spec.joined() as usize, hidden, classes, Level::detect());
        let weights = Weights::take(joint.params(), optimizer)?;
        kernel.set_weights(&weights.values);
        let (factors, by_logits) = (vec![0.0; hidden * LANES], vec![0.0; classes * LANES]);
        Ok(Self { lane, kernel, weights, dropout, hidden, classes, factors, by_logits })
    }

    /// Number of classes.
    pub(super) fn classes(&self) -> usize {
        self.classes
    }

    /// One step on a batch: groups of 16 images' joined outputs `[2 * classes][16]`. Their gradients are written to
    /// `by_joined`, laid out alike.
    pub(super) fn turn(
        &mut self,
        joined: &[f32],
        goal: &Goal,
        lesson: Lesson<'_>,
        by_joined: &mut [f32],
    ) -> Result<(), TrainError> {
        let seen = self.lane.way.logits.len();
        self.lane.learning_rate = self.weights.optimizer.learning_rate();
        let loss = Loss::of(goal, lesson);
        let labels = lesson.labels;
        let factors = self.dropout.draw(labels.len());
        let group = 2 * self.classes * LANES;
        let groups = joined.chunks_exact(group).zip(by_joined.chunks_exact_mut(group));
        for (g, ((joined, by_joined), group)) in groups.zip(labels.chunks(LANES)).enumerate() {
            let dropped = factors.as_ref().map(|factors| {
                let of_group = factors[g * LANES * self.hidden..].chunks_exact(self.hidden).take(group.len());
                to_lanes(&of_group.collect::<Vec<_>>(), &mut self.factors);
                self.factors.as_slice()
            });
            let logits = self.kernel.forward(joined, dropped);
            loss.gradient(g, logits, group, &mut self.by_logits);
            let rows = &mut self.lane.way.logits;
            let start = rows.len();
            rows.resize(start + group.len() * self.classes, 0.0);
            from_lanes(logits, &mut rows[start..]);
            self.kernel.backward(joined, dropped, &self.by_logits, by_joined);
        }
        self.lane.check_logits(&self.lane.way.logits[seen..], labels)?;
        self.kernel.take_gradient(&mut self.weights.gradient);
        self.weights.step();
        self.kernel.set_weights(&self.weights.values);
        Ok(())
    }

    /// Writes weights and optimiser back, and notes where the dropout's stream and another one stand.
    pub(super) fn put_back(
        mut self,
        joint: &mut Joint,
        optimizer: &mut Optimizer,
        other: Option<&Stream>,
    ) -> Result<Lane<'a>, TrainError> {
        self.weights.put_back(joint.params_mut(), optimizer)?;
        self.lane.note(&[Some(&self.dropout.rng), other].into_iter().flatten().collect::<Vec<_>>());
        Ok(self.lane)
    }
}

/// One epoch of the dense layers on joined outputs computed before, `[images][2 * classes]`, of images at these
/// places that were shown so, batch by batch; empty if as they are.
#[allow(clippy::too_many_arguments, reason = "each of its own kind")]
pub(crate) fn joint_epoch<'a>(
    joint: &mut Joint,
    optimizer: &mut Optimizer,
    spec: &UnifiedSpec,
    (joined, labels, places): (&[f32], &[i64], &[u32]),
    Pass { order, size, goal }: Pass<'_, i64>,
    shown: &[Shown],
    dropout: Dropout,
    lane: Lane<'a>,
) -> Result<Lane<'a>, TrainError> {
    let order = lane.left(order, size);
    let mut middle = Middle::new(joint, optimizer, spec, dropout, lane)?;
    let inputs = spec.joined() as usize;
    let labels: Vec<i64> = order.iter().map(|&i| labels[i as usize]).collect();
    let (groups, plain) = (size.div_ceil(LANES), Shown::default());
    let (mut lanes, mut by_joined) = (vec![0.0; groups * inputs * LANES], vec![0.0; groups * inputs * LANES]);
    for (batch, labels) in order.chunks(size).zip(labels.chunks(size)) {
        let used = batch.len().div_ceil(LANES) * inputs * LANES;
        for (places, lanes) in batch.chunks(LANES).zip(lanes.chunks_exact_mut(inputs * LANES)) {
            let rows: Vec<&[f32]> = places.iter().map(|&i| &joined[i as usize * inputs..][..inputs]).collect();
            to_lanes(&rows, lanes);
        }
        let shown = shown.get(middle.lane.way.batches).unwrap_or(&plain);
        let places: Vec<u32> = batch.iter().map(|&i| places[i as usize]).collect();
        let lesson = Lesson { places: &places, labels, shown };
        middle.turn(&lanes[..used], goal, lesson, &mut by_joined[..used])?;
        if !middle.lane.batch_done() {
            break;
        }
    }
    middle.put_back(joint, optimizer, None)
}
