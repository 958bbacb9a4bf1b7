use std::path::PathBuf;

use crate::dataset::{Content, assemble};
use crate::manifest::{SetSpec, official_sets};
use crate::{DataError, Dataset, Progress, cache, folder};

/// Where to look for data sets. The default looks in the user's cache and fetches what is missing.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// A folder that holds the files, plain or gzipped, in itself or in a folder named like the set. If it is given
    /// nothing else is tried. `None` means the environment variable `LITECNN_DATA`, if that is set.
    pub data_dir: Option<PathBuf>,
    /// Where fetched sets are kept, each in a folder of its name. `None` means `litecnn/datasets` in the user's
    /// cache folder, which on Linux is `XDG_CACHE_HOME` or `~/.cache`.
    pub cache_dir: Option<PathBuf>,
    /// Whether the network must not be used; so does the environment variable `LITECNN_OFFLINE` (any value but
    /// empty and `0`).
    pub offline: bool,
}

/// Where [`fetch`] found a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The folder that holds the files now.
    pub folder: PathBuf,
    /// Where they came from: the folder itself, or the sources that filled the cache.
    pub source: String,
    /// Total size of the canonical files.
    pub bytes: u64,
}

/// Loads a data set into memory: from the data folder, else from the cache, else by fetching it into the cache.
///
/// Sizes and SHA-256 of all files are compared at every load. Use [`fetch`] before to see progress.
///
/// # Errors
/// Every variant of [`DataError`] but [`DataError::Sample`]. In short: a name that is not known, a data folder that
/// is given and incomplete or damaged, or [`DataError::Unavailable`] with all that was tried.
pub fn load(name: &str, options: &LoadOptions) -> Result<Dataset, DataError> {
    let obtained = obtain(name, options, &mut |_| {})?;
    assemble(&obtained.set, obtained.contents)
}

/// Makes sure that a data set is at hand and intact, fetching it into the cache if need be, and tells how it goes.
///
/// A data folder is only checked, never copied. Two processes that fetch the same set do the work once.
///
/// # Errors
/// As [`load`]; images are not decoded, so [`DataError::Malformed`] tells of damaged compression only.
pub fn fetch(name: &str, options: &LoadOptions, progress: &mut dyn FnMut(Progress)) -> Result<Fetched, DataError> {
    let Obtained { set, folder, source, .. } = obtain(name, options, progress)?;
    Ok(Fetched { folder, source, bytes: set.total() })
}

struct Obtained {
    set: SetSpec,
    contents: Vec<Content>,
    folder: PathBuf,
    source: String,
}

fn obtain(name: &str, options: &LoadOptions, progress: &mut dyn FnMut(Progress)) -> Result<Obtained, DataError> {
    let from_environment = || std::env::var_os("LITECNN_DATA").filter(|v| !v.is_empty()).map(PathBuf::from);
    if let Some(folder) = options.data_dir.clone().or_else(from_environment) {
        let local = folder::manifest(name, &folder)?;
        let set = find(name, &local)?;
        let contents = folder::read(&set, &folder)?;
        return Ok(Obtained { set, contents, source: folder.display().to_string(), folder });
    }
    let set = find(name, &[])?;
    let root = match &options.cache_dir {
        Some(root) => root.clone(),
        None => dirs::cache_dir().ok_or(DataError::NoCacheFolder)?.join("litecnn").join("datasets"),
    };
    let forbidden = std::env::var_os("LITECNN_OFFLINE").is_some_and(|v| !v.is_empty() && v != "0");
    let folder = root.join(&set.name);
    let (contents, source) = cache::obtain(&set, &folder, !options.offline && !forbidden, progress)?;
    Ok(Obtained { set, contents, folder, source })
}

/// The set of that name: a folder's own description before the official one.
fn find(name: &str, local: &[SetSpec]) -> Result<SetSpec, DataError> {
    let all = || local.iter().chain(official_sets().into_iter().flatten());
    official_sets()?;
    if let Some(set) = all().find(|s| s.name == name) {
        return Ok(set.clone());
    }
    let mut known: Vec<String> = Vec::new();
    for set in all() {
        if !known.contains(&set.name) {
            known.push(set.name.clone());
        }
    }
    let nearest = litecnn_cli::nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
    Err(DataError::UnknownSet { name: name.to_owned(), nearest, known })
}
