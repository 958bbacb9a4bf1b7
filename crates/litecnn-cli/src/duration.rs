/// Seconds as `59s`, `1m15s` or `2h03m`.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m{s:02}s"),
        (h, m, _) => format!("{h}h{m:02}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        let told = [-3.0, 0.4, 59.6, 75.3, 3599.0, 7384.0].map(duration);
        assert_eq!(told, ["0s", "0s", "1m00s", "1m15s", "59m59s", "2h03m"]);
    }
}
