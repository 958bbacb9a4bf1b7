//! Networks against their definition in double precision, computed value by value.
#![allow(clippy::unwrap_used, reason = "tests")]

use litecnn_kernels::{
    Filters, LANES, Level, NetworkKernel, NetworkShape, Pooling, Step, Unit, cross_entropy_gradient,
};

/// Values `[16][channels][height][width]`.
#[derive(Clone)]
struct Map {
    channels: usize,
    height: usize,
    width: usize,
    values: Vec<f64>,
}

impl Map {
    fn zeros(channels: usize, height: usize, width: usize) -> Self {
        Self { channels, height, width, values: vec![0.0; LANES * channels * height * width] }
    }

    fn place(&self, n: usize, c: usize, y: usize, x: usize) -> usize {
        ((n * self.channels + c) * self.height + y) * self.width + x
    }

    /// Zero outside.
    fn at(&self, n: usize, c: usize, y: isize, x: isize) -> f64 {
        let inside = y >= 0 && x >= 0 && y < self.height as isize && x < self.width as isize;
        if inside { self.values[self.place(n, c, y as usize, x as usize)] } else { 0.0 }
    }

    fn fill(mut self, value: impl Fn(usize, usize, usize, usize) -> f64) -> Self {
        for n in 0..LANES {
            for c in 0..self.channels {
                for y in 0..self.height {
                    for x in 0..self.width {
                        let place = self.place(n, c, y, x);
                        self.values[place] = value(n, c, y, x);
                    }
                }
            }
        }
        self
    }
}

fn convolution(input: &Map, weights: &[f64], filters: Filters) -> Map {
    if let Filters::Separable { out } = filters {
        let (first, second) = weights.split_at(9 * input.channels);
        return convolution(&convolution(input, first, Filters::Depthwise), second, full(1, out));
    }
    let (kernel, out, depthwise) = match filters {
        Filters::Full { kernel, out } => (kernel, out, false),
        Filters::Depthwise => (3, input.channels, true),
        Filters::Separable { .. } => unreachable!("it is two others"),
    };
    let half = (kernel / 2) as isize;
    Map::zeros(out, input.height, input.width).fill(|n, o, y, x| {
        let mut sum = 0.0;
        for i in 0..if depthwise { 1 } else { input.channels } {
            let channel = if depthwise { o } else { i };
            let inputs = if depthwise { 1 } else { input.channels };
            for ky in 0..kernel {
                for kx in 0..kernel {
                    let weight = weights[((o * inputs + i) * kernel + ky) * kernel + kx];
                    let (y, x) = (y as isize + ky as isize - half, x as isize + kx as isize - half);
                    sum += weight * input.at(n, channel, y, x);
                }
            }
        }
        sum
    })
}

/// What batch norm does, and the moments: mean and unbiased variance of each channel.
fn batch_norm(raw: &Map, scale: &[f64], shift: &[f64]) -> (Map, Vec<[f64; 2]>) {
    let count = (LANES * raw.height * raw.width) as f64;
    let each = |c: usize, value: &dyn Fn(f64) -> f64| {
        let mut sum = 0.0;
        for n in 0..LANES {
            for y in 0..raw.height {
                for x in 0..raw.width {
                    sum += value(raw.values[raw.place(n, c, y, x)]);
                }
            }
        }
        sum
    };
    let moments: Vec<[f64; 2]> = (0..raw.channels)
        .map(|c| {
            let mean = each(c, &|v| v) / count;
            [mean, each(c, &|v| (v - mean).powi(2)) / count]
        })
        .collect();
    let normed = Map::zeros(raw.channels, raw.height, raw.width).fill(|n, c, y, x| {
        let [mean, variance] = moments[c];
        (raw.at(n, c, y as isize, x as isize) - mean) / (variance + 1e-5).sqrt() * scale[c] + shift[c]
    });
    (normed, moments.into_iter().map(|[mean, variance]| [mean, variance * count / (count - 1.0)]).collect())
}

/// Logits `[16][classes]` and the moments of all batch norms.
fn forward(shape: &NetworkShape, images: &Map, weights: &[f64]) -> (Vec<Vec<f64>>, Vec<[f64; 2]>) {
    let mut values = vec![images.clone()];
    let (mut rest, mut all) = (weights, Vec::new());
    let mut take = |count: usize| {
        let (piece, after) = rest.split_at(count);
        rest = after;
        piece
    };
    for step in &shape.steps {
        let made = match step {
            Step::Unit(unit) => {
                let input = &values[unit.input];
                let (out, count) = match unit.filters {
                    Filters::Full { kernel, out } => (out, out * input.channels * kernel * kernel),
                    Filters::Depthwise => (input.channels, input.channels * 9),
                    Filters::Separable { out } => (out, input.channels * (9 + out)),
                };
                let raw = convolution(input, take(count), unit.filters);
                let (mut made, moments) = batch_norm(&raw, take(out), take(out));
                all.extend(moments);
                if let Some(added) = unit.added {
                    made.values.iter_mut().zip(&values[added].values).for_each(|(v, a)| *v += a);
                }
                if unit.relu {
                    made.values.iter_mut().for_each(|v| *v = v.max(0.0));
                }
                made
            }
            Step::Pool { input, pooling } => {
                let input = &values[*input];
                Map::zeros(input.channels, input.height / 2, input.width / 2).fill(|n, c, y, x| {
                    let of = |i: usize, j: usize| input.values[input.place(n, c, 2 * y + i, 2 * x + j)];
                    match pooling {
                        Pooling::Max => of(0, 0).max(of(0, 1)).max(of(1, 0)).max(of(1, 1)),
                        Pooling::Average => (of(0, 0) + of(0, 1) + of(1, 0) + of(1, 1)) / 4.0,
                    }
                })
            }
        };
        values.push(made);
    }
    let last = &values[values.len() - 1];
    let head = take(shape.classes * last.channels);
    let bias = take(shape.classes);
    let mean = |n: usize, c: usize| {
        let start = last.place(n, c, 0, 0);
        let pixels = last.height * last.width;
        last.values[start..start + pixels].iter().sum::<f64>() / pixels as f64
    };
    let logit = |n: usize, k: usize| {
        (0..last.channels).map(|c| head[k * last.channels + c] * mean(n, c)).sum::<f64>() + bias[k]
    };
    ((0..LANES).map(|n| (0..shape.classes).map(|k| logit(n, k)).collect()).collect(), all)
}

fn loss(logits: &[Vec<f64>], labels: &[i64]) -> f64 {
    let of = |(row, &label): (&Vec<f64>, &i64)| row.iter().map(|l| l.exp()).sum::<f64>().ln() - row[label as usize];
    logits.iter().zip(labels).map(of).sum::<f64>() / labels.len() as f64
}

/// Numbers that look random, around 0, in a fixed order.
fn noise(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64 * 2.0 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

fn unit(input: usize, filters: Filters, added: Option<usize>, relu: bool) -> Step {
    Step::Unit(Unit { input, filters, added, relu })
}

fn full(kernel: usize, out: usize) -> Filters {
    Filters::Full { kernel, out }
}

/// Everything there is: both kernels, depthwise, an addition of a unit's own input and of an earlier value, both poolings,
/// odd sides, channels that fill no block.
fn shapes() -> Vec<NetworkShape> {
    let separable =
        |input: usize| [unit(input, Filters::Depthwise, None, false), unit(input + 1, full(1, 7), Some(input), true)];
    let mut first = vec![unit(0, full(3, 7), None, true)];
    first.extend(separable(1));
    first.push(Step::Pool { input: 3, pooling: Pooling::Max });
    first.extend(separable(4));
    let inverted = vec![
        unit(0, full(3, 5), None, true),
        unit(1, full(1, 12), None, true),
        unit(2, Filters::Depthwise, None, true),
        unit(3, full(1, 5), Some(1), false),
        Step::Pool { input: 4, pooling: Pooling::Average },
        unit(5, full(3, 6), None, true),
        unit(6, full(3, 6), Some(6), true),
    ];
    // Several tiles of rows, the last one not full.
    let fused = |input: usize, out: usize, added: Option<usize>| unit(input, Filters::Separable { out }, added, true);
    let tall = vec![fused(0, 5, None), fused(1, 5, Some(1)), fused(2, 5, Some(1)), fused(3, 3, None)];
    vec![
        NetworkShape { channels: 2, height: 19, width: 6, steps: tall, classes: 2 },
        NetworkShape { channels: 3, height: 8, width: 8, steps: first, classes: 4 },
        NetworkShape { channels: 1, height: 7, width: 9, steps: inverted, classes: 3 },
    ]
}

struct Case {
    images: Map,
    weights: Vec<f64>,
    labels: Vec<i64>,
}

fn case(shape: &NetworkShape) -> Case {
    let empty = Map::zeros(shape.channels, shape.height, shape.width);
    let values: Vec<f64> = noise(empty.values.len(), 7).iter().map(|v| f64::from(*v as f32)).collect();
    // Batch norms' factors are near zero in none of them.
    let weights = noise(shape.parameters(), 11).iter().map(|v| f64::from((v + 0.3 * v.signum()) as f32)).collect();
    let labels = (0..LANES as i64).map(|n| n * 5 % shape.classes as i64).collect();
    Case { images: Map { values, ..empty }, weights, labels }
}

fn floats(values: &[f64]) -> Vec<f32> {
    values.iter().map(|v| *v as f32).collect()
}

/// Logits and gradient of the kernels.
fn computed(shape: &NetworkShape, case: &Case, level: Level) -> (Vec<f32>, Vec<f32>, Vec<[f32; 2]>) {
    let mut kernel = NetworkKernel::new(shape, level).unwrap();
    kernel.set_weights(&floats(&case.weights));
    let (mut images, mut room) = (kernel.images(), kernel.room());
    for y in 0..shape.height {
        for c in 0..shape.channels {
            for (x, lanes) in images.line(y, c).chunks_exact_mut(LANES).enumerate() {
                for (n, to) in lanes.iter_mut().enumerate() {
                    *to = case.images.values[case.images.place(n, c, y, x)] as f32;
                }
            }
        }
    }
    let mut gradient = vec![0.0; shape.parameters()];
    // Twice: what is left of one group must not reach the next.
    for _ in 0..2 {
        kernel.forward(&images, &mut room);
        let mut by_logits = vec![0.0; shape.classes * LANES];
        cross_entropy_gradient(room.logits(), &case.labels, 2 * LANES, &mut by_logits);
        kernel.backward(&images, &by_logits, &mut room);
    }
    room.take_gradient(&mut gradient);
    let moments = room.moments().iter().map(|m| [m.mean, m.variance]).collect();
    (room.logits().to_vec(), gradient, moments)
}

#[test]
fn logits_moments_and_gradients_are_those_of_the_definition() {
    for shape in shapes() {
        let case = case(&shape);
        let (logits, gradient, moments) = computed(&shape, &case, Level::detect());
        let (expected, expected_moments) = forward(&shape, &case.images, &case.weights);
        for (n, row) in expected.iter().enumerate() {
            for (k, expected) in row.iter().enumerate() {
                let found = f64::from(logits[k * LANES + n]);
                assert!((found - expected).abs() < 1e-4 * (1.0 + expected.abs()), "logit {found}, not {expected}");
            }
        }
        assert_eq!(moments.len(), shape.normed());
        for (found, expected) in moments.iter().zip(&expected_moments) {
            for i in 0..2 {
                assert!((f64::from(found[i]) - expected[i]).abs() < 1e-4 * (1.0 + expected[i].abs()));
            }
        }
        let mut off = 0;
        for i in 0..shape.parameters() {
            let step = 1e-6;
            let at = |by: f64| {
                let mut weights = case.weights.clone();
                weights[i] += by;
                loss(&forward(&shape, &case.images, &weights).0, &case.labels)
            };
            let expected = (at(step) - at(-step)) / (2.0 * step);
            let found = f64::from(gradient[i]);
            off += usize::from((found - expected).abs() > 1e-4 + 1e-3 * expected.abs());
        }
        // A value may change sides at a ReLU or maximum between the two points.
        assert!(off * 200 <= shape.parameters(), "{off} of {} gradients are wrong", shape.parameters());
    }
}

#[test]
fn all_levels_give_the_same_bits() {
    for shape in shapes() {
        let case = case(&shape);
        let [first, others @ ..] = &Level::available()[..] else { unreachable!("there is always one") };
        let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        let (logits, gradient, _) = computed(&shape, &case, *first);
        for level in others {
            let (other_logits, other_gradient, _) = computed(&shape, &case, *level);
            assert_eq!(bits(&logits), bits(&other_logits), "{level:?}");
            assert_eq!(bits(&gradient), bits(&other_gradient), "{level:?}");
        }
    }
}

#[test]
fn with_a_groups_own_moments_answers_are_those_of_training() {
    for shape in shapes() {
        let case = case(&shape);
        let mut kernel = NetworkKernel::new(&shape, Level::detect()).unwrap();
        kernel.set_weights(&floats(&case.weights));
        let (mut images, mut room) = (kernel.images(), kernel.room());
        images.line(0, 0).fill(0.5);
        kernel.forward(&images, &mut room);
        let expected = room.logits().to_vec();
        let mut means = Vec::new();
        let mut variances = Vec::new();
        let mut maps = vec![(shape.height, shape.width)];
        let mut moments = room.moments().iter();
        let mut channels = vec![shape.channels];
        for step in &shape.steps {
            match step {
                Step::Unit(unit) => {
                    let (height, width) = maps[unit.input];
                    let out = match unit.filters {
                        Filters::Full { out, .. } | Filters::Separable { out } => out,
                        Filters::Depthwise => channels[unit.input],
                    };
                    let count = (LANES * height * width) as f32;
                    for moments in moments.by_ref().take(out) {
                        means.push(moments.mean);
                        variances.push(moments.variance * (count - 1.0) / count);
                    }
                    maps.push((height, width));
                    channels.push(out);
                }
                Step::Pool { input, .. } => {
                    maps.push((maps[*input].0 / 2, maps[*input].1 / 2));
                    channels.push(channels[*input]);
                }
            }
        }
        kernel.set_statistics(&means, &variances);
        kernel.answer(&images, &mut room);
        for (found, expected) in room.logits().iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-4 * (1.0 + expected.abs()), "{found}, not {expected}");
        }
    }
}

#[test]
fn impossible_networks_are_refused_in_words() {
    let good = shapes().remove(1);
    assert_eq!(good.fault(), None);
    let with = |steps: Vec<Step>| NetworkShape { steps, ..good.clone() }.fault().unwrap();
    assert!(with(vec![]).contains("no steps"));
    assert!(with(vec![unit(1, full(3, 7), None, true)]).contains("value 1"));
    assert!(with(vec![unit(0, full(5, 7), None, true)]).contains("side 5"));
    assert!(with(vec![unit(0, full(3, 7), None, true), unit(1, full(1, 8), Some(1), true)]).contains("another shape"));
    assert!(with(vec![unit(0, full(3, 7), None, true), unit(0, full(3, 7), None, true)]).contains("nothing reads"));
    assert!(with(vec![Step::Pool { input: 0, pooling: Pooling::Max }]).contains("images"));
    assert!(NetworkShape { width: 0, ..good.clone() }.fault().unwrap().contains("from 1 to 4096"));
}
