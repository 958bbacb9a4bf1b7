use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use csv::{ByteRecord, ReaderBuilder};

use crate::{Ignored, Listed, Listing, Missing, Part, ScanError, order};

/// Most bytes of a list: some millions of lines.
const LARGEST: u64 = 1 << 28;

/// Reads a list of pictures and labels.
pub(crate) fn scan(path: &Path) -> Result<Listing, ScanError> {
    let size = std::fs::metadata(path).map_err(ScanError::io(path))?.len();
    if size > LARGEST {
        let reason = format!("it has {size} bytes; lists up to {LARGEST} are read");
        return Err(ScanError::List { path: path.to_owned(), line: 1, reason });
    }
    let bytes = std::fs::read(path).map_err(ScanError::io(path))?;
    let root = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let root = root.canonicalize().map_err(ScanError::io(root))?;

    let rows = rows(&bytes).map_err(|(line, reason)| ScanError::List { path: path.to_owned(), line, reason })?;
    let mut classes: Vec<&str> = rows.iter().map(|row| row.label.as_str()).collect();
    classes.sort_unstable_by(|a, b| order::names(a.as_bytes(), b.as_bytes()));
    classes.dedup();
    if classes.len() < 2 {
        let class = classes.first().map(|class| (*class).to_owned());
        return Err(ScanError::Classes { path: path.to_owned(), class, hint: String::new() });
    }
    if classes.len() > Listing::MOST_CLASSES {
        return Err(ScanError::TooManyClasses { path: path.to_owned(), classes: classes.len() });
    }
    let labels: BTreeMap<&str, u8> = (0..=u8::MAX).zip(&classes).map(|(label, name)| (*name, label)).collect();
    let mut pictures = Vec::new();
    let mut missing = Vec::new();
    for row in &rows {
        match found(&root, &row.path) {
            Ok(metadata) => {
                pictures.push(Listed::new(row.path.clone(), labels[row.label.as_str()], row.part, &metadata));
            }
            Err(Absent::Missing(reason)) => missing.push(Missing { path: row.path.clone(), reason }),
            Err(Absent::Outside) => {
                let reason = format!(
                    "{:?} leads out of the list's folder {}; put the list above all its pictures",
                    row.path,
                    root.display()
                );
                return Err(ScanError::List { path: path.to_owned(), line: row.line, reason });
            }
        }
    }
    if pictures.is_empty() {
        let Missing { path: first, reason } = &missing[0];
        let reason = format!(
            "none of its pictures can be had ({first:?}: {reason}); paths are relative to the list's folder {}",
            root.display()
        );
        return Err(ScanError::List { path: path.to_owned(), line: rows[0].line, reason });
    }
    let classes = classes.into_iter().map(str::to_owned).collect();
    Ok(Listing { root, classes, pictures, missing, ignored: Ignored::default() })
}

/// A line of a list.
#[derive(Debug, PartialEq)]
struct Row {
    line: u64,
    path: PathBuf,
    label: String,
    part: Option<Part>,
}

/// The lines of a list; or the number of a faulty one, and what is wrong with it.
fn rows(bytes: &[u8]) -> Result<Vec<Row>, (u64, String)> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    let mut records = reader.byte_records();
    let fault = |e: &csv::Error| (e.position().map_or(1, csv::Position::line), "it is not CSV".to_owned());
    let header = records.next().transpose().map_err(|e| fault(&e))?.unwrap_or_default();
    let column = |name: &str| header.iter().position(|cell| cell.trim_ascii().eq_ignore_ascii_case(name.as_bytes()));
    let (Some(paths), Some(labels)) = (column("path"), column("label")) else {
        let names: Vec<String> = header.iter().take(20).map(|c| String::from_utf8_lossy(c).into_owned()).collect();
        return Err((1, format!("the header must name the columns path and label (and may split), it has {names:?}")));
    };
    let parts = column("split");
    let mut rows = Vec::new();
    for record in records {
        let record = record.map_err(|e| fault(&e))?;
        let line = record.position().map_or(1, csv::Position::line);
        rows.push(row(&record, [paths, labels], parts, line).map_err(|reason| (line, reason))?);
    }
    Ok(rows)
}

fn row(record: &ByteRecord, [path, label]: [usize; 2], part: Option<usize>, line: u64) -> Result<Row, String> {
    let cell = |at: usize| record.get(at).map(<[u8]>::trim_ascii).filter(|cell| !cell.is_empty());
    let path = path_of(cell(path).ok_or("it has no path")?)?;
    let label = cell(label).ok_or("it has no label")?;
    let label = std::str::from_utf8(label).map_err(|_| "its label is not UTF-8")?;
    if label.chars().any(char::is_control) {
        return Err(format!("its label {label:?} is not printable"));
    }
    let part = match part {
        None => None,
        Some(at) => {
            let name = String::from_utf8_lossy(cell(at).ok_or("its split is empty: write train, val or test")?);
            let part = Part::named(&name);
            Some(part.ok_or_else(|| format!("its split {name:?} is none of train, val, valid, validation, test"))?)
        }
    };
    Ok(Row { line, path, label: label.to_owned(), part })
}

#[cfg(unix)]
#[allow(clippy::unnecessary_wraps, reason = "names are bytes here, elsewhere not")]
fn path_of(bytes: &[u8]) -> Result<PathBuf, String> {
    use std::os::unix::ffi::OsStrExt;
    Ok(std::ffi::OsStr::from_bytes(bytes).into())
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> Result<PathBuf, String> {
    std::str::from_utf8(bytes).map(Into::into).map_err(|_| "its path is not UTF-8".into())
}

enum Absent {
    Missing(String),
    Outside,
}

/// The regular file a list names, which must lie below the root, whatever links and `..` the path has.
fn found(root: &Path, path: &Path) -> Result<std::fs::Metadata, Absent> {
    let missing = |e: std::io::Error| Absent::Missing(e.to_string());
    // Told apart even where nothing is there, so that a list cannot ask what lies elsewhere.
    let climbs = path.components().any(|c| matches!(c, std::path::Component::ParentDir));
    if path.is_absolute() && !path.starts_with(root) || climbs && !stays(path) {
        return Err(Absent::Outside);
    }
    let target = root.join(path).canonicalize().map_err(missing)?;
    if !target.starts_with(root) {
        return Err(Absent::Outside);
    }
    let metadata = target.metadata().map_err(missing)?;
    if metadata.is_file() { Ok(metadata) } else { Err(Absent::Missing("it is no regular file".into())) }
}

/// Whether a relative path with `..` never climbs above where it starts.
fn stays(path: &Path) -> bool {
    let mut depth = 0i64;
    for part in path.components() {
        match part {
            std::path::Component::Normal(_) => depth += 1,
            std::path::Component::ParentDir => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn columns_are_found_by_name() {
        let text =
            "\u{feff}Label, note ,PATH,split\r\ncat,x,a/1.png,train\n\"dog, big\",y,\"b \"\"2\"\".png\",Test\n\n";
        let found = rows(text.as_bytes()).unwrap();
        let row = |line, path: &str, label: &str, part| Row { line, path: path.into(), label: label.into(), part };
        let expected =
            [row(2, "a/1.png", "cat", Some(Part::Train)), row(3, "b \"2\".png", "dog, big", Some(Part::Test))];
        assert_eq!(found, expected);
    }

    #[test]
    fn faulty_lines_are_named() {
        for (text, line, words) in [
            ("", 1, "columns path and label"),
            ("file,class\na,b\n", 1, "\"file\", \"class\""),
            ("path,label\na,\n", 2, "no label"),
            ("path,label\na,b\n,b\n", 3, "no path"),
            ("path,label\na\n", 2, "no label"),
            ("path,label,split\na,b,\n", 2, "split is empty"),
            ("path,label,split\na,b,dev\n", 2, "\"dev\""),
            ("path,label\na,\"b\nc\"\n", 2, "not printable"),
        ] {
            let (at, reason) = rows(text.as_bytes()).unwrap_err();
            assert!(at == line && reason.contains(words), "{at}: {reason}");
        }
        assert_eq!(rows(b"path,label\na,\xff\n").unwrap_err().1, "its label is not UTF-8");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..80), head: bool) {
            let mut text = if head { b"path,label,split\n".to_vec() } else { vec![] };
            text.extend(bytes);
            if let Ok(rows) = rows(&text) {
                prop_assert!(rows.iter().all(|row| !row.label.is_empty() && row.path != Path::new("")));
            }
        }

        #[test]
        fn what_is_written_is_read(cells in prop::collection::vec(("[a-z\",;é ]{0,6}x", "[A-Z\", ]{0,5}y"), 0..6)) {
            let mut writer = csv::Writer::from_writer(vec![]);
            writer.write_record(["path", "label"]).unwrap();
            for (path, label) in &cells {
                writer.write_record([path, label]).unwrap();
            }
            let found = rows(&writer.into_inner().unwrap()).unwrap();
            let found: Vec<_> = found.iter().map(|r| (r.path.to_str().unwrap().to_owned(), r.label.clone())).collect();
            let expected: Vec<_> = cells.iter().map(|(p, l)| (p.trim().to_owned(), l.trim().to_owned())).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
