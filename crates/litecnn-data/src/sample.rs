use std::path::Path;

use litecnn_pictures::PictureForm;
use litecnn_run::{sha256, write_atomic};

use crate::manifest::{self, FileSpec, Fitting, Format, Role, SetSpec};
use crate::{DataError, Dataset, Images, cifar, gzip, idx};

/// Writes a small extract of a data set in canonical form: the first images of every class, in their order.
///
/// `train` and `test` are numbers of images, each a multiple of the number of classes. The files go gzipped into
/// `<folder>/<set>/`, their description into `<folder>/manifest.toml`, where other sets stay described; then
/// [`load`](crate::load) with `folder` as data folder reads the extract. Images for validation are left out. The same data set gives the same bytes.
/// Grey images are written as IDX, others as CIFAR batches (training images in five), sets with coarse classes as
/// CIFAR-100. Not for two processes at once
/// in one folder.
///
/// # Errors
/// [`DataError::Sample`] if the numbers are no multiples or a class has too few images, [`DataError::Manifest`] if
/// the manifest that is there cannot be read, [`DataError::Io`] or [`DataError::Cache`] if writing fails.
pub fn write_sample(dataset: &Dataset, train: usize, test: usize, folder: &Path) -> Result<(), DataError> {
    let train = Extract::of(dataset, &dataset.train, train, "training")?;
    let test = Extract::of(dataset, &dataset.test, test, "test")?;
    let (_, height, width, channels) = dataset.train.pixels.dim();
    let (format, files) = if dataset.coarse.is_some() {
        let train = train.batch("train.bin", Role::TrainBatch, 0, 1)?;
        (Format::Cifar100, vec![train, test.batch("test.bin", Role::TestBatch, 0, 1)?])
    } else if channels == 1 {
        let mut files = train.idx("train", [Role::TrainImages, Role::TrainLabels])?;
        files.extend(test.idx("t10k", [Role::TestImages, Role::TestLabels])?);
        (Format::Idx, files)
    } else {
        let batches = train.chosen.len().min(5);
        let mut files = (0..batches)
            .map(|i| train.batch(&format!("data_batch_{}.bin", i + 1), Role::TrainBatch, i, batches))
            .collect::<Result<Vec<_>, _>>()?;
        files.push(test.batch("test_batch.bin", Role::TestBatch, 0, 1)?);
        (Format::Cifar, files)
    };
    let describe = |(name, role, bytes): &(String, Role, Vec<u8>)| FileSpec {
        name: name.clone(),
        role: *role,
        bytes: bytes.len() as u64,
        sha256: sha256(bytes),
    };
    let set = SetSpec {
        name: dataset.name.clone(),
        title: dataset.title.clone(),
        format,
        optional: false,
        shape: [channels, height, width],
        classes: dataset.classes.clone(),
        pictures: dataset.pictures.map(|PictureForm { fit, background, .. }| Fitting { fit, background }),
        files: files.iter().map(describe).collect(),
        sources: Vec::new(),
    };

    let path = folder.join(manifest::FILE);
    let text = manifest::with(folder, set)?;
    let place = folder.join(&dataset.name);
    let write = |path: &Path, bytes: &[u8]| {
        write_atomic(path, bytes).map_err(|source| DataError::Cache { folder: folder.to_owned(), source })
    };
    for (name, _, bytes) in &files {
        let path = place.join(format!("{name}.gz"));
        let packed = gzip::encode(bytes).map_err(DataError::io("write", &path))?;
        write(&path, &packed)?;
    }
    write(&path, text.as_bytes())
}

/// The images chosen from a part of a data set.
struct Extract<'a> {
    dataset: &'a Dataset,
    images: &'a Images,
    /// Indices into `images`, rising.
    chosen: Vec<usize>,
}

impl<'a> Extract<'a> {
    fn of(dataset: &'a Dataset, images: &'a Images, count: usize, part: &str) -> Result<Self, DataError> {
        let refuse = |reason: String| DataError::Sample { set: dataset.name.clone(), reason };
        let classes = dataset.classes.len();
        if count == 0 || classes == 0 || !count.is_multiple_of(classes) {
            return Err(refuse(format!(
                "{count} {part} images are not the same number from each of {classes} classes; ask for a multiple of {classes}"
            )));
        }
        let mut left = vec![count / classes; classes];
        let mut chosen = Vec::new();
        for (index, label) in images.labels.iter().enumerate() {
            if let Some(n) = left.get_mut(usize::from(*label)).filter(|n| **n > 0) {
                *n -= 1;
                chosen.push(index);
            }
        }
        if let Some(class) = left.iter().position(|n| *n > 0) {
            let (each, has) = (count / classes, count / classes - left[class]);
            let name = &dataset.classes[class];
            return Err(refuse(format!("class `{name}` has {has} {part} images, {each} are needed; ask for fewer")));
        }
        Ok(Self { dataset, images, chosen })
    }

    fn labels(&self) -> Vec<u8> {
        self.chosen.iter().map(|i| self.images.labels[*i]).collect()
    }

    /// An image in the order height, width, channels.
    fn pixels(&self, index: usize) -> Vec<u8> {
        self.images.pixels.index_axis(ndarray::Axis(0), index).iter().copied().collect()
    }

    fn idx(&self, stem: &str, [images, labels]: [Role; 2]) -> Result<Vec<(String, Role, Vec<u8>)>, DataError> {
        let (_, height, width, _) = self.images.pixels.dim();
        let pixels: Vec<u8> = self.chosen.iter().flat_map(|i| self.pixels(*i)).collect();
        let count = self.chosen.len();
        let too_large = || DataError::Sample {
            set: self.dataset.name.clone(),
            reason: "a size does not fit the 32 bits of IDX; ask for fewer images".into(),
        };
        Ok(vec![
            (
                format!("{stem}-images-idx3-ubyte"),
                images,
                idx::write([count, height, width], &pixels).ok_or_else(too_large)?,
            ),
            (format!("{stem}-labels-idx1-ubyte"), labels, idx::write([count], &self.labels()).ok_or_else(too_large)?),
        ])
    }

    /// Part `part` of `parts` about equal ones.
    fn batch(&self, name: &str, role: Role, part: usize, parts: usize) -> Result<(String, Role, Vec<u8>), DataError> {
        let (_, _, _, channels) = self.images.pixels.dim();
        let count = self.chosen.len();
        let mut batch = Vec::new();
        for &index in &self.chosen[count * part / parts..count * (part + 1) / parts] {
            let label = self.images.labels[index];
            if let Some(coarse) = &self.dataset.coarse {
                batch.push(*coarse.get(usize::from(label)).ok_or_else(|| DataError::Sample {
                    set: self.dataset.name.clone(),
                    reason: format!("the coarse class of label {label} is not known"),
                })?);
            }
            cifar::write_record(&mut batch, label, &self.pixels(index), channels);
        }
        Ok((name.to_owned(), role, batch))
    }
}
