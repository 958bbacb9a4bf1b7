//! For random weights and inputs each converted head gives the dense head's logits; wrong inputs name the layer.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use litecnn_model::*;
use litecnn_surgery::*;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tch::{Device, Kind, Tensor};

fn random(shape: &[i64], rng: &mut ChaCha8Rng) -> Tensor {
    let values: Vec<f32> = (0..shape.iter().product::<i64>()).map(|_| rng.random_range(-1.0..1.0)).collect();
    Tensor::from_slice(&values).view(shape)
}

fn worst(a: &Tensor, b: &Tensor) -> f64 {
    (a - b).abs().max().double_value(&[])
}

prop_compose! {
    fn specs()(
        channels in 1i64..4, height in 10i64..30, width in 10i64..30,
        first in 1i64..12, second in 1i64..12, classes in 2i64..12,
    ) -> BranchSpec {
        BranchSpec { input: InputShape { channels, height, width }, filters: vec![first, second], classes }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_real_convolution_with_the_converted_kernel_is_the_dense_layer(
        units in 1i64..40, features in 1i64..800, batch in 1i64..6, seed: u64,
    ) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (weight, bias) = (random(&[units, features], &mut rng) * 0.2, random(&[units], &mut rng));
        let x = random(&[batch, features], &mut rng);
        let dense = x.matmul(&weight.tr()) + &bias;
        let (kernel, bias) = dense_to_conv("head", &weight, &bias).unwrap();
        prop_assert_eq!(kernel.size(), [units, features, 1, 1]);
        let conv = x.view([batch, features, 1, 1]).conv2d(&kernel, Some(&bias), [1, 1], [0, 0], [1, 1], 1);
        prop_assert!(worst(&dense, &conv.flatten(1, -1)) < 1e-5);
    }

    #[test]
    fn joined_branches_give_their_own_logits(spec in specs(), seed: u64) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let branches = [(); 2].map(|()| Branch::new(&spec, Device::Cpu, &mut rng).unwrap());
        let unified = UnifiedSpec { hidden: 5, ..UnifiedSpec::paper(spec.clone()) };
        let model = join(&branches[0], &branches[1], &unified, &mut rng).unwrap();
        let images = random(&[3, spec.input.channels, spec.input.height, spec.input.width], &mut rng);
        let joined = model.joined(&images).unwrap();
        for (i, branch) in branches.iter().enumerate() {
            let own = branch.forward(&images).unwrap();
            let here = joined.narrow(1, i as i64 * spec.classes, spec.classes);
            prop_assert!(worst(&own, &here) < 1e-5);
            // Surgery moves bits, it changes none.
            prop_assert_eq!(branch.params().flat(), model.branches[i].params().flat());
        }
        let names: Vec<String> = model.named().into_iter().map(|(name, _)| name).collect();
        prop_assert_eq!(&names[4], "branch-1.head.weight");
        prop_assert_eq!(model.branches[0].params().get("head.weight").unwrap().size(), [spec.classes, spec.features(), 1, 1]);
    }
}

#[test]
fn wrong_inputs_are_errors_that_name_the_layer() {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let spec = BranchSpec::paper(1, 28, 28, 10);
    let unified = UnifiedSpec::paper(spec.clone());
    let good = Branch::new(&spec, Device::Cpu, &mut rng).unwrap();
    let message =
        |a: &Branch, b: &Branch| join(a, b, &unified, &mut ChaCha8Rng::seed_from_u64(0)).unwrap_err().to_string();

    let other = Branch::new(&BranchSpec::paper(3, 32, 32, 10), Device::Cpu, &mut rng).unwrap();
    let text = message(&good, &other);
    assert!(text.contains("`branch-2.conv1.weight`") && text.contains("[10, 3, 3, 3]"), "{text}");
    let wide = BranchSpec { filters: vec![10, 24], ..spec.clone() };
    let text = message(&Branch::new(&wide, Device::Cpu, &mut rng).unwrap(), &good);
    assert!(text.contains("`branch-1.conv2.weight`"), "{text}");
    let short = BranchSpec { filters: vec![10], ..spec.clone() };
    let text = message(&good, &Branch::new(&short, Device::Cpu, &mut rng).unwrap());
    assert!(text.contains("`branch-2.conv2.weight`") && text.contains("missing"), "{text}");
    let converted = convert_head(&good).unwrap();
    assert!(message(&good, &converted).contains("`branch-2.head`: is a 1x1 convolution already"));
    assert!(convert_head(&converted).is_err());

    let mut poisoned = Branch::new(&spec, Device::Cpu, &mut rng).unwrap();
    poisoned.params_mut().set("conv2.bias", &Tensor::full([20], f64::NAN, (Kind::Float, Device::Cpu))).unwrap();
    assert!(message(&poisoned, &good).contains("`branch-1.conv2.bias`: holds numbers that are not finite"));

    let (flat, square) = (random(&[10], &mut rng), random(&[10, 10], &mut rng));
    let text = dense_to_conv("branch-1.head", &flat, &flat).unwrap_err().to_string();
    assert!(text.contains("`branch-1.head.weight`") && text.contains("[10]"), "{text}");
    let text = dense_to_conv("head", &square, &square).unwrap_err().to_string();
    assert!(text.contains("`head.bias`") && text.contains("[10, 10]"), "{text}");
}
