use litecnn_run::{Manifest, StepRecord};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// When a step began, in seconds since 1970: as its record says, else as the manifest says under `key`, else when
/// the run was made. A time that cannot be read is passed over, as no curve depends on it.
pub(super) fn of_step(record: Option<&StepRecord>, manifest: &Manifest, key: &str) -> f64 {
    let recorded = record.map(|r| r.started.as_str());
    let noted = manifest.steps.get(key).map(|times| times.started.as_str());
    recorded.and_then(seconds).or_else(|| noted.and_then(seconds)).unwrap_or_else(|| of_run(manifest))
}

/// When a run was made, in seconds since 1970; 0 if that cannot be read.
pub(super) fn of_run(manifest: &Manifest) -> f64 {
    seconds(&manifest.created).unwrap_or(0.0)
}

fn seconds(rfc3339: &str) -> Option<f64> {
    let time = OffsetDateTime::parse(rfc3339, &Rfc3339).ok()?;
    Some(time.unix_timestamp() as f64 + f64::from(time.nanosecond()) / 1e9)
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn other_zones_and_parts_of_seconds() {
        assert_eq!(seconds("2025-01-15T08:00:00Z"), Some(1_736_928_000.0));
        assert_eq!(seconds("2025-01-15T09:00:00.25+01:00"), Some(1_736_928_000.25));
        assert_eq!(seconds(""), None);
    }
}
