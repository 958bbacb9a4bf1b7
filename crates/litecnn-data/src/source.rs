use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::time::Duration;

use flate2::bufread::GzDecoder;

use crate::dataset::Content;
use crate::gzip::packed_limit;
use crate::manifest::{FileSpec, Form, SetSpec, Source};
use crate::progress::{Meter, Metered};
use crate::{client, gzip, png};

/// What is wanted from a source.
pub(crate) struct Request<'a> {
    pub(crate) set: &'a SetSpec,
    /// Places in the set's list of the files that are missing.
    pub(crate) wanted: &'a [usize],
    /// A folder of its own for what must be on disk on the way; removed afterwards.
    pub(crate) scratch: &'a Path,
}

/// Takes a file that has arrived, by its place in the set's list; an error ends the attempt.
pub(crate) type Accept<'a> = &'a mut dyn FnMut(usize, Content) -> Result<(), String>;

/// Fetches the wanted files from one source. Errors are the reasons, in words, that the user reads beside the source.
pub(crate) fn fetch(
    source: &Source,
    request: &Request<'_>,
    meter: &mut Meter<'_>,
    accept: Accept<'_>,
) -> Result<(), String> {
    match source {
        Source::Https { folder, suffix } => {
            for &index in request.wanted {
                let file = &request.set.files[index];
                let address = format!("{folder}/{}{suffix}", file.name);
                let packed = download(&address, packed_limit(file.bytes), meter)?;
                accept(index, Content { bytes: unpacked(file, packed)?, place: address })?;
            }
            Ok(())
        }
        Source::HttpsArchive { address, folder } => {
            let response = get(address)?;
            let archive = BufReader::new(response.take(packed_limit(request.set.total())));
            let entries = Entries::of_files(request, folder, "");
            let found = entries.read(GzDecoder::new(BufReader::new(Metered { inner: archive, meter })))?;
            deliver_files(request, folder, "", found, &source.to_string(), accept)
        }
        Source::Npm { package, version, folder, form } => {
            let archive = client::npm_pack(package, version, request.scratch, meter)?;
            let archive = File::open(&archive).map_err(|e| format!("cannot read {}: {e}", archive.display()))?;
            let archive = GzDecoder::new(BufReader::new(archive));
            match form {
                Form::Canonical => {
                    let found = Entries::of_files(request, folder, "").read(archive)?;
                    deliver_files(request, folder, "", found, &source.to_string(), accept)
                }
                Form::Png => {
                    let found = Entries::of_pictures(request, folder).read(archive)?;
                    deliver_pictures(request, folder, &found, &source.to_string(), accept)
                }
            }
        }
        Source::Apt { package, folder, suffix } => {
            let entries = Entries::of_files(request, folder, suffix);
            let found = client::apt_package(package, request.scratch, meter, |tar| entries.read(tar))?;
            deliver_files(request, folder, suffix, found, &source.to_string(), accept)
        }
    }
}

/// The entries wanted from a tar archive, by exact name, and the most bytes each may have.
pub(crate) struct Entries(HashMap<String, u64>);

impl Entries {
    pub(crate) fn of_files(request: &Request<'_>, folder: &str, suffix: &str) -> Self {
        let entry = |&index: &usize| {
            let file = &request.set.files[index];
            (format!("{folder}/{}{suffix}", file.name), packed_limit(file.bytes))
        };
        Self(request.wanted.iter().map(entry).collect())
    }

    fn of_pictures(request: &Request<'_>, folder: &str) -> Self {
        let parts = request.wanted.iter().flat_map(|&index| png::parts(request.set, &request.set.files[index]));
        Self(parts.map(|part| (format!("{folder}/{}", part.name), part.limit)).collect())
    }

    /// Reads the wanted entries into memory. Nothing is ever unpacked to a path that an archive names.
    pub(crate) fn read(&self, archive: impl Read) -> Result<HashMap<String, Vec<u8>>, String> {
        let damaged = |e: std::io::Error| format!("the archive is damaged or cut off ({e})");
        let mut archive = tar::Archive::new(archive);
        let mut found = HashMap::new();
        // Raw: what an archive says of the next entry (long names, other sizes) is read into memory whole, however
        // long it is, and no name wanted here needs it.
        for entry in archive.entries().map_err(damaged)?.raw(true) {
            let entry = entry.map_err(damaged)?;
            let path = entry.path_bytes();
            let name = String::from_utf8_lossy(path.strip_prefix(b"./").unwrap_or(&path)).into_owned();
            drop(path);
            let Some(&limit) = self.0.get(&name).filter(|_| entry.header().entry_type().is_file()) else { continue };
            let size = entry.size();
            if size > limit {
                return Err(format!("{name} has {size} bytes, more than the {limit} it can have"));
            }
            let mut bytes = Vec::new();
            entry.take(limit).read_to_end(&mut bytes).map_err(damaged)?;
            if bytes.len() as u64 != size {
                return Err(format!("the archive is cut off in {name}, after {} of {size} bytes", bytes.len()));
            }
            found.insert(name, bytes);
            if found.len() == self.0.len() {
                break;
            }
        }
        Ok(found)
    }
}

fn deliver_files(
    request: &Request<'_>,
    folder: &str,
    suffix: &str,
    mut found: HashMap<String, Vec<u8>>,
    source: &str,
    accept: Accept<'_>,
) -> Result<(), String> {
    for &index in request.wanted {
        let file = &request.set.files[index];
        let name = format!("{folder}/{}{suffix}", file.name);
        let bytes = found.remove(&name).ok_or_else(|| format!("there is no {name} in it"))?;
        accept(index, Content { bytes: unpacked(file, bytes)?, place: format!("{name} of {source}") })?;
    }
    Ok(())
}

fn deliver_pictures(
    request: &Request<'_>,
    folder: &str,
    found: &HashMap<String, Vec<u8>>,
    source: &str,
    accept: Accept<'_>,
) -> Result<(), String> {
    for &index in request.wanted {
        let file = &request.set.files[index];
        let [picture, list] = png::parts(request.set, file).map(|part| {
            let name = format!("{folder}/{}", part.name);
            found.get(&name).ok_or_else(|| format!("there is no {name} in it"))
        });
        let bytes = png::rebuild(request.set, file, picture?, list?)?;
        accept(index, Content { bytes, place: format!("{} of {source}", file.name) })?;
    }
    Ok(())
}

/// Sources may compress or not, whatever the address looks like.
fn unpacked(file: &FileSpec, bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    if gzip::is_gzip(&bytes) {
        gzip::decode(&bytes, file.bytes).map_err(|e| format!("{}: {e}", file.name))
    } else {
        Ok(bytes)
    }
}

fn download(address: &str, limit: u64, meter: &mut Meter<'_>) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let reader = Metered { inner: get(address)?.take(limit.saturating_add(1)), meter };
    BufReader::with_capacity(1 << 16, reader)
        .read_to_end(&mut bytes)
        .map_err(|e| format!("the connection broke after {} bytes ({e})", bytes.len()))?;
    if bytes.len() as u64 > limit {
        return Err(format!("{address} has more than the {limit} bytes it can have"));
    }
    Ok(bytes)
}

fn get(address: &str) -> Result<impl Read + use<>, String> {
    let secure = address.starts_with("https://");
    let mut config = ureq::Agent::config_builder().https_only(secure);
    if !secure {
        // Manifests are held to https; only the tests' own server on this machine comes here.
        config = config.proxy(None);
    }
    let agent: ureq::Agent = config
        .timeout_resolve(Some(Duration::from_secs(10)))
        .timeout_connect(Some(Duration::from_secs(10)))
        .timeout_recv_response(Some(Duration::from_secs(30)))
        .timeout_per_read(Some(Duration::from_secs(30)))
        .user_agent(concat!("litecnn/", env!("CARGO_PKG_VERSION")))
        .build()
        .into();
    let response = agent.get(address).call().map_err(|e| e.to_string())?;
    Ok(response.into_body().into_reader())
}
