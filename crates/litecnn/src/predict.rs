//! `litecnn predict`: what a model says of pictures.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use image::imageops::FilterType;
use litecnn_cli::print;
use litecnn_runtime::{AlignedBytes, Model};

/// Say what pictures show: the most probable classes, a line a picture.
///
/// Pictures of other sizes are scaled to the model's, colours to grey where the model sees grey.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Model file made by `litecnn export --to litecnn`.
    model: PathBuf,
    /// Pictures: PNG.
    #[arg(required = true)]
    images: Vec<PathBuf>,
    /// How many classes to name.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    top: u16,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let file = AlignedBytes::new(&litecnn_run::read(&args.model)?);
    let shown = args.model.display();
    let model = Model::from_bytes(&file)
        .map_err(|e| anyhow::anyhow!("{e}"))
        .with_context(|| format!("{shown} is no model that can be run; make one by `litecnn export --to litecnn`"))?;
    let mut scratch = vec![0.0; model.scratch_len()];
    let mut session = model.session(&mut scratch).map_err(|e| anyhow::anyhow!("{shown}: {e}"))?;
    let names: Vec<&str> = model.class_names().collect();
    let mut probabilities = vec![0.0; model.classes()];
    let mut failed = 0;
    for path in &args.images {
        let told = match pixels(path, model.architecture().input_shape()) {
            Ok(pixels) => {
                session.predict(&pixels, &mut probabilities).map_err(|e| anyhow::anyhow!("{}: {e}", path.display()))?;
                answer(&names, &probabilities, usize::from(args.top))
            }
            Err(error) => {
                failed += 1;
                eprintln!("error: {}", litecnn_cli::sentence(&error));
                continue;
            }
        };
        print(&format!("{}: {told}\n", path.display()))?;
    }
    if failed > 0 {
        bail!("{failed} of {} pictures could not be read", args.images.len());
    }
    Ok(())
}

/// The most probable classes, the first of equals first.
fn answer(names: &[&str], probabilities: &[f32], top: usize) -> String {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
    let told = |class: &usize| {
        let name = names.get(*class).map_or_else(|| class.to_string(), |name| (*name).to_owned());
        format!("{name} {:.1} %", 100.0 * probabilities[*class])
    };
    order.iter().take(top).map(told).collect::<Vec<_>>().join(", ")
}

/// A picture as the model sees it, `[height][width][channel]`.
pub(crate) fn pixels(path: &Path, [channels, height, width]: [usize; 3]) -> Result<Vec<u8>> {
    let bytes = litecnn_run::read(path)?;
    let picture = image::load_from_memory(&bytes)
        .with_context(|| format!("{} is no picture that can be read", path.display()))?;
    let (width, height) = (u32::try_from(width)?, u32::try_from(height)?);
    let fitting = if (picture.width(), picture.height()) == (width, height) {
        picture
    } else {
        picture.resize_exact(width, height, FilterType::Triangle)
    };
    match channels {
        1 => Ok(fitting.into_luma8().into_raw()),
        3 => Ok(fitting.into_rgb8().into_raw()),
        n => bail!("the model sees {n} channels; pictures have 1 or 3"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_probable_come_first() {
        assert_eq!(answer(&["cat", "dog"], &[0.25, 0.75], 5), "dog 75.0 %, cat 25.0 %");
        assert_eq!(answer(&["cat"], &[0.5, 0.5], 1), "cat 50.0 %");
    }

    #[test]
    fn pictures_are_fitted_to_the_model() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("red.png");
        image::RgbImage::from_pixel(4, 2, image::Rgb([255, 0, 0])).save(&path).unwrap();
        assert_eq!(pixels(&path, [3, 1, 2]).unwrap(), [255, 0, 0, 255, 0, 0]);
        assert_eq!(pixels(&path, [1, 2, 4]).unwrap().len(), 8);
        assert!(pixels(&path, [2, 2, 4]).unwrap_err().to_string().contains("2 channels"));
        std::fs::write(&path, "no picture").unwrap();
        assert!(pixels(&path, [1, 2, 4]).unwrap_err().to_string().contains("red.png"));
    }
}
