use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use litecnn_data::stream;
use litecnn_run::{Mistake, Original, Pictures, Predictions, SeedDir, write_atomic};
use litecnn_train::{Recipe, TrainingData, augmented_images};
use tch::{Kind, Tensor};

const PICTURES: &str = "pictures.json";
const MISTAKES: &str = "mistakes.png";
const AUGMENTATION: &str = "augmentation.png";

/// Mistakes shown, and how many of them in a row.
const MOST_MISTAKES: usize = 24;
const MISTAKE_COLUMNS: u32 = 6;
/// Images shown with augmented versions, and tiles in a row: the image itself and its versions.
const MOST_ORIGINALS: usize = 6;
const AUGMENTATION_COLUMNS: u32 = 8;

/// Draws the final model's worst mistakes on the test images and what augmentation makes of training images.
///
/// Returns the files written: none if images have neither 1 nor 3 channels; no `mistakes.png` if there are no
/// mistakes.
///
/// # Errors
/// If an image cannot be made or a file cannot be written.
pub(super) fn write(
    dir: &SeedDir,
    data: &TrainingData,
    recipe: &Recipe,
    seed: u64,
    test: &Predictions,
) -> Result<Vec<PathBuf>> {
    let Some(colour) = colour(data) else { return Ok(Vec::new()) };
    let (width, height) = (data.input.width as u32, data.input.height as u32);
    let sheet = |name: &str, columns: u32, tiles: &Tensor| {
        let path = dir.picture(name);
        let tiles = bytes(tiles, recipe.data.pixel_scale)?;
        Sheet { width, height, colour, columns, tiles }.write(&path).map(|()| path)
    };
    let mut written = Vec::new();

    let mistakes = worst(test);
    let places: Vec<u32> = mistakes.iter().map(|m| m.index).collect();
    match data.test.batches(&places, places.len())?.next().transpose()? {
        Some(batch) => written.push(sheet(MISTAKES, MISTAKE_COLUMNS, &batch.images)?),
        // One that an earlier evaluation left would show what is no mistake any more.
        None => remove(&dir.picture(MISTAKES))?,
    }

    let originals = originals(data)?;
    let mut rng = stream(seed, "evaluate/augmentation");
    let mut rows = Vec::new();
    for original in &originals {
        let places = [original.index; AUGMENTATION_COLUMNS as usize - 1];
        if let Some(batch) = data.images.batches(&places[..1], 1)?.next().transpose()? {
            rows.push(batch.images);
        }
        rows.push(augmented_images(data, recipe, &places, &mut rng)?);
    }
    written.push(sheet(AUGMENTATION, AUGMENTATION_COLUMNS, &Tensor::f_cat(&rows, 0)?)?);

    let path = dir.picture(PICTURES);
    let pictures = Pictures {
        format: Pictures::FORMAT.into(),
        tile: [width, height],
        mistake_columns: MISTAKE_COLUMNS,
        mistakes,
        augmentation_columns: AUGMENTATION_COLUMNS,
        originals,
    };
    pictures.write(&path)?;
    written.push(path);
    Ok(written)
}

/// What [`write()`] leaves whatever the model says.
pub(super) fn expected(dir: &SeedDir, data: &TrainingData) -> Vec<PathBuf> {
    let always = [PICTURES, AUGMENTATION].map(|name| dir.picture(name));
    if colour(data).is_some() { always.to_vec() } else { Vec::new() }
}

/// How pixels with the images' channels are written; none if there is no way.
fn colour(data: &TrainingData) -> Option<ExtendedColorType> {
    match data.input.channels {
        1 => Some(ExtendedColorType::L8),
        3 => Some(ExtendedColorType::Rgb8),
        _ => None,
    }
}

/// The wrong answers with the highest probabilities, highest first; equals in order of place.
fn worst(test: &Predictions) -> Vec<Mistake> {
    let wrong = test.rows.iter().filter(|row| row.predicted != row.label);
    let mut mistakes: Vec<Mistake> = wrong
        .map(|row| {
            let given = |class: u16| row.probabilities.get(usize::from(class)).copied().unwrap_or_default();
            Mistake {
                index: row.index,
                label: row.label,
                predicted: row.predicted,
                probability: given(row.predicted),
                label_probability: given(row.label),
            }
        })
        .collect();
    mistakes.sort_by(|a, b| b.probability.total_cmp(&a.probability).then(a.index.cmp(&b.index)));
    mistakes.truncate(MOST_MISTAKES);
    mistakes
}

/// The first images of different classes, of those stage one trains on.
fn originals(data: &TrainingData) -> Result<Vec<Original>> {
    let mut places = data.split.train.clone();
    places.sort_unstable();
    let labels: Vec<i64> = Vec::try_from(data.images.labels(&places)?)?;
    let mut originals: Vec<Original> = Vec::new();
    for (index, label) in places.into_iter().zip(labels) {
        let label = label as u16;
        if originals.len() < MOST_ORIGINALS && originals.iter().all(|o| o.label != label) {
            originals.push(Original { index, label });
        }
    }
    Ok(originals)
}

/// Images `[images, channels, height, width]` with values in `[0, 1]` as bytes, one image after the other,
/// `[height, width, channels]` each; a byte that became a number becomes the same byte again.
fn bytes(images: &Tensor, scale: f64) -> Result<Vec<u8>> {
    let bytes = images.f_permute([0, 2, 3, 1])?.f_mul_scalar(scale)?.f_round()?.f_clamp(0.0, 255.0)?;
    Ok(Vec::try_from(bytes.f_to_kind(Kind::Uint8)?.f_reshape([-1])?)?)
}

/// Tiles of one size without gaps, row by row from the upper left; what is left of the last row is black.
struct Sheet {
    /// Of a tile, in pixels.
    width: u32,
    height: u32,
    colour: ExtendedColorType,
    columns: u32,
    /// One tile after the other, `[height, width, channels]` each.
    tiles: Vec<u8>,
}

impl Sheet {
    fn write(&self, path: &Path) -> Result<()> {
        let channels = usize::from(self.colour.channel_count());
        let (height, columns) = (self.height as usize, self.columns as usize);
        let line = self.width as usize * channels;
        let rows = (self.tiles.len() / (line * height)).div_ceil(columns);
        let mut pixels = vec![0; rows * columns * line * height];
        for (tile, lines) in self.tiles.chunks_exact(line * height).enumerate() {
            let (row, column) = (tile / columns, tile % columns);
            for (y, from) in lines.chunks_exact(line).enumerate() {
                pixels[((row * height + y) * columns + column) * line..][..line].copy_from_slice(from);
            }
        }
        let mut png = Vec::new();
        // Sheets are small, and are kept.
        PngEncoder::new_with_quality(&mut png, CompressionType::Best, FilterType::Adaptive)
            .write_image(&pixels, self.width * self.columns, self.height * rows as u32, self.colour)
            .with_context(|| format!("cannot make {}", path.display()))?;
        Ok(write_atomic(path, &png)?)
    }
}

fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(e).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use litecnn_data::{Dataset, Images, LoadOptions, load};
    use litecnn_run::Prediction;
    use tch::Device;

    use super::*;

    fn samples(name: &str) -> (Dataset, Recipe) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/samples");
        let dataset = load(name, &LoadOptions { data_dir: Some(folder), ..LoadOptions::default() }).unwrap();
        (dataset, Recipe::load("smoke").unwrap())
    }

    /// What a model says that gives class 0 with these probabilities.
    fn says_zero(labels: &[u8], probability: impl Fn(usize) -> f32) -> Predictions {
        let rows = labels.iter().enumerate().map(|(i, &label)| {
            let mut probabilities = vec![0.0; 10];
            probabilities[0] = probability(i);
            Prediction { index: i as u32, label: label.into(), predicted: 0, probabilities }
        });
        Predictions { classes: 10, rows: rows.collect() }
    }

    fn draw(seed_dir: &SeedDir, dataset: &Dataset, recipe: &Recipe, seed: u64, test: &Predictions) -> Vec<PathBuf> {
        // The split is always the same, so that seeds differ by the augmentation alone.
        let data = TrainingData::new(dataset, recipe, 0, Device::Cpu).unwrap();
        let written = write(seed_dir, &data, recipe, seed, test).unwrap();
        assert!(expected(seed_dir, &data).iter().all(|path| written.contains(path)));
        written
    }

    /// The tiles of a sheet, `[height, width, channels]` each.
    fn tiles(path: &Path, tile: [u32; 2], columns: u32) -> Vec<Vec<u8>> {
        let sheet = image::load_from_memory(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!(sheet.width(), tile[0] * columns);
        let rows = sheet.height() / tile[1];
        let of = |n| sheet.crop_imm(n % columns * tile[0], n / columns * tile[1], tile[0], tile[1]).into_bytes();
        (0..rows * columns).map(of).collect()
    }

    fn image(images: &Images, index: u32) -> Vec<u8> {
        let size = images.pixels.len() / images.len();
        images.pixels.as_slice().unwrap()[index as usize * size..][..size].to_vec()
    }

    #[test]
    fn sheets_show_what_the_list_says() {
        for name in ["mnist", "cifar10"] {
            let dir = tempfile::tempdir().unwrap();
            let at = |seed| SeedDir::new(dir.path(), name, seed);
            let (dataset, recipe) = samples(name);
            let test = says_zero(&dataset.test.labels, |i| if i % 2 == 0 { 0.5 } else { 0.4 + i as f32 / 1000.0 });
            assert_eq!(draw(&at(0), &dataset, &recipe, 0, &test).len(), 3);

            let pictures = Pictures::read(&at(0).picture(PICTURES)).unwrap();
            let mut wrong: Vec<&Prediction> = test.rows.iter().filter(|row| row.label != 0).collect();
            wrong.sort_by(|a, b| b.probabilities[0].partial_cmp(&a.probabilities[0]).unwrap());
            let expected: Vec<u32> = wrong.iter().take(24).map(|row| row.index).collect();
            assert_eq!(pictures.mistakes.iter().map(|m| m.index).collect::<Vec<_>>(), expected);
            assert!(pictures.mistakes.iter().all(|m| m.label == u16::from(dataset.test.labels[m.index as usize])));
            let shown = tiles(&at(0).picture(MISTAKES), pictures.tile, pictures.mistake_columns);
            assert_eq!(shown, expected.iter().map(|&i| image(&dataset.test, i)).collect::<Vec<_>>());

            let mut classes: Vec<u16> = pictures.originals.iter().map(|o| o.label).collect();
            classes.sort_unstable();
            classes.dedup();
            assert_eq!(classes.len(), 6, "six classes");
            assert!(pictures.originals.is_sorted_by_key(|o| o.index));
            let shown = tiles(&at(0).picture(AUGMENTATION), pictures.tile, pictures.augmentation_columns);
            assert_eq!(shown.len(), 6 * 8);
            for (row, original) in shown.chunks(8).zip(&pictures.originals) {
                assert_eq!(row[0], image(&dataset.train, original.index));
                assert!((1..8).all(|i| !row[..i].contains(&row[i])), "eight different ones");
            }

            draw(&at(1), &dataset, &recipe, 0, &test);
            draw(&at(2), &dataset, &recipe, 9, &test);
            let bytes = |seed, picture| std::fs::read(at(seed).picture(picture)).unwrap();
            for picture in [PICTURES, MISTAKES, AUGMENTATION] {
                assert!(bytes(0, picture) == bytes(1, picture), "{picture} is repeatable");
            }
            assert!(bytes(0, AUGMENTATION) != bytes(2, AUGMENTATION), "another seed, other changes");
            assert!(bytes(0, MISTAKES) == bytes(2, MISTAKES));
        }
    }

    #[test]
    fn as_many_as_there_are() {
        let dir = tempfile::tempdir().unwrap();
        let at = SeedDir::new(dir.path(), "mnist", 0);
        let (mut dataset, recipe) = samples("mnist");
        for label in &mut dataset.train.labels {
            *label %= 4;
        }
        let few = says_zero(&[1, 0, 2, 1, 1, 1, 3, 2], |_| 0.5);
        draw(&at, &dataset, &recipe, 0, &few);
        let pictures = Pictures::read(&at.picture(PICTURES)).unwrap();
        assert_eq!((pictures.mistakes.len(), pictures.originals.len()), (7, 4));
        let shown = tiles(&at.picture(MISTAKES), pictures.tile, 6);
        assert_eq!(shown.len(), 12);
        assert!(shown[7..].iter().flatten().all(|&byte| byte == 0), "the rest of a row is black");

        let none = says_zero(&[0; 8], |_| 0.5);
        assert!(!draw(&at, &dataset, &recipe, 0, &none).contains(&at.picture(MISTAKES)));
        assert!(!at.picture(MISTAKES).exists(), "the one of the evaluation before is gone");
        assert_eq!(Pictures::read(&at.picture(PICTURES)).unwrap().mistakes, []);
    }

    #[test]
    fn no_pictures_of_other_channels() {
        let dir = tempfile::tempdir().unwrap();
        let at = SeedDir::new(dir.path(), "mnist", 0);
        let (dataset, recipe) = samples("mnist");
        let mut data = TrainingData::new(&dataset, &recipe, 0, Device::Cpu).unwrap();
        data.input.channels = 2;
        let test = says_zero(&dataset.test.labels, |_| 0.5);
        assert_eq!(write(&at, &data, &recipe, 0, &test).unwrap(), Vec::<PathBuf>::new());
        assert!(expected(&at, &data).is_empty() && !at.root().exists());
    }

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<f32> = (0..=255u8).map(f32::from).collect();
        for scale in [255.0, 256.0, 127.5, 1.0] {
            let values = Tensor::from_slice(&all).view([4, 1, 8, 8]) / scale;
            assert_eq!(bytes(&values, scale).unwrap(), (0..=255).collect::<Vec<u8>>());
        }
        // Two images of two channels: channels go last.
        let planes: Vec<f32> = (0..16u8).map(f32::from).collect();
        let images = Tensor::from_slice(&planes).view([2, 2, 2, 2]);
        assert_eq!(bytes(&images, 1.0).unwrap(), [0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15]);
    }
}
