use std::cmp::Ordering;
use std::path::Path;

/// Orders paths part by part as people do: `img2` before `img10`, upper and lower case side by side.
pub(crate) fn paths(a: &Path, b: &Path) -> Ordering {
    let (mut a, mut b) = (a.components(), b.components());
    loop {
        let order = match (a.next(), b.next()) {
            (Some(a), Some(b)) => names(a.as_os_str().as_encoded_bytes(), b.as_os_str().as_encoded_bytes()),
            (a, b) => return a.is_some().cmp(&b.is_some()),
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Orders names: runs of digits by their number, all else by byte with upper case as lower case; where that makes no
/// difference, by byte.
pub(crate) fn names(a: &[u8], b: &[u8]) -> Ordering {
    let (mut i, mut j) = (0, 0);
    while i < a.len() && j < b.len() {
        let order = if a[i].is_ascii_digit() && b[j].is_ascii_digit() {
            let (m, n) = (number(&a[i..]), number(&b[j..]));
            (i, j) = (i + m, j + n);
            let digits = |run: &[u8]| run.iter().position(|d| *d != b'0').unwrap_or(run.len());
            let (m, n) = (&a[i - m..i], &b[j - n..j]);
            let (m, n) = (&m[digits(m)..], &n[digits(n)..]);
            m.len().cmp(&n.len()).then_with(|| m.cmp(n))
        } else {
            (i, j) = (i + 1, j + 1);
            a[i - 1].to_ascii_lowercase().cmp(&b[j - 1].to_ascii_lowercase())
        };
        if order.is_ne() {
            return order;
        }
    }
    (a.len() - i).cmp(&(b.len() - j)).then_with(|| a.cmp(b))
}

/// Length of the run of digits that bytes begin with.
fn number(bytes: &[u8]) -> usize {
    bytes.iter().position(|b| !b.is_ascii_digit()).unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn as_people_count() {
        let mut found = ["img10", "IMG2", "img2", "img1", "img02", "a", "img", "10", "9", "img2b", "", "007", "7"];
        found.sort_by(|a, b| names(a.as_bytes(), b.as_bytes()));
        assert_eq!(found, ["", "007", "7", "9", "10", "a", "img", "img1", "IMG2", "img02", "img2", "img2b", "img10"]);
        assert!(paths(Path::new("a/z"), Path::new("a b/c")).is_lt(), "folder by folder");
    }

    proptest! {
        #[test]
        fn it_is_an_order(mut all in prop::collection::vec("[aA0-2é]{0,5}", 3)) {
            let order = |a: &String, b: &String| names(a.as_bytes(), b.as_bytes());
            prop_assert_eq!(order(&all[0], &all[1]), order(&all[1], &all[0]).reverse());
            prop_assert_eq!(order(&all[0], &all[1]).is_eq(), all[0] == all[1]);
            all.sort_by(order);
            prop_assert!(order(&all[0], &all[2]).is_le());
        }
    }
}
