use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::coarse::CoarseClasses;
use crate::dataset::Content;
use crate::gzip::packed_limit;
use crate::manifest::{FileSpec, Form, Format, SetSpec};
use crate::{DataError, cifar, gzip, manifest, png};

/// Reads a set from a data folder, every file plain or gzipped, and compares sizes and checksums.
///
/// Files are looked for in the folder `<data folder>/<set>` and then in the data folder itself.
pub(crate) fn read(set: &SetSpec, data_dir: &Path) -> Result<Vec<Content>, DataError> {
    let places = [data_dir.join(&set.name), data_dir.to_owned()];
    let read = |file: &FileSpec| {
        let content = match canonical(file, &places).map_err(|e| told_by_labels(set, e, None))? {
            Some(found) => Some(found),
            None => rebuilt(set, file, &places)?,
        };
        let content = content.ok_or_else(|| DataError::MissingFile {
            set: set.name.clone(),
            file: file.name.clone(),
            folder: data_dir.to_owned(),
        })?;
        file.check(&content.bytes, &content.place).map_err(|e| told_by_labels(set, e, Some(&content.bytes)))?;
        Ok(content)
    };
    set.files.iter().map(read).collect()
}

/// Replaces a wrong size or checksum of a file with two labels by what is wrong with its labels, if that can be told.
fn told_by_labels(set: &SetSpec, error: DataError, bytes: Option<&[u8]>) -> DataError {
    if set.format != Format::Cifar100 {
        return error;
    }
    let (place, reason) = match &error {
        DataError::Size { place, found, .. } => (place, cifar::other_layout(*found, set.format, set.shape)),
        DataError::Checksum { place, .. } => {
            let whole = |bytes| {
                let mut coarse = CoarseClasses::new(set);
                coarse.learn(bytes).and_then(|()| coarse.complete()).err()
            };
            (place, bytes.and_then(whole))
        }
        _ => return error,
    };
    match reason {
        Some(reason) => DataError::malformed(place, reason),
        None => error,
    }
}

/// The sets a data folder describes itself: by a manifest in it, or beside it if it is the folder of the set alone.
pub(crate) fn manifest(name: &str, data_dir: &Path) -> Result<Vec<SetSpec>, DataError> {
    match std::fs::metadata(data_dir) {
        Ok(found) if found.is_dir() => {}
        Err(e) if e.kind() == ErrorKind::PermissionDenied => return Err(DataError::io("read", data_dir)(e)),
        _ => return Err(DataError::NoFolder { path: data_dir.to_owned(), set: name.to_owned() }),
    }
    if let Some(sets) = manifest::read(data_dir)? {
        return Ok(sets);
    }
    match data_dir.parent() {
        Some(parent) if data_dir.ends_with(name) => Ok(manifest::read(parent)?.unwrap_or_default()),
        _ => Ok(Vec::new()),
    }
}

/// A file whose size is known beforehand: it is compared before anything is read. `None` if there is no such file.
pub(crate) fn read_sized(file: &FileSpec, path: &Path) -> Result<Option<Content>, DataError> {
    let place = path.display().to_string();
    let Some((handle, found)) = open(path)? else { return Ok(None) };
    if found != file.bytes {
        return Err(DataError::Size { place, expected: file.bytes, found });
    }
    let bytes = read_limited(handle, file.bytes).map_err(DataError::io("read", path))?;
    Ok(Some(Content { place, bytes }))
}

fn canonical(file: &FileSpec, places: &[PathBuf]) -> Result<Option<Content>, DataError> {
    for folder in places {
        if let Some(found) = read_sized(file, &folder.join(&file.name))? {
            return Ok(Some(found));
        }
        let path = folder.join(format!("{}.gz", file.name));
        if let Some(packed) = read_up_to(&path, packed_limit(file.bytes))? {
            let place = path.display().to_string();
            let bytes = gzip::decode(&packed, file.bytes).map_err(|e| DataError::malformed(&place, e))?;
            return Ok(Some(Content { place, bytes }));
        }
    }
    Ok(None)
}

/// The file rebuilt from pictures, if the set has a source of that form and its files lie in a folder.
fn rebuilt(set: &SetSpec, file: &FileSpec, places: &[PathBuf]) -> Result<Option<Content>, DataError> {
    let has_form = |s: &manifest::Source| matches!(s, manifest::Source::Npm { form: Form::Png, .. });
    if !set.sources.iter().any(has_form) {
        return Ok(None);
    }
    let [picture, list] = png::parts(set, file);
    for folder in places {
        let path = folder.join(&picture.name);
        let parts = (read_up_to(&path, picture.limit)?, read_up_to(&folder.join(&list.name), list.limit)?);
        if let (Some(picture), Some(list)) = parts {
            let place = path.display().to_string();
            let bytes = png::rebuild(set, file, &picture, &list)
                .map_err(|e| DataError::malformed(&folder.display().to_string(), e))?;
            return Ok(Some(Content { place, bytes }));
        }
    }
    Ok(None)
}

/// A file that may have any size up to a limit. `None` if there is no such file.
fn read_up_to(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, DataError> {
    let Some((handle, found)) = open(path)? else { return Ok(None) };
    if found > limit {
        let reason = format!("it has {found} bytes, more than the {limit} such a file can have");
        return Err(DataError::malformed(&path.display().to_string(), reason));
    }
    read_limited(handle, limit).map(Some).map_err(DataError::io("read", path))
}

fn open(path: &Path) -> Result<Option<(File, u64)>, DataError> {
    let absent = |e: &std::io::Error| matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory);
    // Asked before opening: opening a pipe would wait for its writer.
    match std::fs::metadata(path) {
        Ok(found) if found.is_file() => {
            let handle = File::open(path).map_err(DataError::io("read", path))?;
            Ok(Some((handle, found.len())))
        }
        Ok(_) => Err(DataError::malformed(&path.display().to_string(), "it is no regular file")),
        Err(e) if absent(&e) => Ok(None),
        Err(e) => Err(DataError::io("read", path)(e)),
    }
}

fn read_limited(handle: File, limit: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    handle.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}
