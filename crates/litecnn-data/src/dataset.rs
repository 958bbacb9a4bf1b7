use litecnn_pictures::PictureForm;
use ndarray::Array4;

use crate::coarse::CoarseClasses;
use crate::manifest::{FileSpec, Format, Role, SetSpec};
use crate::{DataError, cifar, idx};

/// A data set in memory, checked against its manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// What commands call it: `mnist`, `fashion-mnist`, `cifar10`, `cifar100`, or a name from a folder's own manifest.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Names of the classes; label 0 is the first.
    pub classes: Vec<String>,
    /// `[classes]`: the coarse class each class lies in, for sets whose files tell ([`Format::Cifar100`]).
    pub coarse: Option<Vec<u8>>,
    /// The training images, in the order of the files.
    pub train: Images,
    /// Images to choose by while training, for sets that bring their own. `None` leaves it to the training to put some
    /// of the training images aside.
    pub validation: Option<Images>,
    /// The test images, in the order of the files.
    pub test: Images,
    /// How pictures became these images, if they did: what others must go through to be seen alike.
    pub pictures: Option<PictureForm>,
    /// SHA-256 over the checksums of the canonical files: two sets with the same digest hold the same bytes.
    pub digest: String,
    /// Whether the files are, byte for byte, those the set was published with; false for samples and own data.
    pub official: bool,
}

/// Images with their labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    /// `[images, height, width, channels]`, contiguous in this order, 0 to 255 as stored.
    pub pixels: Array4<u8>,
    /// `[images]`: the class of each image, always less than the number of classes.
    pub labels: Vec<u8>,
}

impl Images {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none. A loaded data set always has some, until they are taken.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Takes the images out and leaves none of the same size.
    #[must_use]
    pub fn take(&mut self) -> Self {
        let (_, height, width, channels) = self.pixels.dim();
        let none = Self { pixels: Array4::zeros((0, height, width, channels)), labels: Vec::new() };
        std::mem::replace(self, none)
    }
}

/// The decoded bytes of a canonical file, and where they came from (for messages).
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) place: String,
    pub(crate) bytes: Vec<u8>,
}

/// Reads the canonical files of a set, given in the order of its manifest, their checksums already compared.
pub(crate) fn assemble(set: &SetSpec, contents: Vec<Content>) -> Result<Dataset, DataError> {
    let mut coarse = None;
    let (train, validation, test) = match set.format {
        Format::Idx => {
            let (train, test) = from_idx(set, contents)?;
            (train, None, test)
        }
        Format::Cifar | Format::Cifar100 => {
            if set.format == Format::Cifar100 {
                coarse = Some(coarse_classes(set, &contents)?);
            }
            from_cifar(set, contents)?
        }
    };
    Ok(Dataset {
        name: set.name.clone(),
        title: set.title.clone(),
        classes: set.classes.clone(),
        coarse,
        train,
        validation,
        test,
        pictures: set.picture_form(),
        digest: set.digest(),
        official: set.is_official()?,
    })
}

fn from_idx(set: &SetSpec, contents: Vec<Content>) -> Result<(Images, Images), DataError> {
    // Taken out one by one, so that no file is in memory twice.
    let mut contents: Vec<Option<Content>> = contents.into_iter().map(Some).collect();
    let mut take = |role: Role| {
        let at = set.files.iter().position(|f| f.role == role);
        at.and_then(|at| contents.get_mut(at)).and_then(Option::take).ok_or_else(|| incomplete(set))
    };
    let mut pair = |images: Role, labels: Role| {
        let (images, labels) = (take(images)?, take(labels)?);
        let read = idx::images(images.bytes).map_err(|e| DataError::malformed(&images.place, e))?;
        let [channels, height, width] = set.shape;
        if (read.height, read.width) != (height, width) {
            let reason =
                format!("its images are {} x {}, the manifest says {height} x {width}", read.height, read.width);
            return Err(DataError::malformed(&images.place, reason));
        }
        let given = idx::labels(labels.bytes).map_err(|e| DataError::malformed(&labels.place, e))?;
        if given.len() != read.count {
            let reason = format!("it has {} labels for the {} images in {}", given.len(), read.count, images.place);
            return Err(DataError::malformed(&labels.place, reason));
        }
        check_labels(set, &given, &labels.place)?;
        images_of(read.pixels, given, [height, width, channels], &images.place)
    };
    Ok((pair(Role::TrainImages, Role::TrainLabels)?, pair(Role::TestImages, Role::TestLabels)?))
}

fn from_cifar(set: &SetSpec, contents: Vec<Content>) -> Result<(Images, Option<Images>, Images), DataError> {
    let mut contents: Vec<Option<Content>> = contents.into_iter().map(Some).collect();
    let mut part = |role: Role| {
        let of_role: Vec<usize> = (0..contents.len()).filter(|i| set.files[*i].role == role).collect();
        let bytes = of_role.iter().filter_map(|i| contents[*i].as_ref()).map(|c| c.bytes.len()).sum::<usize>();
        let records = bytes / set.record();
        let mut pixels = Vec::with_capacity(records * (set.record() - set.format.label_bytes()));
        let mut labels = Vec::with_capacity(records);
        let mut places = Vec::new();
        for index in of_role {
            // Dropped one by one, so that no more than a file is in memory twice.
            let Some(Content { place, bytes }) = contents[index].take() else { continue };
            let before = labels.len();
            let read = cifar::read(&bytes, set.format, set.shape, &mut pixels, &mut labels);
            read.map_err(|e| DataError::malformed(&place, e))?;
            check_labels(set, &labels[before..], &place)?;
            places.push(place);
        }
        let [channels, height, width] = set.shape;
        images_of(pixels, labels, [height, width, channels], &places.join(", "))
    };
    let has_validation = set.files.iter().any(|f| f.role == Role::ValidationBatch);
    let train = part(Role::TrainBatch)?;
    let validation = has_validation.then(|| part(Role::ValidationBatch)).transpose()?;
    Ok((train, validation, part(Role::TestBatch)?))
}

/// The coarse class of every class, by all files of a set together.
fn coarse_classes(set: &SetSpec, contents: &[Content]) -> Result<Vec<u8>, DataError> {
    let mut coarse = CoarseClasses::new(set);
    for Content { place, bytes } in contents {
        coarse.learn(bytes).map_err(|e| DataError::malformed(place, e))?;
    }
    let places: Vec<&str> = contents.iter().map(|c| c.place.as_str()).collect();
    coarse.complete().map_err(|e| DataError::malformed(&places.join(", "), e))
}

fn check_labels(set: &SetSpec, labels: &[u8], place: &str) -> Result<(), DataError> {
    let classes = set.classes.len();
    match labels.iter().position(|l| usize::from(*l) >= classes) {
        None => Ok(()),
        Some(at) => Err(DataError::malformed(
            place,
            format!("label {at} is {}, but there are {classes} classes, counted from 0", labels[at]),
        )),
    }
}

fn images_of(pixels: Vec<u8>, labels: Vec<u8>, hwc: [usize; 3], place: &str) -> Result<Images, DataError> {
    if labels.is_empty() {
        return Err(DataError::malformed(place, "there are no images in it"));
    }
    let [height, width, channels] = hwc;
    let pixels = Array4::from_shape_vec((labels.len(), height, width, channels), pixels)
        .map_err(|e| DataError::malformed(place, e))?;
    Ok(Images { pixels, labels })
}

fn incomplete(set: &SetSpec) -> DataError {
    let names: Vec<&str> = set.files.iter().map(|f: &FileSpec| f.name.as_str()).collect();
    DataError::malformed(&set.name, format!("the set is not complete without {}", names.join(", ")))
}
