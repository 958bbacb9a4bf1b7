use tch::{TchError, Tensor};

use crate::goal::Shown;
use crate::look::Look;
use crate::mixing::Blend;

/// Images of a batch `[batch, channels, height, width]` as they are shown, and how they are blended: the epoch's batch
/// `n`, counted from 0.
pub(super) fn show(look: &mut Look<'_>, n: usize, images: Tensor) -> Result<(Tensor, Shown), TchError> {
    let mut images = images;
    let changes = look.changes(images.size()[0] as usize);
    if let Some((augmentation, changes)) = &changes {
        images = augmentation.apply(&images, changes)?;
    }
    let shown = look.shown_by(n, changes.as_ref().map(|(_, changes)| changes.as_slice()));
    if let Some(blend) = &shown.blend {
        images = blended(&images, blend)?;
    }
    if let Some(figures) = look.normalisation {
        images = figures.apply(&images)?;
    }
    Ok((images, shown))
}

/// Each image blended with the one as far from the end.
fn blended(images: &Tensor, blend: &Blend) -> Result<Tensor, TchError> {
    let partners = images.f_flip([0])?;
    match *blend {
        Blend::Mix { own } => images.f_mul_scalar(own)?.f_add(&partners.f_mul_scalar(1.0 - own)?),
        Blend::Cut { place, .. } => {
            let [top, left, rows, columns] = place.map(|n| n as i64);
            let boxed = |t: &Tensor| t.f_narrow(2, top, rows)?.f_narrow(3, left, columns);
            let blended = images.copy();
            boxed(&blended)?.f_copy_(&boxed(&partners)?)?;
            Ok(blended)
        }
    }
}
