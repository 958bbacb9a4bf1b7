use litecnn_data::stream;
use litecnn_model::InputShape;
use rand::RngExt;
use rand_distr::{Beta, Distribution};

/// How the images of a batch are blended in pairs: mixup (Zhang et al. 2018) and CutMix (Yun et al. 2019).
///
/// The partner of an image is the one as far from the batch's end as it is from its start; as the order is drawn anew
/// in every epoch, any two images can meet. What is drawn for a batch depends on the batch's number in the epoch only, so an
/// epoch that was left goes on alike.
#[derive(Debug, Clone)]
pub(crate) struct Mixing {
    pub(crate) mixup: f64,
    pub(crate) cutmix: f64,
    pub(crate) seed: u64,
    /// Names the stream of random numbers of the epoch.
    pub(crate) purpose: String,
    /// Of the images.
    pub(crate) shape: InputShape,
}

/// How a batch is blended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Blend {
    /// Each value is `own` of the image's and the rest of its partner's.
    Mix {
        /// The image's share.
        own: f64,
    },
    /// A box comes from the partner, the rest is the image's.
    Cut {
        /// The image's share: that of the pixels which are its own.
        own: f64,
        /// The box's first row, first column, rows and columns.
        place: [usize; 4],
    },
}

impl Mixing {
    /// None if nothing is blended.
    pub(crate) fn of(mixup: f64, cutmix: f64, seed: u64, purpose: String, shape: InputShape) -> Option<Self> {
        (mixup > 0.0 || cutmix > 0.0).then_some(Self { mixup, cutmix, seed, purpose, shape })
    }

    /// How the epoch's batch of this number, counted from 0, is blended. With both kinds each has a chance of one half.
    pub(crate) fn draw(&self, batch: usize) -> Blend {
        let mut rng = stream(self.seed, &format!("{}/batch-{batch}", self.purpose));
        let cuts = match (self.mixup > 0.0, self.cutmix > 0.0) {
            (true, true) => rng.random::<f64>() < 0.5,
            (_, cuts) => cuts,
        };
        let parameter = if cuts { self.cutmix } else { self.mixup };
        // Only parameters that are not above 0 are refused.
        let own = Beta::new(parameter, parameter).map_or(1.0, |beta| beta.sample(&mut rng));
        if !cuts {
            // The other share is the partner's, so that this is which of the two has which label.
            return Blend::Mix { own: own.max(1.0 - own) };
        }
        let (height, width) = (self.shape.height as usize, self.shape.width as usize);
        let mut span = |size: usize| {
            let half = 0.5 * size as f64 * (1.0 - own).sqrt();
            let middle = rng.random::<f64>() * size as f64;
            let edge = |at: f64| (at.round().max(0.0) as usize).min(size);
            (edge(middle - half), edge(middle + half))
        };
        let ((top, bottom), (left, right)) = (span(height), span(width));
        let place = [top, left, bottom - top, right - left];
        Blend::Cut { own: 1.0 - (place[2] * place[3]) as f64 / (height * width) as f64, place }
    }
}

impl Blend {
    /// How much of an image is its own.
    pub(crate) fn own(&self) -> f64 {
        match *self {
            Self::Mix { own } | Self::Cut { own, .. } => own,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(mixup: f64, cutmix: f64) -> Vec<Blend> {
        let shape = InputShape { channels: 3, height: 20, width: 30 };
        let mixing = Mixing::of(mixup, cutmix, 3, "test".into(), shape).unwrap();
        assert_eq!(mixing.draw(7), mixing.draw(7));
        (0..4000).map(|batch| mixing.draw(batch)).collect()
    }

    #[test]
    fn shares_and_boxes_are_as_the_papers_have_them() {
        let mean = |blends: &[Blend]| blends.iter().map(Blend::own).sum::<f64>() / blends.len() as f64;
        let mixed = draws(1.0, 0.0);
        assert!(mixed.iter().all(|blend| matches!(blend, Blend::Mix { own } if (0.5..=1.0).contains(own))));
        // Uniform on [0.5, 1].
        assert!((mean(&mixed) - 0.75).abs() < 0.01, "{}", mean(&mixed));
        // Nearly all of an image is its own.
        assert!(mean(&draws(0.05, 0.0)) > 0.95);
        let mut inside = 0;
        let cut = draws(0.0, 1.0);
        for blend in &cut {
            let Blend::Cut { own, place: [top, left, rows, columns] } = *blend else { panic!("{blend:?}") };
            assert!(top + rows <= 20 && left + columns <= 30);
            assert_eq!(own, 1.0 - (rows * columns) as f64 / 600.0);
            inside += usize::from(top > 0 && left > 0 && top + rows < 20 && left + columns < 30);
        }
        assert!(inside > 500, "{inside}");
        // Boxes are cut at the edge, so that more than half is the image's own.
        assert!((0.6..0.75).contains(&mean(&cut)), "{}", mean(&cut));
        let both = draws(1.0, 1.0);
        let cuts = both.iter().filter(|blend| matches!(blend, Blend::Cut { .. })).count();
        assert!((1900..2100).contains(&cuts), "{cuts}");
    }
}
