//! The kernels against the definitions written out in double precision, and against each other.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use litecnn_kernels::*;

/// Numbers between -1 and 1, the same every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    fn take(&mut self, count: usize, scale: f32) -> Vec<f32> {
        (0..count).map(|_| self.next() * scale).collect()
    }
}

fn shapes() -> Vec<BranchShape> {
    let shape = |channels, height, width, filters: &[usize], classes| BranchShape {
        channels,
        height,
        width,
        filters: filters.to_vec(),
        classes,
    };
    vec![
        shape(1, 28, 28, &[10, 20], 10),
        shape(3, 32, 32, &[10, 20], 10),
        shape(2, 11, 17, &[3, 6], 4),
        shape(1, 4, 5, &[1], 2),
        shape(5, 30, 23, &[4, 7, 9], 3),
        shape(1, 9, 8, &[16], 11),
    ]
}

/// A convolution as defined: `[y][x][filter]` before pooling; in `weights` `[filter][3][3][channel]`, then biases.
struct Layer {
    height: usize,
    width: usize,
    channels: usize,
    filters: usize,
    weights: Vec<f64>,
    biases: Vec<f64>,
}

struct Naive {
    layers: Vec<Layer>,
    head: Vec<f64>,
    head_bias: Vec<f64>,
}

impl Naive {
    fn new(shape: &BranchShape, weights: &[f32]) -> Self {
        let mut rest = weights.iter().map(|&w| f64::from(w));
        let (mut height, mut width, mut channels) = (shape.height, shape.width, shape.channels);
        let mut layers = Vec::new();
        for &filters in &shape.filters {
            let weights = rest.by_ref().take(filters * 9 * channels).collect();
            let biases = rest.by_ref().take(filters).collect();
            layers.push(Layer { height, width, channels, filters, weights, biases });
            (height, width, channels) = ((height - 2) / 2, (width - 2) / 2, filters);
        }
        let head = rest.by_ref().take(height * width * channels * shape.classes).collect();
        Self { layers, head, head_bias: rest.collect() }
    }

    /// Logits of an image `[y][x][channel]`, and the gradients of all weights of `sum(by_logits * logits)`.
    fn run(&self, image: &[f64], by_logits: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let mut inputs = vec![image.to_vec()];
        let mut largest = Vec::new();
        for l in &self.layers {
            let (output, places) = l.forward(inputs.last().unwrap());
            inputs.push(output);
            largest.push(places);
        }
        let features = inputs.pop().unwrap();
        let n = features.len();
        let logits = (0..self.head_bias.len())
            .map(|k| self.head_bias[k] + (0..n).map(|i| self.head[k * n + i] * features[i]).sum::<f64>())
            .collect();
        let mut by_output: Vec<f64> =
            (0..n).map(|i| by_logits.iter().enumerate().map(|(k, g)| g * self.head[k * n + i]).sum()).collect();
        let mut pieces =
            vec![by_logits.to_vec(), by_logits.iter().flat_map(|g| features.iter().map(move |f| g * f)).collect()];
        let mut output = features;
        for (l, (input, places)) in self.layers.iter().zip(inputs.iter().zip(&largest)).rev() {
            let (by_weights, by_biases, by_input) = l.backward(input, &output, places, &by_output);
            pieces.extend([by_biases, by_weights]);
            by_output = by_input;
            output = input.clone();
        }
        pieces.reverse();
        (logits, pieces.concat())
    }
}

impl Layer {
    fn forward(&self, input: &[f64]) -> (Vec<f64>, Vec<(usize, usize)>) {
        let (mut outputs, mut places) = (Vec::new(), Vec::new());
        for py in 0..(self.height - 2) / 2 {
            for px in 0..(self.width - 2) / 2 {
                for o in 0..self.filters {
                    let mut best = (f64::MIN, (0, 0));
                    for (y, x) in
                        [(2 * py, 2 * px), (2 * py, 2 * px + 1), (2 * py + 1, 2 * px), (2 * py + 1, 2 * px + 1)]
                    {
                        let mut sum = self.biases[o];
                        self.taps(y, x, o, |i, w| sum += input[i] * self.weights[w]);
                        if sum > best.0 {
                            best = (sum, (y, x));
                        }
                    }
                    outputs.push(best.0.max(0.0));
                    places.push(best.1);
                }
            }
        }
        (outputs, places)
    }

    /// Every input and weight that meet in a pixel.
    fn taps(&self, y: usize, x: usize, o: usize, mut meet: impl FnMut(usize, usize)) {
        for ky in 0..3 {
            for kx in 0..3 {
                for c in 0..self.channels {
                    let input = ((y + ky) * self.width + x + kx) * self.channels + c;
                    meet(input, ((o * 3 + ky) * 3 + kx) * self.channels + c);
                }
            }
        }
    }

    fn backward(
        &self,
        input: &[f64],
        output: &[f64],
        places: &[(usize, usize)],
        by_output: &[f64],
    ) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
        let (mut by_weights, mut by_biases) = (vec![0.0; self.weights.len()], vec![0.0; self.filters]);
        let mut by_input = vec![0.0; input.len()];
        for (i, (&(y, x), &g)) in places.iter().zip(by_output).enumerate() {
            if output[i] > 0.0 {
                let o = i % self.filters;
                by_biases[o] += g;
                self.taps(y, x, o, |i, w| {
                    by_weights[w] += g * input[i];
                    by_input[i] += g * self.weights[w];
                });
            }
        }
        (by_weights, by_biases, by_input)
    }
}

/// Logits `[class][16]` and gradients as the kernel computes them.
fn kernel(
    shape: &BranchShape,
    level: Level,
    weights: &[f32],
    images: &[f32],
    by_logits: &[f32],
) -> (Vec<f32>, Vec<f32>) {
    let mut kernel = BranchKernel::new(shape, level).unwrap();
    kernel.set_weights(weights);
    let (mut activations, mut workspace) = (kernel.activations(true), kernel.workspace());
    let mut gradient = vec![1.0; shape.parameters()];
    // Twice: nothing may be left over from the first time.
    for _ in 0..2 {
        kernel.forward(images, &mut activations);
        kernel.backward(images, &activations, by_logits, &mut workspace);
        kernel.take_gradient(&mut gradient);
    }
    let mut inference = kernel.activations(false);
    kernel.forward(images, &mut inference);
    let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(inference.logits()), bits(activations.logits()));
    (activations.logits().to_vec(), gradient)
}

#[test]
fn logits_and_gradients_are_as_defined_and_the_same_on_every_level() {
    for (n, shape) in shapes().into_iter().enumerate() {
        let mut random = Random(n as u64);
        let weights = random.take(shape.parameters(), 0.3);
        let images = random.take(shape.pixels() * LANES, 1.0);
        let by_logits = random.take(shape.classes * LANES, 0.1);
        let naive = Naive::new(&shape, &weights);
        let lane = |values: &[f32], lane: usize| -> Vec<f64> {
            values.chunks(LANES).map(|lanes| f64::from(lanes[lane])).collect()
        };
        let mut expected = vec![0.0; shape.parameters()];
        let mut logits = vec![0.0; shape.classes * LANES];
        for l in 0..LANES {
            let (of_image, gradient) = naive.run(&lane(&images, l), &lane(&by_logits, l));
            for (sum, g) in expected.iter_mut().zip(gradient) {
                *sum += g;
            }
            for (k, logit) in of_image.into_iter().enumerate() {
                logits[k * LANES + l] = logit;
            }
        }
        let best = kernel(&shape, Level::detect(), &weights, &images, &by_logits);
        let worst = |ours: &[f32], expected: &[f64]| {
            ours.iter().zip(expected).map(|(a, b)| (f64::from(*a) - b).abs() / b.abs().max(1.0)).fold(0.0, f64::max)
        };
        assert!(worst(&best.0, &logits) < 1e-5, "{shape:?} logits: {}", worst(&best.0, &logits));
        assert!(worst(&best.1, &expected) < 1e-5, "{shape:?} gradients: {}", worst(&best.1, &expected));
        for level in Level::available() {
            assert!(kernel(&shape, level, &weights, &images, &by_logits) == best, "{shape:?} {level:?}");
        }
    }
}

#[test]
fn the_last_level_is_the_portable_one() {
    assert_eq!(Level::available().last(), Some(&Level::PORTABLE));
    assert_eq!(Level::available()[0], Level::detect());
}

#[test]
fn the_first_of_equal_values_is_the_largest() {
    // All four pixels of the window are alike, so the gradient of the weights is that of the first.
    let shape = BranchShape { channels: 1, height: 4, width: 4, filters: vec![1], classes: 1 };
    let mut weights = vec![0.0; shape.parameters()];
    weights[9] = 1.0;
    weights[10] = 1.0;
    let mut images = vec![0.0; 16 * LANES];
    for (pixel, lanes) in images.chunks_mut(LANES).enumerate() {
        lanes[0] = pixel as f32;
    }
    let mut by_logits = vec![0.0; LANES];
    by_logits[0] = 1.0;
    for level in Level::available() {
        let (logits, gradient) = kernel(&shape, level, &weights, &images, &by_logits);
        assert_eq!(logits[0], 1.0);
        assert_eq!(gradient[..9], [0.0, 1.0, 2.0, 4.0, 5.0, 6.0, 8.0, 9.0, 10.0]);
    }
}

#[test]
fn not_a_number_is_not_lost() {
    let shape = BranchShape { channels: 1, height: 6, width: 6, filters: vec![2], classes: 2 };
    let images = vec![0.5; shape.pixels() * LANES];
    for level in Level::available() {
        let weights = vec![f32::NAN; shape.parameters()];
        let (logits, _) = kernel(&shape, level, &weights, &images, &[0.0; 2 * LANES]);
        assert!(logits.iter().all(|x| x.is_nan()), "{level:?}");
    }
}

#[test]
fn impossible_branches_are_none() {
    let good = BranchShape { channels: 1, height: 28, width: 28, filters: vec![10, 20], classes: 10 };
    assert!(BranchKernel::new(&good, Level::PORTABLE).is_some());
    for bad in [
        BranchShape { filters: vec![], ..good.clone() },
        BranchShape { filters: vec![0], ..good.clone() },
        BranchShape { filters: vec![1, 1, 1, 1], ..good.clone() },
        BranchShape { width: 3, ..good.clone() },
        BranchShape { channels: 0, ..good.clone() },
        BranchShape { classes: 0, ..good.clone() },
        BranchShape { height: usize::MAX, ..good.clone() },
        BranchShape { filters: vec![5000], ..good.clone() },
    ] {
        assert!(BranchKernel::new(&bad, Level::PORTABLE).is_none(), "{bad:?}");
    }
}

#[test]
fn activations_of_another_branch_are_refused() {
    // Both convolutions leave 16 values, so only the shape tells.
    let shape =
        |filters: &[usize]| BranchShape { channels: 1, height: 10, width: 10, filters: filters.to_vec(), classes: 2 };
    let (one, two) = (shape(&[1, 16]), shape(&[1]));
    let [one, two] = [one, two].map(|shape| BranchKernel::new(&shape, Level::PORTABLE).unwrap());
    let images = vec![0.0; one.shape().pixels() * LANES];
    let refused = |work: &mut dyn FnMut()| {
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err());
    };
    refused(&mut || one.forward(&images, &mut two.activations(false)));
    let mut kernel = BranchKernel::new(one.shape(), Level::PORTABLE).unwrap();
    let by_logits = [0.0; 2 * LANES];
    let mut backward = |activations: &Activations, workspace: &mut Workspace| {
        refused(&mut || kernel.backward(&images, activations, &by_logits, workspace));
    };
    backward(&one.activations(true), &mut two.workspace());
    backward(&two.activations(true), &mut one.workspace());
    backward(&one.activations(false), &mut one.workspace());
}

#[test]
fn joint_layers_are_as_defined() {
    let (inputs, hidden, classes) = (20, 7, 6);
    let mut random = Random(3);
    let weights = random.take(hidden * (inputs + 1) + classes * (hidden + 1), 0.4);
    let joined = random.take(inputs * LANES, 1.0);
    let by_logits = random.take(classes * LANES, 1.0);
    let factors: Vec<f32> = (0..hidden * LANES).map(|_| if random.next() > 0.0 { 2.0 } else { 0.0 }).collect();
    let (w1, rest) = weights.split_at(hidden * inputs);
    let (b1, rest) = rest.split_at(hidden);
    let (w2, b2) = rest.split_at(classes * hidden);
    for dropout in [None, Some(factors.as_slice())] {
        let mut expected = vec![0.0; weights.len()];
        let (mut logits, mut by_joined) = (vec![0.0; classes * LANES], vec![0.0; inputs * LANES]);
        for l in 0..LANES {
            let factor = |h: usize| f64::from(dropout.map_or(1.0, |d| d[h * LANES + l]));
            let x = |i: usize| f64::from(joined[i * LANES + l]);
            let z: Vec<f64> = (0..hidden)
                .map(|h| f64::from(b1[h]) + (0..inputs).map(|i| f64::from(w1[h * inputs + i]) * x(i)).sum::<f64>())
                .collect();
            let g = |k: usize| f64::from(by_logits[k * LANES + l]);
            for k in 0..classes {
                let of_hidden = |h: usize| f64::from(w2[k * hidden + h]) * z[h].max(0.0) * factor(h);
                logits[k * LANES + l] = f64::from(b2[k]) + (0..hidden).map(of_hidden).sum::<f64>();
                expected[hidden * (inputs + 1) + classes * hidden + k] += g(k);
            }
            for h in 0..hidden {
                let by_kept: f64 = (0..classes).map(|k| f64::from(w2[k * hidden + h]) * g(k)).sum();
                let by_z = if z[h] > 0.0 { by_kept * factor(h) } else { 0.0 };
                expected[hidden * inputs + h] += by_z;
                for k in 0..classes {
                    expected[hidden * (inputs + 1) + k * hidden + h] += g(k) * z[h].max(0.0) * factor(h);
                }
                for i in 0..inputs {
                    expected[h * inputs + i] += by_z * x(i);
                    by_joined[i * LANES + l] += by_z * f64::from(w1[h * inputs + i]);
                }
            }
        }
        let close = |a: &[f32], b: &[f64]| a.iter().zip(b).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-5);
        for level in Level::available() {
            let mut kernel = JointKernel::new(inputs, hidden, classes, level);
            kernel.set_weights(&weights);
            assert!(close(kernel.forward(&joined, dropout), &logits));
            let (mut ours, mut gradient) = (vec![0.0; inputs * LANES], vec![0.0; weights.len()]);
            kernel.backward(&joined, dropout, &by_logits, &mut ours);
            kernel.take_gradient(&mut gradient);
            assert!(close(&ours, &by_joined) && close(&gradient, &expected), "{level:?}");
            kernel.take_gradient(&mut gradient);
            assert!(gradient.iter().all(|g| *g == 0.0), "taken twice");
        }
    }
}

#[test]
fn cross_entropy_is_as_defined_and_idle_lanes_are_zero() {
    let logits = Random(1).take(3 * LANES, 50.0);
    let mut by_logits = vec![9.0; 3 * LANES];
    cross_entropy_gradient(&logits, &[2, 0], 5, &mut by_logits);
    for (lane, label) in [2, 0].into_iter().enumerate() {
        let e: Vec<f64> = (0..3).map(|k| f64::from(logits[k * LANES + lane]).exp()).collect();
        for k in 0..3 {
            let target = f64::from(u8::from(k == label));
            let expected = (e[k] / e.iter().sum::<f64>() - target) / 5.0;
            assert!((f64::from(by_logits[k * LANES + lane]) - expected).abs() < 1e-6);
        }
    }
    assert!(by_logits.chunks(LANES).all(|lanes| lanes[2..].iter().all(|g| *g == 0.0)));
}

#[test]
fn weighted_cross_entropy_is_as_defined() {
    let logits = Random(4).take(3 * LANES, 20.0);
    let (labels, shares) = ([2, 0, 2], [0.5f32, 0.375, 0.125]);
    let mut by_logits = vec![9.0; 3 * LANES];
    weighted_cross_entropy_gradient(&logits, &labels, &shares, &mut by_logits);
    for (lane, (label, share)) in labels.into_iter().zip(shares).enumerate() {
        let e: Vec<f64> = (0..3).map(|k| f64::from(logits[k * LANES + lane]).exp()).collect();
        for k in 0..3 {
            let target = f64::from(u8::from(k as i64 == label));
            let expected = (e[k] / e.iter().sum::<f64>() - target) * f64::from(share);
            assert!((f64::from(by_logits[k * LANES + lane]) - expected).abs() < 1e-6);
        }
    }
    assert!(by_logits.chunks(LANES).all(|lanes| lanes[3..].iter().all(|g| *g == 0.0)));
    let mut plain = vec![9.0; 3 * LANES];
    cross_entropy_gradient(&logits, &labels, 3, &mut plain);
    weighted_cross_entropy_gradient(&logits, &labels, &[1.0 / 3.0; 3], &mut by_logits);
    assert_eq!(plain, by_logits, "equal shares are no weights, to the bit");
}

#[test]
fn soft_cross_entropy_is_as_defined() {
    let mut random = Random(5);
    let (logits, shares) = (random.take(3 * LANES, 20.0), [0.5f32, 0.3, 0.2]);
    let raw = random.take(3 * LANES, 1.0);
    let targets: Vec<f32> = (0..3 * LANES)
        .map(|i| {
            let sum: f32 = (0..3).map(|k| raw[k * LANES + i % LANES].abs()).sum();
            raw[i].abs() / sum
        })
        .collect();
    let mut by_logits = vec![9.0; 3 * LANES];
    soft_cross_entropy_gradient(&logits, &targets, &shares, &mut by_logits);
    for (lane, share) in shares.into_iter().enumerate() {
        let e: Vec<f64> = (0..3).map(|k| f64::from(logits[k * LANES + lane]).exp()).collect();
        for k in 0..3 {
            let at = k * LANES + lane;
            let expected = (e[k] / e.iter().sum::<f64>() - f64::from(targets[at])) * f64::from(share);
            assert!((f64::from(by_logits[at]) - expected).abs() < 1e-6, "{lane} {k}");
        }
    }
    assert!((0..3).all(|k| by_logits[k * LANES + 3..(k + 1) * LANES].iter().all(|&g| g == 0.0)), "idle lanes");
    // One-hot targets are labels, to the bit.
    let one_hot: Vec<f32> =
        (0..3 * LANES).map(|i| f32::from(u8::from([2, 0, 1].get(i % LANES) == Some(&(i / LANES))))).collect();
    soft_cross_entropy_gradient(&logits, &one_hot, &shares, &mut by_logits);
    let mut hard = vec![0.0; 3 * LANES];
    weighted_cross_entropy_gradient(&logits, &[2, 0, 1], &shares, &mut hard);
    assert_eq!(by_logits, hard);
}

#[test]
fn lanes_and_back() {
    let mut random = Random(2);
    let rows: Vec<Vec<f32>> = (0..LANES).map(|_| random.take(7, 1.0)).collect();
    for count in [LANES, 5, 1] {
        let wanted: Vec<&[f32]> = rows[..count].iter().map(Vec::as_slice).collect();
        let mut lanes = vec![9.0; 7 * LANES];
        to_lanes(&wanted, &mut lanes);
        let mut back = vec![0.0; 7 * count];
        from_lanes(&lanes, &mut back);
        assert_eq!(back, rows[..count].concat());
    }
}

/// What one image of 5x6 pixels becomes, on every level.
fn sampled(map: [f32; 6], outside: Outside, brightness: Option<f32>) -> Vec<f32> {
    let image: Vec<u8> = (0..30).map(|i| (i * 8) as u8).collect();
    let table: [f32; 256] = std::array::from_fn(|byte| byte as f32 / 255.0);
    let mut results = Level::available().into_iter().map(|level| {
        let mut sampler = Sampler::new(5, 6, 1, outside, level);
        let mut lanes = vec![9.0; 30 * LANES];
        sampler.apply(&[&image], &[Sampling { map, brightness }], &table, &mut lanes);
        let mut result = vec![0.0; 30];
        from_lanes(&lanes, &mut result);
        result.iter().map(|v| v * 255.0 / 8.0).collect::<Vec<f32>>()
    });
    let first = results.next().unwrap();
    assert!(results.all(|other| other == first), "levels differ");
    first
}

#[test]
fn sampling_by_whole_pixels() {
    let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-3);
    let plain: Vec<f32> = (0..30).map(|i| i as f32).collect();
    assert!(near(&sampled([1.0, 0.0, 0.0, 0.0, 1.0, 0.0], Outside::Reflect, None), &plain));
    // Two pixels of six to the right in the source: 2 * 2 / 6.
    let right = [1.0, 0.0, 2.0 / 3.0, 0.0, 1.0, 0.0];
    for (outside, row) in [
        (Outside::Reflect, [2.0, 3.0, 4.0, 5.0, 5.0, 4.0]),
        (Outside::Edge, [2.0, 3.0, 4.0, 5.0, 5.0, 5.0]),
        (Outside::Constant(8.0 / 255.0), [2.0, 3.0, 4.0, 5.0, 1.0, 1.0]),
    ] {
        let result = sampled(right, outside, None);
        assert!(near(&result[..6], &row), "{outside:?}: {:?}", &result[..6]);
    }
    // One pixel of five up: 2 / 5.
    let up = sampled([1.0, 0.0, 0.0, 0.0, 1.0, -0.4], Outside::Reflect, None);
    assert!(near(&up, &[&plain[..6], &plain[..24]].concat()));
    // Far outside an image mirrored again and again: four times its width is the image itself.
    assert!(near(&sampled([1.0, 0.0, 8.0, 0.0, 1.0, 0.0], Outside::Reflect, None), &plain));
    let bright = sampled([1.0, 0.0, 0.0, 0.0, 1.0, 0.0], Outside::Reflect, Some(0.5));
    assert!(bright.iter().zip(&plain).all(|(b, p)| (b - (p + 0.5 * 255.0 / 8.0).min(255.0 / 8.0)).abs() < 1e-3));
}
