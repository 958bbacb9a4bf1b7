//! Answers images from standard input, for each model of the table the same number: logits as the bits of floats.

use std::io::Read as _;

fn main() {
    let count: usize = std::env::args().nth(1).unwrap().parse().unwrap();
    for entry in &firmware::TABLE {
        let [pixels, scratch, classes] = entry.lengths;
        let (model, mut scratch) = ((entry.model)().unwrap(), vec![f32::NAN; scratch]);
        assert!(model.class_names().eq(entry.class_names.iter().copied()));
        let mut session = model.session(&mut scratch).unwrap();
        let (mut image, mut logits) = (vec![0; pixels], vec![0.0; classes]);
        println!("{}", model.level().name());
        for _ in 0..count {
            std::io::stdin().read_exact(&mut image).unwrap();
            session.logits(&image, &mut logits).unwrap();
            println!("{}", logits.iter().map(|v| format!("{:08x}", v.to_bits())).collect::<Vec<_>>().join(" "));
        }
    }
}
