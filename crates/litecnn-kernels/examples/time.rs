use litecnn_kernels::*;
use std::time::Instant;
fn main() {
    for (name, c, s) in [("mnist", 1, 28), ("cifar", 3, 32)] {
        let shape = BranchShape { channels: c, height: s, width: s, filters: vec![10, 20], classes: 10 };
        for level in Level::available() {
            if level == Level::Portable {
                continue;
            }
            let mut k = BranchKernel::new(&shape, level).unwrap();
            let mut seed = 1u32;
            let mut r = || {
                seed = seed.wrapping_mul(1664525).wrapping_add(1013904223);
                (seed >> 8) as f32 / 16777216.0 - 0.5
            };
            let w: Vec<f32> = (0..shape.parameters()).map(|_| r() * 0.3).collect();
            k.set_weights(&w);
            let x: Vec<f32> = (0..shape.pixels() * LANES).map(|_| r() + 0.5).collect();
            let g: Vec<f32> = (0..10 * LANES).map(|_| r() * 0.1).collect();
            let mut a = k.activations(true);
            let mut ws = k.workspace();
            let mut grad = vec![0.0; shape.parameters()];
            let time = |n: usize, f: &mut dyn FnMut()| {
                for _ in 0..10 {
                    f()
                }
                let mut best = f64::MAX;
                for _ in 0..20 {
                    let t = Instant::now();
                    for _ in 0..n {
                        f()
                    }
                    best = best.min(t.elapsed().as_secs_f64() / n as f64 * 1e6);
                }
                best
            };
            let f = time(10, &mut || k.forward(&x, &mut a));
            let b = time(10, &mut || k.backward(&x, &a, &g, &mut ws));
            let t = time(10, &mut || k.take_gradient(&mut grad));
            let p = time(10, &mut || k.set_weights(&w));
            let bytes: Vec<u8> = (0..shape.pixels()).map(|i| (i * 7) as u8).collect();
            let table: [f32; 256] = std::array::from_fn(|i| i as f32 / 255.0);
            let images = vec![bytes.as_slice(); 16];
            let mut lanes = vec![0.0; shape.pixels() * LANES];
            let mut sampler = Sampler::new(s, s, c, Outside::Reflect, level);
            let sam = vec![Sampling { map: [0.99, 0.1, 0.2, -0.1, 0.98, -0.3], brightness: None }; 16];
            let fi = time(10, &mut || bytes_to_lanes(&images, &table, &mut lanes));
            let sa = time(10, &mut || sampler.apply(&images, &sam, &table, &mut lanes));
            println!("fill16 {fi:.1} sample16 {sa:.1}");
            println!(
                "{name} {level:?}: forward16 {f:.1} us, backward16 {b:.1}, take {t:.1}, pack {p:.1}; step of 32: {:.1} us",
                2.0 * (f + b) + t + p
            );
        }
    }
}
