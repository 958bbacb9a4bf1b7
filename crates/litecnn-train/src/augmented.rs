use litecnn_data::{Augmentation, Change, Stream};
use litecnn_kernels::{LANES, from_lanes};
use litecnn_model::InputShape;
use tch::{Kind, TchError, Tensor};

use crate::TrainError;
use crate::data::TrainingData;
use crate::engine::Engine;
use crate::recipe::Recipe;

/// Training images as stage one shows them to its second branch, made by the same engine: one version of the image
/// at each of `places`, changed at random by `rng`. A place named several times gives as many versions.
///
/// `f32 [places, channels, height, width]` with values as the branch sees them, in `[0, 1]`.
///
/// # Errors
/// [`TrainError::Torch`] if a place does not exist, or the images are not where the engine wants them.
pub fn augmented_images(
    data: &TrainingData,
    recipe: &Recipe,
    places: &[u32],
    rng: &mut Stream,
) -> Result<Tensor, TrainError> {
    let augmentation = &recipe.augmentation;
    let changes = augmentation.draw(places.len(), rng);
    match data.engine {
        Engine::Kernels => by_kernels(data, augmentation, places, &changes),
        Engine::Libtorch => {
            let batch = data.images.batches(places, places.len())?.next().transpose()?;
            let InputShape { channels, height, width } = data.input;
            let none = || Tensor::f_zeros([0, channels, height, width], (Kind::Float, data.images.device()));
            Ok(batch.map_or_else(none, |batch| augmentation.apply(&batch.images, &changes))?)
        }
    }
}

fn by_kernels(
    data: &TrainingData,
    augmentation: &Augmentation,
    places: &[u32],
    changes: &[Change],
) -> Result<Tensor, TrainError> {
    let host = data.images.host();
    let host = host.ok_or_else(|| TchError::Shape(format!("images on {:?}, not in memory", data.images.device())))?;
    let (size, InputShape { channels, height, width }) = (host.image_size(), data.input);
    let mut resampler = host.resampler(augmentation);
    let mut lanes = vec![0.0; size * LANES];
    let mut rows = vec![0.0; size * places.len()];
    let groups = places.chunks(LANES).zip(changes.chunks(LANES)).zip(rows.chunks_mut(size * LANES));
    for ((places, changes), rows) in groups {
        host.fill_changed(places, changes, &mut resampler, &mut lanes)?;
        from_lanes(&lanes, rows);
    }
    let rows = Tensor::f_from_slice(&rows)?.f_view([places.len() as i64, height, width, channels])?;
    Ok(rows.f_permute([0, 3, 1, 2])?)
}
