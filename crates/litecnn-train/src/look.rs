use litecnn_data::{Augmentation, Change, Normalisation, Stream};

use crate::goal::Shown;
use crate::mixing::Mixing;

/// How the images of an epoch are shown to a model: changed at random, blended in pairs, normalised, in this order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Look<'a> {
    pub(crate) augmentation: Option<(&'a Augmentation, Stream)>,
    pub(crate) mixing: Option<Mixing>,
    pub(crate) normalisation: Option<&'a Normalisation>,
}

impl<'a> Look<'a> {
    /// The changes that `augmentation` makes with this stream, if any.
    pub(crate) fn changed(augmentation: &'a Augmentation, stream: Stream) -> Self {
        let augmentation = (!augmentation.changes_nothing()).then_some((augmentation, stream));
        Self { augmentation, ..Self::default() }
    }

    /// Whether images are shown as they are.
    pub(crate) fn is_plain(&self) -> bool {
        self.augmentation.is_none() && self.mixing.is_none() && self.normalisation.is_none()
    }

    /// The changes of the next batch, of so many images.
    pub(crate) fn changes(&mut self, images: usize) -> Option<(&'a Augmentation, Vec<Change>)> {
        self.augmentation.as_mut().map(|(augmentation, rng)| (*augmentation, augmentation.draw(images, rng)))
    }

    /// How the images of an epoch are shown, batch by batch, in batches of so many images.
    pub(crate) fn shown(&self, images: usize, size: usize) -> Vec<Shown> {
        let mut look = self.clone();
        let batches = (0..images.div_ceil(size)).map(|n| {
            let changes = look.changes(size.min(images - n * size));
            look.shown_by(n, changes.as_ref().map(|(_, changes)| changes.as_slice()))
        });
        batches.collect()
    }

    /// How batch `n` of an epoch is shown with these changes.
    pub(crate) fn shown_by(&self, n: usize, changes: Option<&[Change]>) -> Shown {
        let mirrored = changes.into_iter().flatten().map(|change| change.mirrored).collect();
        Shown { blend: self.mixing.as_ref().map(|mixing| mixing.draw(n)), mirrored }
    }

    /// Where the random numbers of the changes come from.
    pub(crate) fn stream(&self) -> Option<&Stream> {
        self.augmentation.as_ref().map(|(_, rng)| rng)
    }

    /// The same, to put it elsewhere.
    pub(crate) fn stream_mut(&mut self) -> Option<&mut Stream> {
        self.augmentation.as_mut().map(|(_, rng)| rng)
    }
}
