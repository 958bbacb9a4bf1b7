//! From pictures in folders to a data set.

mod options;
mod parts;
mod read;
mod report;
mod store;
mod tally;
mod twins;

use std::path::Path;

use litecnn_pictures::scan;
use litecnn_run::Lock;

use crate::{DataError, Dataset};
pub use options::{PictureOptions, PictureProgress};
pub use report::{ImportReport, Shares};
use store::Store;
pub use tally::{ClassCounts, Counted, SkippedPicture, Tally, Twin};

/// Loads a data set from a folder of pictures, or from a CSV file of paths and labels.
///
/// What [`scan`] finds is decoded, brought to one shape and kept in the cache as a data set with checksums, so that it
/// is decoded once only: while no picture is added, removed or changed (by size or time), the same options find it
/// there. Altered files of the cache are noticed and made again. A test part and a validation part are cut from the
/// training images, class by class and by the seed, where the folder brings none. Pictures that cannot be read are
/// listed and left out.
///
/// Two processes that load the same folder do the work once; what one that was killed left behind is never taken for
/// whole. All images together are in memory in the end; [`import_pictures`] leaves them on disk.
///
/// # Errors
/// [`DataError::Scan`] if folder or list cannot be used; [`DataError::PictureOptions`] for options without sense;
/// [`DataError::Picture`] if `strict` and a picture cannot be read; [`DataError::Unlearnable`] if a class has no picture
/// left to train on; [`DataError::NoCacheFolder`], [`DataError::Cache`] or [`DataError::Io`] if the cache cannot be used.
pub fn load_pictures(
    path: &Path,
    options: &PictureOptions,
    progress: &mut dyn FnMut(PictureProgress),
) -> Result<(Dataset, ImportReport), DataError> {
    obtain(path, options, progress, Store::load)
}

/// As [`load_pictures`], without loading the images: memory stays small however many there are.
///
/// The report's `folder` is a data folder for [`load`](crate::load), until the pictures or options change.
///
/// # Errors
/// As [`load_pictures`].
pub fn import_pictures(
    path: &Path,
    options: &PictureOptions,
    progress: &mut dyn FnMut(PictureProgress),
) -> Result<ImportReport, DataError> {
    obtain(path, options, progress, Store::verify).map(|((), report)| report)
}

/// Copies an import into a data folder, beside other sets that its manifest describes.
///
/// The files go into `<folder>/<name>/`; [`load`](crate::load) with `folder` as data folder and the report's name then
/// reads the set.
///
/// # Errors
/// [`DataError::Manifest`] if the manifest that is there cannot be read, [`DataError::Io`] or [`DataError::Cache`] if
/// reading or writing fails.
pub fn export_pictures(report: &ImportReport, folder: &Path) -> Result<(), DataError> {
    Store::at(&report.folder).export(folder)
}

fn obtain<T>(
    path: &Path,
    options: &PictureOptions,
    progress: &mut dyn FnMut(PictureProgress),
    take: impl Fn(&Store, &ImportReport) -> Result<T, DataError>,
) -> Result<(T, ImportReport), DataError> {
    options.check()?;
    progress(PictureProgress::Scanning);
    let listing = scan(path)?;
    let key = store::listing_key(&listing);
    let name = options.name_for(path)?;
    let store = Store::at(&options.folder_for(&name, path)?);
    store.check()?;
    let look = || {
        let report = store.look(&key)?;
        // Damaged files are as good as none.
        take(&store, &report).ok().map(|taken| (taken, report))
    };
    let found = match look() {
        Some(found) => found,
        None => {
            let locked = Lock::acquire(&store.lock(), || progress(PictureProgress::Waiting));
            let _lock = locked.map_err(|source| store.failed(source))?;
            // Whoever held the lock may have done the work.
            match look() {
                Some(found) => found,
                None => {
                    let report = store.import(&name, path, &listing, &key, options, progress)?;
                    (take(&store, &report)?, report)
                }
            }
        }
    };
    // The cache may be of an import that was not strict.
    match found.1.tally.skipped.first.first() {
        Some(SkippedPicture { path, reason }) if options.strict => {
            Err(DataError::Picture { path: listing.root.join(path), reason: reason.clone() })
        }
        _ => Ok(found),
    }
}
