use std::path::Path;

use litecnn_run::{Lock, RunError, refuse_links, write_atomic};

use crate::dataset::Content;
use crate::error::Attempt;
use crate::manifest::{FileSpec, SetSpec};
use crate::progress::Meter;
use crate::source::{self, Request};
use crate::{DataError, Progress, folder};

/// Names of what is not finished begin so, as those of [`write_atomic`] do.
const UNFINISHED: &str = ".unfinished-";

/// The files of a set from its folder in the cache, which is filled from the set's sources first if need be.
///
/// Also tells where the files came from.
pub(crate) fn obtain(
    set: &SetSpec,
    folder: &Path,
    network: bool,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Vec<Content>, String), DataError> {
    let place = format!("cache {}", folder.display());
    let (contents, problems) = look(set, folder);
    if contents.iter().all(Option::is_some) {
        return Ok((contents.into_iter().flatten().collect(), place));
    }
    let mut attempts = vec![Attempt { source: place.clone(), reason: problems.join("; ") }];
    if !network {
        attempts
            .push(Attempt { source: "network".into(), reason: "switched off (offline, or LITECNN_OFFLINE)".into() });
        return Err(unavailable(set, attempts));
    }

    let failed = |source: RunError| DataError::Cache { folder: folder.to_owned(), source };
    refuse_to_be_led(folder).map_err(failed)?;
    let _lock = Lock::acquire(&folder.join(".lock"), || progress(Progress::Waiting)).map_err(failed)?;
    // Whoever held the lock may have done the work, or died in the middle of it.
    let (mut contents, _) = look(set, folder);
    if contents.iter().all(Option::is_some) {
        return Ok((contents.into_iter().flatten().collect(), place));
    }
    sweep(folder);
    let scratch =
        tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(folder).map_err(DataError::io("write", folder))?;
    for source in &set.sources {
        let name = source.to_string();
        progress(Progress::Trying { source: name.clone() });
        let wanted: Vec<usize> = (0..contents.len()).filter(|i| contents[*i].is_none()).collect();
        let mut meter = Meter::new(progress);
        let mut unwritable = None;
        let mut stored = Vec::new();
        let mut accept = |index: usize, content: Content| {
            let file = &set.files[index];
            file.check(&content.bytes, &content.place).map_err(|e| e.fact())?;
            if let Err(e) = write_atomic(&folder.join(&file.name), &content.bytes) {
                let reason = e.to_string();
                unwritable = Some(e);
                return Err(reason);
            }
            stored.push((file.name.clone(), file.bytes));
            contents[index] = Some(content);
            Ok(())
        };
        let request = Request { set, wanted: &wanted, scratch: scratch.path() };
        let outcome = source::fetch(source, &request, &mut meter, &mut accept);
        let (bytes, seconds) = (meter.bytes, meter.seconds());
        for (file, bytes) in stored {
            progress(Progress::Stored { file, bytes });
        }
        // Where one file cannot be written the next source's cannot either.
        if let Some(e) = unwritable {
            return Err(failed(e));
        }
        if contents.iter().all(Option::is_some) {
            progress(Progress::Done { source: name.clone(), bytes, seconds });
            return Ok((contents.into_iter().flatten().collect(), name));
        }
        let reason = outcome.err().unwrap_or_else(|| "it does not hold every file".into());
        progress(Progress::Failed { source: name.clone(), reason: reason.clone() });
        attempts.push(Attempt { source: name, reason });
    }
    Err(unavailable(set, attempts))
}

/// Makes sure that a set's own folder and the folders in it are no symbolic links, so that what is written there stays
/// there.
pub(crate) fn refuse_to_be_led(folder: &Path) -> Result<(), RunError> {
    if folder.is_symlink() {
        return Err(RunError::Link { path: folder.to_owned() });
    }
    refuse_links(folder)
}

/// The intact files, and in words what is wrong with the others.
fn look(set: &SetSpec, folder: &Path) -> (Vec<Option<Content>>, Vec<String>) {
    let mut problems = Vec::new();
    let mut missing = 0;
    let mut read = |file: &FileSpec| {
        let found = folder::read_sized(file, &folder.join(&file.name));
        let checked = found.and_then(|c| match c {
            Some(content) => file.check(&content.bytes, &content.place).map(|()| Some(content)),
            None => Ok(None),
        });
        match checked {
            Ok(Some(content)) => return Some(content),
            Ok(None) => missing += 1,
            Err(e) => problems.push(e.fact()),
        }
        None
    };
    let contents: Vec<_> = set.files.iter().map(&mut read).collect();
    if missing == set.files.len() {
        problems.push("nothing there yet".into());
    } else if missing > 0 {
        problems.push(format!("{missing} of {} files missing", set.files.len()));
    }
    (contents, problems)
}

/// Removes what killed processes left behind; the lock is held, so nobody is writing there now.
fn sweep(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            let path = entry.path();
            // What cannot be removed is in nobody's way.
            let _ = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        }
    }
}

fn unavailable(set: &SetSpec, attempts: Vec<Attempt>) -> DataError {
    let files = set.files.iter().map(|f| f.name.clone()).collect();
    DataError::Unavailable { set: set.name.clone(), attempts, files }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Source, official_sets};
    use crate::testing::Server;
    use crate::{cifar, gzip};
    use litecnn_run::sha256;
    use std::path::PathBuf;

    /// A CIFAR-like set with three files of 26 bytes, and the files.
    fn small(sources: Vec<Source>) -> (SetSpec, Vec<Vec<u8>>) {
        let mut set = official_sets().unwrap()[2].clone();
        set.name = "small".into();
        set.shape = [3, 2, 2];
        set.files = [0, 1, 5].map(|i| set.files[i].clone()).into();
        let mut bytes = vec![];
        for (i, file) in set.files.iter_mut().enumerate() {
            let mut batch = vec![];
            for label in 0..2 {
                cifar::write_record(&mut batch, label, &[i as u8 * 20 + label; 12], 3);
            }
            (file.bytes, file.sha256) = (batch.len() as u64, sha256(&batch));
            bytes.push(batch);
        }
        set.sources = sources;
        (set, bytes)
    }

    fn https(server: &Server, folder: &str, suffix: &str) -> Source {
        Source::Https { folder: server.address(folder), suffix: suffix.into() }
    }

    /// What is in the cache folder besides the lock.
    fn left(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.map(|e| e.file_name().into_string().unwrap()).collect();
        names.retain(|n| n != ".lock");
        names.sort();
        names
    }

    fn get(set: &SetSpec, folder: &Path, log: &mut Vec<Progress>) -> Result<(Vec<Content>, String), DataError> {
        obtain(set, folder, true, &mut |p| log.push(p))
    }

    #[test]
    fn a_second_source_completes_what_the_first_began_and_damage_is_mended() {
        let server = Server::start();
        let (set, bytes) = small(vec![https(&server, "a", ""), https(&server, "b", ".gz")]);
        server.put("/a/data_batch_1.bin", bytes[0].clone());
        server.put("/a/data_batch_2.bin", vec![7; 26]); // right size, wrong bytes
        for (file, bytes) in set.files.iter().zip(&bytes) {
            server.put(&format!("/b/{}.gz", file.name), gzip::encode(bytes).unwrap());
        }
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("small");
        std::fs::create_dir_all(folder.join(".unfinished-of-a-killed-process")).unwrap();
        let mut log = vec![];
        let (contents, source) = get(&set, &folder, &mut log).unwrap();
        assert_eq!(contents.into_iter().map(|c| c.bytes).collect::<Vec<_>>(), bytes);
        assert_eq!(source, server.address("b"));
        assert_eq!(left(&folder), ["data_batch_1.bin", "data_batch_2.bin", "test_batch.bin"]);
        assert!(!server.asked().contains(&"/b/data_batch_1.bin.gz".to_owned()), "it had come from the first");
        let failed = log.iter().find_map(|p| match p {
            Progress::Failed { reason, .. } => Some(reason.as_str()),
            _ => None,
        });
        assert!(failed.unwrap().contains("data_batch_2.bin is damaged"), "{failed:?}");
        assert!(matches!(log.last(), Some(Progress::Done { .. })));

        let asked = server.asked().len();
        get(&set, &folder, &mut log).unwrap();
        assert_eq!(server.asked().len(), asked, "the cache is enough");

        std::fs::write(folder.join("test_batch.bin"), [9; 26]).unwrap();
        let message = obtain(&set, &folder, false, &mut |_| {}).unwrap_err().to_string();
        assert!(message.contains("test_batch.bin is damaged") && message.contains("switched off"), "{message}");
        get(&set, &folder, &mut log).unwrap();
        assert_eq!(std::fs::read(folder.join("test_batch.bin")).unwrap(), bytes[2]);
    }

    #[test]
    fn every_failure_is_listed_and_nothing_half_written_stays() {
        let server = Server::start();
        let archive = |name: &str| Source::HttpsArchive { address: server.address(name), folder: "batches".into() };
        let sources = vec![
            https(&server, "absent", ""),
            https(&server, "bomb", ".gz"),
            https(&server, "large", ""),
            https(&server, "cut", ".gz"),
            archive("cut.tar.gz"),
            archive("other.tar.gz"),
            archive("link.tar.gz"),
        ];
        let (set, bytes) = small(sources);
        server.put("/bomb/data_batch_1.bin.gz", gzip::encode(&vec![0; 10_000_000]).unwrap());
        server.put("/large/data_batch_1.bin", vec![0; 1_000_000]);
        let packed = gzip::encode(&bytes[0]).unwrap();
        server.put("/cut/data_batch_1.bin.gz", packed[..packed.len() - 4].to_vec());
        let good = archive_of(&[("batches/data_batch_1.bin", &bytes[0])]);
        server.put("/cut.tar.gz", good[..good.len() / 2].to_vec());
        server.put("/other.tar.gz", archive_of(&[("../data_batch_1.bin", &bytes[0]), ("etc/passwd", b"x")]));
        server.put("/link.tar.gz", archive_of(&[("batches/data_batch_1.bin", &[0; 200_000])]));
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("small");
        let message = get(&set, &folder, &mut vec![]).unwrap_err().to_string();
        for words in [
            "cache ",
            "nothing there yet",
            "/absent: http status: 404",
            "unpacks to more than the 26 bytes",
            "has more than the 65562 bytes it can have",
            "/cut: data_batch_1.bin: its gzip stream is damaged or cut off",
            "cut.tar.gz: the archive is damaged or cut off",
            "other.tar.gz: there is no batches/data_batch_1.bin in it",
            "link.tar.gz: batches/data_batch_1.bin has 200000 bytes, more than",
            "By hand: put data_batch_1.bin, data_batch_2.bin, test_batch.bin (plain or .gz) into a folder <dir>/small",
        ] {
            assert!(message.contains(words), "{words} in {message}");
        }
        assert_eq!(left(&folder), [""; 0]);
    }

    #[cfg(unix)]
    #[test]
    fn nothing_is_written_through_links() {
        use std::os::unix::fs::symlink;
        let server = Server::start();
        let (set, bytes) = small(vec![https(&server, "a", "")]);
        for (file, bytes) in set.files.iter().zip(&bytes) {
            server.put(&format!("/a/{}", file.name), bytes.clone());
        }
        let dir = tempfile::tempdir().unwrap();
        let outside = dir.path().join("outside");
        std::fs::create_dir(&outside).unwrap();
        let folder = dir.path().join("small");
        symlink(&outside, &folder).unwrap();
        let message = get(&set, &folder, &mut vec![]).unwrap_err().to_string();
        assert!(message.contains("symbolic link") && message.contains("XDG_CACHE_HOME"), "{message}");
        std::fs::remove_file(&folder).unwrap();
        std::fs::create_dir(&folder).unwrap();
        // A link to a file is replaced, one that leads nowhere or to a folder is refused.
        std::fs::write(outside.join("precious"), "as it was").unwrap();
        symlink(outside.join("precious"), folder.join("test_batch.bin")).unwrap();
        get(&set, &folder, &mut vec![]).unwrap();
        assert_eq!(std::fs::read_to_string(outside.join("precious")).unwrap(), "as it was");
        std::fs::remove_file(folder.join("test_batch.bin")).unwrap();
        symlink(outside.join("absent"), folder.join("test_batch.bin")).unwrap();
        assert!(get(&set, &folder, &mut vec![]).unwrap_err().to_string().contains("test_batch.bin is a symbolic link"));
        assert_eq!(left(&outside), ["precious"]);
    }

    #[test]
    fn an_archive_gives_everything_at_once() {
        let server = Server::start();
        let source = Source::HttpsArchive { address: server.address("all.tar.gz"), folder: "batches".into() };
        let (set, bytes) = small(vec![source]);
        let names: Vec<String> = set.files.iter().map(|f| format!("./batches/{}", f.name)).collect();
        let entries: Vec<(&str, &[u8])> =
            names.iter().map(String::as_str).zip(bytes.iter().map(Vec::as_slice)).collect();
        server.put("/all.tar.gz", archive_of(&entries));
        let dir = tempfile::tempdir().unwrap();
        let (contents, _) = get(&set, &dir.path().join("small"), &mut vec![]).unwrap();
        assert_eq!(contents.into_iter().map(|c| c.bytes).collect::<Vec<_>>(), bytes);
    }

    /// On a file system in memory; where none can be mounted (only root may), the test says so and passes.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_and_what_came_whole_is_kept() {
        let server = Server::start();
        let (mut set, _) = small(vec![https(&server, "a", "")]);
        let dir = tempfile::tempdir().unwrap();
        let disk = dir.path().join("disk");
        std::fs::create_dir(&disk).unwrap();
        let mount = |options: &str| {
            let mut command = std::process::Command::new("mount");
            command.args(["-t", "tmpfs", "-o", options, "litecnn-test"]).arg(&disk).output()
        };
        match mount("size=12k") {
            Ok(output) if output.status.success() => {}
            other => return println!("skipped: no disk to fill can be mounted: {other:?}"),
        }
        // Each file takes two of the three pages.
        for (file, fill) in set.files.iter_mut().zip(1..) {
            let mut batch = Vec::new();
            (0..400u16).for_each(|n| cifar::write_record(&mut batch, (n % 2) as u8, &[fill; 12], 3));
            (file.bytes, file.sha256) = (batch.len() as u64, sha256(&batch));
            server.put(&format!("/a/{}", file.name), batch);
        }
        let folder = disk.join("small");
        for (size, kept) in [("12k", 1), ("20k", 2)] {
            let resized = mount(&format!("remount,size={size}")).unwrap();
            assert!(resized.status.success(), "{resized:?}");
            let error = get(&set, &folder, &mut vec![]).unwrap_err().to_string();
            assert!(error.contains("the data cache cannot be used") && error.contains("No space left"), "{error}");
            assert_eq!(left(&folder).len(), kept, "{:?}", left(&folder));
        }
        assert!(mount("remount,size=1m").unwrap().status.success());
        get(&set, &folder, &mut vec![]).unwrap();
        assert_eq!((left(&folder).len(), server.asked().len()), (3, 5), "each was kept once it was whole");
        let _ = std::process::Command::new("umount").arg("--lazy").arg(&disk).status();
    }

    #[test]
    fn many_at_once_fetch_once() {
        let server = Server::start();
        let (set, bytes) = small(vec![https(&server, "a", "")]);
        for (file, bytes) in set.files.iter().zip(&bytes) {
            server.put(&format!("/a/{}", file.name), bytes.clone());
        }
        let dir = tempfile::tempdir().unwrap();
        let folder: PathBuf = dir.path().join("small");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| get(&set, &folder, &mut vec![]).unwrap());
            }
        });
        assert_eq!(server.asked().len(), 3);
    }

    fn archive_of(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(vec![]);
        for (name, bytes) in entries {
            let mut header = tar::Header::new_gnu();
            // Set by hand: the library itself refuses to write names that climb.
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            tar.append(&header, *bytes).unwrap();
        }
        gzip::encode(&tar.into_inner().unwrap()).unwrap()
    }
}
