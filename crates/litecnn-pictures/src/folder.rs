use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::{Ignored, Listed, Listing, Part, ScanError, is_named_as_picture, order};

/// Finds the pictures in a folder per class, or in parts of such folders.
pub(crate) fn scan(path: &Path) -> Result<Listing, ScanError> {
    let root = path.canonicalize().map_err(ScanError::io(path))?;
    let mut walk = Walk { root, ignored: Ignored::default() };
    let top = walk.entries(Path::new(""))?;
    walk.loose(&top);
    let (parts, others): (Vec<_>, Vec<_>) = top.folders.iter().partition(|name| part(name).is_some());
    let in_parts = parts.iter().any(|name| part(name) == Some(Part::Train));
    if in_parts && parts.len() > 1 && !others.is_empty() {
        let shown = |names: &[&OsString]| names.iter().map(|n| format!("{n:?}")).collect::<Vec<_>>().join(", ");
        return Err(ScanError::Mixed { path: path.to_owned(), parts: shown(&parts), others: shown(&others) });
    }

    let mut folders: Vec<(PathBuf, Option<Part>, String)> = Vec::new();
    if in_parts && others.is_empty() {
        for name in &parts {
            let below = walk.entries(Path::new(name))?;
            walk.loose(&below);
            for class in below.folders {
                let folder = Path::new(name).join(&class);
                folders.push((folder.clone(), part(name), class_name(&walk.root, &folder)?));
            }
        }
    } else {
        for name in &top.folders {
            folders.push((name.into(), None, class_name(&walk.root, Path::new(name))?));
        }
    }

    let mut names: Vec<String> = folders.iter().map(|(_, _, class)| class.clone()).collect();
    names.sort_by(|a, b| order::names(a.as_bytes(), b.as_bytes()));
    names.dedup();
    if names.len() < 2 {
        let hint = hint(&walk, &top, names.first());
        return Err(ScanError::Classes { path: path.to_owned(), class: names.pop(), hint });
    }
    if names.len() > Listing::MOST_CLASSES {
        return Err(ScanError::TooManyClasses { path: path.to_owned(), classes: names.len() });
    }
    let labels: BTreeMap<&str, u8> = (0..=u8::MAX).zip(&names).map(|(label, name)| (name.as_str(), label)).collect();
    let mut pictures = Vec::new();
    for (folder, part, class) in &folders {
        let before = (pictures.len(), walk.ignored.clone());
        walk.below(folder, labels[class.as_str()], *part, &mut pictures)?;
        // A class may be absent from the parts it is not learnt from.
        if pictures.len() == before.0 && matches!(part, None | Some(Part::Train)) {
            return Err(ScanError::EmptyClass { path: walk.root.join(folder), why: walk.instead(&before.1) });
        }
    }
    pictures.sort_by(|a: &Listed, b| order::paths(&a.path, &b.path));
    Ok(Listing { root: walk.root, classes: names, pictures, missing: Vec::new(), ignored: walk.ignored })
}

/// A walk through a folder, and what it passes over.
struct Walk {
    root: PathBuf,
    ignored: Ignored,
}

/// What a folder holds, in natural order.
struct Entries {
    folders: Vec<OsString>,
    files: Vec<(OsString, std::fs::Metadata)>,
}

impl Walk {
    /// What is in a folder below the root, without what is passed over.
    fn entries(&mut self, folder: &Path) -> Result<Entries, ScanError> {
        let place = self.root.join(folder);
        let mut found = Entries { folders: Vec::new(), files: Vec::new() };
        for entry in std::fs::read_dir(&place).map_err(ScanError::io(&place))? {
            let entry = entry.map_err(ScanError::io(&place))?;
            let (name, path) = (entry.file_name(), entry.path());
            let kind = entry.file_type().map_err(ScanError::io(&path))?;
            if name.as_encoded_bytes().starts_with(b".") || name == "__MACOSX" {
                self.ignored.hidden += 1;
            } else if kind.is_dir() {
                found.folders.push(name);
            } else if kind.is_symlink() {
                match self.linked(&path) {
                    Some(metadata) if is_named_as_picture(&path) => found.files.push((name, metadata)),
                    Some(_) => self.other(&path),
                    None => self.ignored.links += 1,
                }
            } else if kind.is_file() && is_named_as_picture(&path) {
                let metadata = entry.metadata().map_err(ScanError::io(&path))?;
                found.files.push((name, metadata));
            } else {
                self.other(&path);
            }
        }
        found.folders.sort_by(|a, b| order::names(a.as_encoded_bytes(), b.as_encoded_bytes()));
        Ok(found)
    }

    /// The regular file below the root that a link leads to.
    fn linked(&self, link: &Path) -> Option<std::fs::Metadata> {
        let target = link.canonicalize().ok().filter(|target| target.starts_with(&self.root))?;
        target.metadata().ok().filter(std::fs::Metadata::is_file)
    }

    fn other(&mut self, path: &Path) {
        let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
        *self.ignored.others.entry(ending).or_default() += 1;
    }

    /// Counts the pictures that lie where class folders are expected.
    fn loose(&mut self, entries: &Entries) {
        self.ignored.loose += entries.files.len();
    }

    /// The pictures at any depth below a folder.
    fn below(
        &mut self,
        folder: &Path,
        label: u8,
        part: Option<Part>,
        pictures: &mut Vec<Listed>,
    ) -> Result<(), ScanError> {
        let mut waiting = vec![folder.to_owned()];
        while let Some(folder) = waiting.pop() {
            let entries = self.entries(&folder)?;
            let files = entries.files.iter();
            pictures.extend(files.map(|(name, found)| Listed::new(folder.join(name), label, part, found)));
            waiting.extend(entries.folders.iter().map(|name| folder.join(name)));
        }
        Ok(())
    }

    /// What was passed over since an earlier count, in words.
    fn instead(&self, earlier: &Ignored) -> String {
        let (now, before) = (self.ignored.others.values().sum::<usize>(), earlier.others.values().sum::<usize>());
        let others = now - before;
        let links = self.ignored.links - earlier.links;
        match (others, links) {
            (0, 0) => "it is empty".into(),
            (_, 0) => format!("but {others} files of other kinds"),
            (0, _) => format!("but {links} links that lead out of the folder or nowhere, which are not followed"),
            (..) => format!("but {others} files of other kinds and {links} links that are not followed"),
        }
    }
}

fn part(name: &OsString) -> Option<Part> {
    name.to_str().and_then(Part::named)
}

/// The name of a class by its folder.
fn class_name(root: &Path, folder: &Path) -> Result<String, ScanError> {
    let refuse = |reason| Err(ScanError::Name { path: root.join(folder), reason });
    match folder.file_name().and_then(|name| name.to_str()) {
        None => refuse("not UTF-8"),
        Some(name) if name.chars().any(char::is_control) => refuse("not printable (it has line breaks or the like)"),
        Some(name) => Ok(name.to_owned()),
    }
}

/// What may have been meant, where there are no two classes.
fn hint(walk: &Walk, top: &Entries, class: Option<&String>) -> String {
    let lists = std::fs::read_dir(&walk.root).into_iter().flatten().flatten().map(|entry| entry.path());
    let list = lists.filter(|path| path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"))).min();
    if let Some(list) = list {
        return format!("; perhaps {} was meant", list.display());
    }
    if let [only] = &top.folders[..]
        && class.is_some()
    {
        let inner = walk.root.join(only);
        let folders = std::fs::read_dir(&inner).into_iter().flatten().flatten();
        if folders.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).count() > 1 {
            return format!("; perhaps {} was meant", inner.display());
        }
    }
    if !top.files.is_empty() {
        return format!(" ({} pictures lie in it without a folder of a class)", top.files.len());
    }
    if walk.ignored.links > 0 {
        return format!(" ({} links in it are not followed)", walk.ignored.links);
    }
    String::new()
}
