use std::path::Path;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

use crate::{DataError, Dataset, Images};

/// Which images of a data set are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PicturePart {
    /// Training and test images.
    All,
    /// The training images.
    Train,
    /// The test images.
    Test,
}

/// Writes a data set out as PNG files, a folder for each class: `<folder>/<class>/train-00012.png`. Returns their number.
///
/// A file is named after its part and its place in it, counted from 0. What no folder can be called becomes `-` in the
/// name of a class. The folder must not be there yet, or be empty; it appears with all its files or not at all.
///
/// # Errors
/// [`DataError::Pictures`] if there is something in the folder, if two classes would share a folder, or if images are
/// neither grey nor of three colours; [`DataError::Io`] if writing fails.
pub fn write_pictures(dataset: &Dataset, part: PicturePart, folder: &Path) -> Result<usize, DataError> {
    let refuse = |reason: String| DataError::Pictures { set: dataset.name.clone(), reason };
    let classes = folder_names(&dataset.classes).map_err(refuse)?;
    if std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) || folder.is_file() {
        return Err(refuse(format!("{} is there already: name another folder, or remove it", folder.display())));
    }
    let beside = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(beside).map_err(DataError::io("create", beside))?;
    let hidden = tempfile::Builder::new().prefix(".pictures-").tempdir_in(beside);
    let hidden = hidden.map_err(DataError::io("create a folder in", beside))?;
    // In a folder within, since temporary ones are closed to others.
    let unfinished = hidden.path().join("pictures");
    for class in &classes {
        let path = unfinished.join(class);
        std::fs::create_dir_all(&path).map_err(DataError::io("create", &path))?;
    }
    let mut written = 0;
    for (name, images, wanted) in
        [("train", &dataset.train, part != PicturePart::Test), ("test", &dataset.test, part != PicturePart::Train)]
    {
        if wanted {
            write(images, name, &classes, &unfinished, dataset)?;
            written += images.len();
        }
    }
    std::fs::rename(&unfinished, folder).map_err(DataError::io("create", folder))?;
    Ok(written)
}

fn write(images: &Images, part: &str, classes: &[String], folder: &Path, set: &Dataset) -> Result<(), DataError> {
    let (_, height, width, channels) = images.pixels.dim();
    let colours = match channels {
        1 => ExtendedColorType::L8,
        3 => ExtendedColorType::Rgb8,
        n => {
            let reason = format!("its images have {n} channels; pictures have 1 or 3");
            return Err(DataError::Pictures { set: set.name.clone(), reason });
        }
    };
    let mut png = Vec::new();
    for (at, (pixels, label)) in images.pixels.outer_iter().zip(&images.labels).enumerate() {
        let path = folder.join(&classes[usize::from(*label)]).join(format!("{part}-{at:05}.png"));
        let pixels: Vec<u8> = pixels.iter().copied().collect();
        png.clear();
        PngEncoder::new(&mut png)
            .write_image(&pixels, width as u32, height as u32, colours)
            .map_err(|e| DataError::io("write", &path)(std::io::Error::other(e)))?;
        std::fs::write(&path, &png).map_err(DataError::io("write", &path))?;
    }
    Ok(())
}

/// A name for the folder of each class, on any file system: no separators, nothing hidden, no way up.
fn folder_names(classes: &[String]) -> Result<Vec<String>, String> {
    let mut names: Vec<String> = Vec::new();
    for class in classes {
        let plain = |c: char| if c.is_control() || "/\\:*?\"<>|".contains(c) { '-' } else { c };
        let mut name: String = class.trim().chars().map(plain).collect();
        if name.starts_with('.') {
            name.replace_range(..1, "-");
        }
        if name.is_empty() {
            return Err("a class has no name".to_owned());
        }
        if let Some(at) = names.iter().position(|other| other.to_lowercase() == name.to_lowercase()) {
            return Err(format!("the classes `{}` and `{class}` would share the folder `{name}`", classes[at]));
        }
        names.push(name);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(classes: &[&str]) -> Result<Vec<String>, String> {
        folder_names(&classes.iter().map(|&class| class.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn classes_become_folders_that_stay_within() {
        let names = named(&["T-shirt/top", "..", "../../etc", "C:\\x", "Ankle boot", ".hidden", "größer"]).unwrap();
        assert_eq!(names, ["T-shirt-top", "-.", "-.-..-etc", "C--x", "Ankle boot", "-hidden", "größer"]);
        assert!(named(&["a/b", "A-b"]).unwrap_err().contains("`a/b` and `A-b` would share"));
        assert!(named(&["a", " "]).unwrap_err().contains("no name"));
    }
}
