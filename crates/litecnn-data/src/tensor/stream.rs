use rand::SeedableRng;

/// The generator all randomness here comes from: the same numbers on every device and with any number of threads.
pub type Stream = rand_chacha::ChaCha8Rng;

/// An independent stream of random numbers for one purpose of one seed, such as `stage-1/order/epoch-3`.
///
/// Nothing depends on how far another stream was read, so work can be done in any order, side by side, or again
/// after an interruption, with the same result.
pub fn stream(seed: u64, purpose: &str) -> Stream {
    let digest = litecnn_run::sha256(format!("litecnn {seed} {purpose}").as_bytes());
    let mut key = [0; 32];
    key.copy_from_slice(&digest.as_bytes()[..32]);
    Stream::from_seed(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn streams_differ_by_seed_and_purpose_only() {
        let first = |seed, purpose| stream(seed, purpose).next_u64();
        assert_eq!(first(0, "order"), first(0, "order"));
        assert_ne!(first(0, "order"), first(1, "order"));
        assert_ne!(first(0, "order"), first(0, "weights"));
    }
}
