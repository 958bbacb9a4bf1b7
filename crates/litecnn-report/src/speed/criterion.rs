use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Deserialize;

use super::CriterionRow;
use crate::ReportError;

/// The figures criterion left in its folder (`target/criterion`), by name; only those written after `since`, so that
/// benches that were renamed or not run again are not told as new.
///
/// # Errors
/// [`ReportError::Run`] naming a file or folder that cannot be read, [`ReportError::Bench`] naming one that holds
/// something else.
pub fn read_criterion(folder: &Path, since: Option<SystemTime>) -> Result<Vec<CriterionRow>, ReportError> {
    let mut rows = Vec::new();
    for new in latest(folder)? {
        let estimates = new.join("estimates.json");
        let written = std::fs::metadata(&estimates).and_then(|m| m.modified());
        if since.is_some_and(|since| written.is_ok_and(|written| written < since)) {
            continue;
        }
        let of: Estimates = parse(&estimates)?;
        let name: Name = parse(&new.join("benchmark.json"))?;
        rows.push(CriterionRow {
            bench: name.full_id,
            median_ns: of.median.point_estimate,
            mean_ns: of.mean.point_estimate,
            std_ns: of.std_dev.point_estimate,
        });
    }
    rows.sort_by(|a, b| a.bench.cmp(&b.bench));
    Ok(rows)
}

/// What is read of `estimates.json`; criterion writes more.
#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
    mean: Estimate,
    std_dev: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    /// Nanoseconds.
    point_estimate: f64,
}

#[derive(Deserialize)]
struct Name {
    full_id: String,
}

fn parse<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, ReportError> {
    serde_json::from_slice(&litecnn_run::read(path)?).map_err(|e| ReportError::Bench {
        path: path.to_owned(),
        reason: format!("it is not what criterion writes: {e}"),
    })
}

/// Folders named `new` that hold estimates, at any depth.
fn latest(folder: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let refused = |source| litecnn_run::RunError::Io { action: "read", path: folder.to_owned(), source };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(refused)? {
        let path = entry.map_err(refused)?.path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name == "new") && path.join("estimates.json").is_file() {
                found.push(path);
            } else {
                found.extend(latest(&path)?);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn bench(folder: &Path, name: &str, median: f64) {
        let new = folder.join(name).join("new");
        let estimate = |x: f64| format!("{{\"confidence_interval\":{{}},\"point_estimate\":{x},\"standard_error\":0}}");
        let estimates = format!(
            "{{\"mean\":{},\"median\":{},\"std_dev\":{},\"slope\":null}}",
            estimate(median + 1.0),
            estimate(median),
            estimate(0.5)
        );
        litecnn_run::write_atomic(&new.join("estimates.json"), estimates.as_bytes()).unwrap();
        let named = format!("{{\"group_id\":\"g\",\"full_id\":\"{name}\",\"throughput\":null}}");
        litecnn_run::write_atomic(&new.join("benchmark.json"), named.as_bytes()).unwrap();
    }

    #[test]
    fn estimates_at_any_depth_by_name_and_age() {
        let dir = tempfile::tempdir().unwrap();
        bench(dir.path(), "training/stage-1/mnist", 20.0);
        bench(dir.path(), "latency/mnist", 10.0);
        std::fs::create_dir_all(dir.path().join("report/new")).unwrap();
        let rows = read_criterion(dir.path(), None).unwrap();
        let names: Vec<&str> = rows.iter().map(|r| r.bench.as_str()).collect();
        assert_eq!(names, ["latency/mnist", "training/stage-1/mnist"]);
        assert_eq!((rows[0].median_ns, rows[0].mean_ns, rows[0].std_ns), (10.0, 11.0, 0.5));
        let later = SystemTime::now() + Duration::from_secs(60);
        assert!(read_criterion(dir.path(), Some(later)).unwrap().is_empty());
    }

    #[test]
    fn what_is_not_criterions_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let absent = read_criterion(&dir.path().join("absent"), None).unwrap_err().to_string();
        assert!(absent.contains("absent"), "{absent}");
        bench(dir.path(), "x", 1.0);
        std::fs::write(dir.path().join("x/new/estimates.json"), "{}").unwrap();
        let bad = read_criterion(dir.path(), None).unwrap_err().to_string();
        assert!(bad.contains("estimates.json") && bad.contains("not what criterion writes"), "{bad}");
    }
}
