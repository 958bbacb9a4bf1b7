use litecnn_data::{Augmentation, Change, Normalisation, Stream};

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

    /// Where the random numbers of the changes come from.
    pub(crate) fn stream(&self) -> Option<&Stream> {
        self.augmentation.as_ref().map(|(_, rng)| rng)
    }

    /// The same, to put it elsewhere.
    pub(crate) fn stream_mut(&mut self) -> Option<&mut Stream> {
        self.augmentation.as_mut().map(|(_, rng)| rng)
    }
}
