use super::map::{Map, Vector, values};
use super::norm::Affine;
use super::separable::Between;
use super::{Moments, NetworkShape, Step, Unit};
use crate::conv::sum;

/// Room for what is computed of 16 images on the way forward and back, and the sums of gradients of all groups since
/// they were taken.
#[derive(Debug)]
pub struct Room {
    pub(super) shape: NetworkShape,
    /// What the steps make.
    pub(super) values: Vec<Vec<Vector>>,
    /// What the units' convolutions give.
    pub(super) raw: Vec<Vec<Vector>>,
    /// Of each unit.
    pub(super) between: Vec<Between>,
    pub(super) moments: Vec<Moments>,
    pub(super) affine: Vec<Affine>,
    /// Of one unit, two for each channel.
    pub(super) sums: Vec<Vector>,
    pub(super) means: Vec<Vector>,
    pub(super) by_means: Vec<Vector>,
    pub(super) logits: Vec<Vector>,
    pub(super) gradients: Vec<Vec<Vector>>,
    pub(super) plan: Plan,
    /// One for each weight.
    pub(super) weight_sums: Vec<Vector>,
}

/// Which gradients share room.
#[derive(Debug)]
pub(super) struct Plan {
    /// Of each value; the images' is never looked at.
    pub(super) slots: Vec<usize>,
    /// Of each step: whether it is the first on the way back that writes to a gradient.
    pub(super) first: Vec<First>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct First {
    pub(super) input: bool,
    pub(super) added: bool,
}

impl Room {
    pub(super) fn new(shape: &NetworkShape, maps: &[Map], between: Vec<Between>) -> Self {
        let units: Vec<Map> = shape.units(maps).map(|(i, _, _)| maps[i + 1]).collect();
        let widest = units.iter().map(|map| map.channels).max().unwrap_or(0);
        let (plan, slots) = Plan::new(shape, maps);
        let features = maps[maps.len() - 1].channels;
        Self {
            shape: shape.clone(),
            values: maps[1..].iter().map(Map::zeros).collect(),
            raw: units.iter().map(Map::zeros).collect(),
            between,
            moments: vec![Moments::default(); shape.normed()],
            affine: vec![Affine::default(); shape.normed()],
            sums: vec![Vector::ZERO; 2 * widest],
            means: vec![Vector::ZERO; features],
            by_means: vec![Vector::ZERO; features],
            logits: vec![Vector::ZERO; shape.classes],
            gradients: slots.iter().map(Map::zeros).collect(),
            plan,
            weight_sums: vec![Vector::ZERO; shape.parameters()],
        }
    }

    /// Logits `[class][16]`.
    pub fn logits(&self) -> &[f32] {
        values(&self.logits)
    }

    /// What batch norms saw of the 16 images, unit by unit.
    pub fn moments(&self) -> &[Moments] {
        &self.moments
    }

    /// Adds the gradients summed since the last call to `gradient`, `[parameters]`, and starts from zero again.
    ///
    /// # Panics
    /// If there is not room for as many.
    pub fn take_gradient(&mut self, gradient: &mut [f32]) {
        assert_eq!(gradient.len(), self.weight_sums.len(), "gradients of another shape");
        for (to, sums) in gradient.iter_mut().zip(&mut self.weight_sums) {
            *to += sum(&sums.0);
            *sums = Vector::ZERO;
        }
    }
}

impl Plan {
    /// The plan, and the maps that slots are for. A slot is only shared by maps of one shape, whose columns of zeros lie
    /// in the same places.
    fn new(shape: &NetworkShape, maps: &[Map]) -> (Self, Vec<Map>) {
        let mut slots: Vec<Map> = Vec::new();
        let mut free: Vec<usize> = Vec::new();
        let mut of: Vec<Option<usize>> = vec![None; maps.len()];
        // Whether this is the first write; a slot is found then.
        let mut claim = |value: usize, of: &mut Vec<Option<usize>>, free: &mut Vec<usize>| {
            if of[value].is_some() {
                return false;
            }
            let found = free.iter().position(|&slot| slots[slot] == maps[value]);
            let slot = found.map(|place| free.swap_remove(place)).unwrap_or_else(|| {
                slots.push(maps[value]);
                slots.len() - 1
            });
            of[value] = Some(slot);
            true
        };
        claim(maps.len() - 1, &mut of, &mut free);
        let mut first = Vec::new();
        for (i, step) in shape.steps.iter().enumerate().rev() {
            let (Step::Unit(Unit { input, .. }) | Step::Pool { input, .. }) = *step;
            let added = if let Step::Unit(Unit { added, .. }) = *step { added } else { None };
            // In the order in which they are written.
            let added = added.is_some_and(|value| claim(value, &mut of, &mut free));
            let input = input > 0 && claim(input, &mut of, &mut free);
            first.push(First { input, added });
            free.extend(of[i + 1]);
        }
        first.reverse();
        (Self { slots: of.into_iter().map(|slot| slot.unwrap_or(usize::MAX)).collect(), first }, slots)
    }
}
