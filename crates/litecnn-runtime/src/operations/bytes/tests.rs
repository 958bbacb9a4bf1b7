//! What vectors of every width give, those that this machine has no instructions for included.

use self::common::Rng;
use self::common::network::random_network;
use self::common::network_int8::{network_int8_reference, quantised_network};
use crate::{AlignedBytes, Layout, Level, Model, Scaling, encode_network_int8};

#[path = "../../../tests/common/mod.rs"]
#[allow(clippy::unwrap_used, unreachable_pub, reason = "a test")]
mod common;

#[test]
fn vectors_of_every_width_give_the_bits_of_the_definition() {
    let mut rng = Rng(41);
    for _ in 0..if cfg!(miri) { 2 } else { 300 } {
        let (side, channels) = if cfg!(miri) { (6, 5) } else { (40, 40) };
        let network = random_network(&mut rng, side, channels, 2 + channels / 4);
        let integers = quantised_network(&network, &mut rng);
        let names: Vec<String> = (0..2 + channels / 4).map(|class| class.to_string()).collect();
        let scaling = Scaling { scale: 1.0, shift: 0.0 };
        let file = AlignedBytes::new(&encode_network_int8(&network, &names, scaling, &integers).unwrap());
        let image: Vec<u8> = (0..network.input.iter().product()).map(|_| rng.next() as u8).collect();
        let expected = network_int8_reference(&network, &integers, &image);
        for level in Level::available() {
            let model = Model::from_bytes(&file).unwrap().with_level(level).with_layout(Layout::Chw);
            let mut scratch = vec![f32::NAN; model.scratch_len()];
            let mut found = vec![0.0; model.classes()];
            model.logits(&image, &mut scratch, &mut found).unwrap();
            assert_eq!(found, expected, "{network:?} {level:?}");
        }
    }
}
