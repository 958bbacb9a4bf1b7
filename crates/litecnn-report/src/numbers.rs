//! How figures are written in pages and tables.

use crate::{Interval, Spread};

/// A fraction in percent with two decimals: `99.02`.
pub(crate) fn percent(fraction: f64) -> String {
    format!("{:.2}", fraction * 100.0)
}

/// A published fraction, which was printed in whole percent: `99`.
pub(crate) fn whole_percent(fraction: f64) -> String {
    format!("{:.0}", fraction * 100.0)
}

/// Mean and standard deviation in percent; the mean alone where there is but one value.
pub(crate) fn spread_percent(spread: &Spread) -> String {
    match spread.values.len() {
        0 => NONE.to_owned(),
        1 => percent(spread.mean),
        _ => format!("{} ± {}", percent(spread.mean), percent(spread.std)),
    }
}

/// A difference of fractions in percentage points, signed: `+0.02`.
pub(crate) fn points(difference: f64) -> String {
    signed(difference * 100.0)
}

/// Two decimals and a sign, but no `-0.00`.
pub(crate) fn signed(value: f64) -> String {
    let text = format!("{value:+.2}");
    if text == "-0.00" { "+0.00".to_owned() } else { text }
}

/// Bounds in percent: `98.80 to 99.17`.
pub(crate) fn interval_percent(interval: Interval) -> String {
    format!("{} to {}", percent(interval.low), percent(interval.high))
}

/// A probability with as many digits as tell something: `0.31`, `0.0042`, `< 0.0001`.
pub(crate) fn probability(p: f64) -> String {
    match p {
        p if p < 1e-4 => "< 0.0001".to_owned(),
        p if p < 0.01 => format!("{p:.4}"),
        p if p < 0.995 => format!("{p:.2}"),
        _ => "1".to_owned(),
    }
}

/// Thousands set apart: `14,862`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Bytes in units of 1,024, as the paper counts: `58.05`.
pub(crate) fn kilobytes(bytes: u64) -> String {
    format!("{:.2}", bytes as f64 / 1024.0)
}

/// Bytes in units of 1,024 squared.
pub(crate) fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Stands where there is no figure.
pub(crate) const NONE: &str = "–";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_they_are_read() {
        assert_eq!(percent(0.990_249), "99.02");
        assert_eq!(spread_percent(&Spread::new(vec![0.5])), "50.00");
        assert_eq!(spread_percent(&Spread::new(vec![0.5, 0.51])), "50.50 ± 0.71");
        assert_eq!((points(-0.000_01), points(0.012_3)), ("+0.00".into(), "+1.23".into()));
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0.2, 0.0042, 1e-9, 1.0].map(probability), ["0.20", "0.0042", "< 0.0001", "1"]);
        assert_eq!(kilobytes(14_862 * 4), "58.05");
    }
}
