use tch::{TchError, Tensor};

use crate::look::Look;
use crate::mixing::Blend;

/// Images of a batch `[batch, channels, height, width]` as they are shown, and how they are blended: the epoch's batch
/// `n`, counted from 0.
pub(super) fn show(look: &mut Look<'_>, n: usize, images: Tensor) -> Result<(Tensor, Option<Blend>), TchError> {
    let mut images = images;
    if let Some((augmentation, changes)) = look.changes(images.size()[0] as usize) {
        images = augmentation.apply(&images, &changes)?;
    }
    let blend = look.mixing.as_ref().map(|mixing| mixing.draw(n));
    if let Some(blend) = &blend {
        images = blended(&images, blend)?;
    }
    if let Some(figures) = look.normalisation {
        images = figures.apply(&images)?;
    }
    Ok((images, blend))
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
