use crate::goal::Goal;

/// The images of an epoch and how they are taken.
#[derive(Debug)]
pub(crate) struct Pass<'a, P> {
    /// Places of the images, in the order they are seen.
    pub(crate) order: &'a [P],
    /// Images a batch.
    pub(crate) size: usize,
    /// What their outputs are to come to.
    pub(crate) goal: &'a Goal,
}

impl<P> Clone for Pass<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for Pass<'_, P> {}
