use super::conv::Conv;
use super::depthwise;
use super::map::Map;
use super::pool::Pooling;
use super::separable::Separable;

/// A network of units, poolings and a head: the mean of each channel of the last map, then a dense layer.
///
/// Value 0 are the images, value `i + 1` is what step `i` makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkShape {
    /// Of the images.
    pub channels: usize,
    /// Of the images, in pixels.
    pub height: usize,
    /// Of the images, in pixels.
    pub width: usize,
    /// First to last; the last one's value goes into the head.
    pub steps: Vec<Step>,
    /// Outputs of the dense layer.
    pub classes: usize,
}

/// What makes a value of earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A convolution with batch norm.
    Unit(Unit),
    /// 2x2 pooling with step 2.
    Pool {
        /// The value it is of.
        input: usize,
        /// What of a window counts.
        pooling: Pooling,
    },
}

/// A convolution (or two at once) that keeps the size of the map, without bias, and batch norm; a value may be added, and
/// ReLU follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    /// The value it is of.
    pub input: usize,
    /// The convolution.
    pub filters: Filters,
    /// A value added to what batch norm gives; not the images.
    pub added: Option<usize>,
    /// Whether ReLU follows.
    pub relu: bool,
}

/// A kind of convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filters {
    /// Every channel out sees every channel in.
    Full {
        /// Side of the kernel: 1 or 3.
        kernel: usize,
        /// Channels out.
        out: usize,
    },
    /// 3x3, each channel alone.
    Depthwise,
    /// 3x3, each channel alone, then 1x1 with nothing between them.
    Separable {
        /// Channels out.
        out: usize,
    },
}

impl NetworkShape {
    /// What is wrong with it, if anything.
    pub fn fault(&self) -> Option<String> {
        let sides = [self.height, self.width, self.channels].iter().all(|n| (1..=4096).contains(n));
        if !sides || !(1..=4096).contains(&self.classes) {
            return Some("sides, channels and classes are from 1 to 4096".into());
        }
        if self.steps.is_empty() {
            return Some("it has no steps".into());
        }
        let mut maps = vec![Map { channels: self.channels, height: self.height, width: self.width }];
        for (i, step) in self.steps.iter().enumerate() {
            let input = match step {
                Step::Unit(unit) => unit.input,
                Step::Pool { input, .. } => *input,
            };
            let Some(&map) = maps.get(input) else {
                return Some(format!("step {i} reads value {input}, which is not made before it"));
            };
            let made = made(step, map);
            match step {
                Step::Unit(unit) => {
                    let (kernel, out) = match unit.filters {
                        Filters::Full { kernel, out } => (kernel, out),
                        Filters::Separable { out } => (depthwise::SIDE, out),
                        Filters::Depthwise => (depthwise::SIDE, map.channels),
                    };
                    if ![1, 3].contains(&kernel) || !(1..=4096).contains(&out) {
                        return Some(format!("step {i}: a kernel of side {kernel} for {out} channels"));
                    }
                    if let Some(added) = unit.added
                        && (added == 0 || maps.get(added) != Some(&made))
                    {
                        return Some(format!("step {i} adds value {added}, which has another shape"));
                    }
                }
                Step::Pool { .. } if made.height == 0 || made.width == 0 || input == 0 => {
                    return Some(format!("step {i} pools what is too small, or the images"));
                }
                Step::Pool { .. } => {}
            }
            maps.push(made);
        }
        // Every value but the images must be used, or it would have no gradient.
        let used = |value: usize| {
            self.steps[value..].iter().any(|step| match step {
                Step::Unit(unit) => unit.input == value || unit.added == Some(value),
                Step::Pool { input, .. } => *input == value,
            })
        };
        let idle = (1..self.steps.len()).find(|&value| !used(value))?;
        Some(format!("nothing reads what step {} makes", idle - 1))
    }

    /// The maps of all values.
    pub(crate) fn maps(&self) -> Vec<Map> {
        let mut maps = vec![Map { channels: self.channels, height: self.height, width: self.width }];
        for step in &self.steps {
            let (Step::Unit(Unit { input, .. }) | Step::Pool { input, .. }) = step;
            maps.push(made(step, maps[*input]));
        }
        maps
    }

    /// Number of weights: of each unit `[out][in][k][k]` (`[channel][3][3]` of a depthwise one, both of a separable one) and batch norm's factors
    /// and summands `[out]` each, then the head's `[class][channel]` and `[class]`.
    pub fn parameters(&self) -> usize {
        let maps = self.maps();
        let of_units: usize = self.units(&maps).map(|(_, unit, map)| unit.weights(map) + 2 * unit.out(map)).sum();
        of_units + self.classes * (maps[maps.len() - 1].channels + 1)
    }

    /// Channels of all batch norms: as many means, and as many variances.
    pub fn normed(&self) -> usize {
        let maps = self.maps();
        self.units(&maps).map(|(_, unit, map)| unit.out(map)).sum()
    }

    /// Multiply-accumulates of one image.
    pub fn multiplications(&self) -> usize {
        let maps = self.maps();
        let of_units: usize = self.units(&maps).map(|(_, unit, map)| unit.weights(map) * map.pixels()).sum();
        of_units + self.classes * maps[maps.len() - 1].channels
    }

    /// Units with their steps and the maps they see.
    pub(crate) fn units<'a>(&'a self, maps: &'a [Map]) -> impl Iterator<Item = (usize, Unit, Map)> + 'a {
        self.steps.iter().enumerate().filter_map(|(i, step)| match step {
            Step::Unit(unit) => Some((i, *unit, maps[unit.input])),
            Step::Pool { .. } => None,
        })
    }
}

impl Unit {
    pub(crate) fn out(&self, map: Map) -> usize {
        match self.filters {
            Filters::Full { out, .. } | Filters::Separable { out } => out,
            Filters::Depthwise => map.channels,
        }
    }

    pub(crate) fn weights(&self, map: Map) -> usize {
        match self.filters {
            Filters::Full { kernel, out } => Conv { kernel, map, out }.weights(),
            Filters::Depthwise => map.channels * depthwise::TAPS,
            Filters::Separable { out } => Separable { map, out }.weights(),
        }
    }
}

/// The map a step makes.
fn made(step: &Step, map: Map) -> Map {
    match step {
        Step::Unit(unit) => map.with(unit.out(map)),
        Step::Pool { .. } => map.halved(),
    }
}
