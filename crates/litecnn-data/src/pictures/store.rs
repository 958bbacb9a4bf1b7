use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use litecnn_pictures::{Listing, Part};
use litecnn_run::{RunError, read_json, sha256, sha256_file, write_atomic, write_atomic_with, write_json};
use serde::{Deserialize, Serialize};

use super::parts::parts;
use super::read::{Outcome, Records, read};
use super::report::ImportReport;
use super::tally::Tally;
use super::twins::Twins;
use super::{PictureOptions, PictureProgress};
use crate::dataset::assemble;
use crate::manifest::{self, FileSpec, Fitting, Format, Role, SetSpec};
use crate::{DataError, Dataset, cache, cifar, folder};

/// Beside the images: what was imported, and of which pictures.
const REPORT: &str = "import.json";
const LOCK: &str = ".lock";
/// Also in the keys of listings: imports by other versions are made again.
const FORMAT: &str = "litecnn-import/1";
/// About as many bytes go into one file.
const BATCH: usize = 32 << 20;

/// The folder of an import.
pub(super) struct Store {
    folder: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    format: String,
    /// [`listing_key`] of the pictures.
    listing: String,
    report: ImportReport,
}

/// A digest of the names, sizes, times, classes and parts of all pictures.
pub(super) fn listing_key(listing: &Listing) -> String {
    let mut text = format!("{FORMAT}\n{:?}\n{:?}\n", listing.classes, listing.ignored);
    for picture in &listing.pictures {
        let _ = writeln!(text, "{picture:?}");
    }
    for missing in &listing.missing {
        let _ = writeln!(text, "{missing:?}");
    }
    sha256(text.as_bytes())
}

impl Store {
    pub(super) fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Refuses a folder that leads elsewhere; before anything is read or written there.
    pub(super) fn check(&self) -> Result<(), DataError> {
        cache::refuse_to_be_led(&self.folder).map_err(|source| self.failed(source))
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.folder.join(LOCK)
    }

    pub(super) fn failed(&self, source: RunError) -> DataError {
        DataError::Cache { folder: self.folder.clone(), source }
    }

    /// The report of an import of just these pictures, if it was finished.
    pub(super) fn look(&self, key: &str) -> Option<ImportReport> {
        let Kept { listing, report, .. } = read_json(&self.folder.join(REPORT), FORMAT).ok()?;
        let whole = listing == key && self.set(&report.name).is_ok();
        whole.then(|| ImportReport { cached: true, folder: self.folder.clone(), ..report })
    }

    pub(super) fn load(&self, report: &ImportReport) -> Result<Dataset, DataError> {
        let set = self.set(&report.name)?;
        assemble(&set, folder::read(&set, &self.folder)?)
    }

    /// Compares sizes and checksums, file by file.
    pub(super) fn verify(&self, report: &ImportReport) -> Result<(), DataError> {
        for file in &self.set(&report.name)?.files {
            let path = self.folder.join(&file.name);
            let found = sha256_file(&path).map_err(|source| self.failed(source))?;
            if found != file.sha256 {
                let place = path.display().to_string();
                return Err(DataError::Checksum { place, expected: file.sha256.clone(), found });
            }
        }
        Ok(())
    }

    fn set(&self, name: &str) -> Result<SetSpec, DataError> {
        let sets = manifest::read(&self.folder)?.unwrap_or_default();
        sets.into_iter().find(|set| set.name == name).ok_or_else(|| DataError::Manifest {
            path: self.folder.join(manifest::FILE),
            reason: format!("it has no set `{name}`"),
        })
    }

    /// Copies the set into a data folder.
    pub(super) fn export(&self, to: &Path) -> Result<(), DataError> {
        let failed = |source| DataError::Cache { folder: to.to_owned(), source };
        let Kept { report, .. } = read_json(&self.folder.join(REPORT), FORMAT).map_err(failed)?;
        let set = self.set(&report.name)?;
        let text = manifest::with(to, set.clone())?;
        let place = to.join(&set.name);
        cache::refuse_to_be_led(&place).map_err(failed)?;
        for name in set.files.iter().map(|file| file.name.as_str()).chain([REPORT]) {
            let from = self.folder.join(name);
            let mut file = std::fs::File::open(&from).map_err(DataError::io("read", &from))?;
            write_atomic_with(&place.join(name), |out| std::io::copy(&mut file, out).map(drop)).map_err(failed)?;
        }
        write_atomic(&to.join(manifest::FILE), text.as_bytes()).map_err(failed)
    }

    /// Decodes the pictures and writes the images. The lock is held.
    pub(super) fn import(
        &self,
        name: &str,
        path: &Path,
        listing: &Listing,
        key: &str,
        options: &PictureOptions,
        progress: &mut dyn FnMut(PictureProgress),
    ) -> Result<ImportReport, DataError> {
        let start = Instant::now();
        self.clear()?;
        if let (true, Some(missing)) = (options.strict, listing.missing.first()) {
            return Err(DataError::Picture { path: listing.root.join(&missing.path), reason: missing.reason.clone() });
        }
        let mut records = read(listing, &self.folder, options, progress)?;
        progress(PictureProgress::Writing);
        let twins = Twins::of(&records.outcomes);
        let (parts, cut) = parts(listing, &records.outcomes, &twins, options);
        let grey =
            records.outcomes.iter().all(|o| matches!(o, Outcome::Unreadable(_) | Outcome::Image { grey: true, .. }));
        let channels = options.channels.unwrap_or(if grey { 1 } else { 3 });
        let form = options.form(channels);

        let tally = Tally::of(listing, &records.outcomes, &twins, &parts);
        tally.learnable(&listing.root)?;

        let mut files = Vec::new();
        for (part, stem, role) in [
            (Part::Train, "train_batch", Role::TrainBatch),
            (Part::Validation, "validation_batch", Role::ValidationBatch),
            (Part::Test, "test_batch", Role::TestBatch),
        ] {
            let of_part: Vec<usize> = (0..parts.len()).filter(|index| parts[*index] == Some(part)).collect();
            let record = 1 + channels * form.height * form.width;
            for (number, chunk) in of_part.chunks((BATCH / record).max(1)).enumerate() {
                let name = format!("{stem}_{}.bin", number + 1);
                files.push(self.write_batch(name, role, chunk, listing, &mut records, channels)?);
            }
        }
        let set = SetSpec {
            name: name.to_owned(),
            title: name.to_owned(),
            format: Format::Cifar,
            optional: false,
            shape: [channels, form.height, form.width],
            classes: listing.classes.clone(),
            pictures: Some(Fitting { fit: form.fit, background: form.background }),
            files,
            sources: Vec::new(),
        };
        let text = manifest::with(&self.folder, set)?;
        let report = ImportReport {
            source: path.display().to_string(),
            name: name.to_owned(),
            folder: self.folder.clone(),
            form,
            cut,
            ignored: listing.ignored.clone(),
            seconds: start.elapsed().as_secs_f64(),
            cached: false,
            tally,
        };
        let kept = Kept { format: FORMAT.into(), listing: key.to_owned(), report };
        // The manifest comes last: without it nothing here looks whole.
        write_json(&self.folder.join(REPORT), &kept).map_err(|source| self.failed(source))?;
        write_atomic(&self.folder.join(manifest::FILE), text.as_bytes()).map_err(|source| self.failed(source))?;
        Ok(kept.report)
    }

    fn write_batch(
        &self,
        name: String,
        role: Role,
        chunk: &[usize],
        listing: &Listing,
        records: &mut Records,
        channels: usize,
    ) -> Result<FileSpec, DataError> {
        let mut batch = Vec::new();
        for &index in chunk {
            let mut image = records.image(index).map_err(DataError::io("read", &self.folder))?;
            if channels == 1 && records.form.channels == 3 {
                image = image.into_iter().step_by(3).collect();
            }
            cifar::write_record(&mut batch, listing.pictures[index].label, &image, channels);
        }
        write_atomic(&self.folder.join(&name), &batch).map_err(|source| self.failed(source))?;
        Ok(FileSpec { name, role, bytes: batch.len() as u64, sha256: sha256(&batch) })
    }

    /// Removes what earlier imports left, the manifest first.
    fn clear(&self) -> Result<(), DataError> {
        let remove = |path: &Path| match std::fs::remove_file(path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(DataError::io("remove", path)(e)),
            _ => Ok(()),
        };
        remove(&self.folder.join(manifest::FILE))?;
        for entry in std::fs::read_dir(&self.folder).map_err(DataError::io("read", &self.folder))? {
            let path = entry.map_err(DataError::io("read", &self.folder))?.path();
            if path.file_name().is_some_and(|name| name != LOCK) && !path.is_dir() {
                remove(&path)?;
            }
        }
        Ok(())
    }
}
