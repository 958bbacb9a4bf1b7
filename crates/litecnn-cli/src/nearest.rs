use std::cmp::Reverse;

/// The known name most like the one wanted, if any is like it: for a word of help in an error.
///
/// Likeness is Jaro and Winkler's, which weighs the first letters most; capitals do not count. Of several equally like
/// it is the first.
pub fn nearest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let rated = known.into_iter().map(|name| (likeness(wanted, name), name)).filter(|(like, _)| *like > LIKE);
    rated.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(_, name)| name)
}

/// Known names, those most like the one wanted first.
pub fn nearest_first(wanted: &str, mut known: Vec<String>) -> Vec<String> {
    // Likeness is from 0 to 1, so its bits are in its order.
    known.sort_by_cached_key(|name| Reverse(likeness(wanted, name).to_bits()));
    known
}

/// ` (did you mean ...?)` with the known name most like the one wanted, or nothing.
pub fn did_you_mean<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(wanted, known).map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default()
}

/// A message of serde of an unknown variant or field, with the nearest of those it expected. Other messages stay.
pub fn with_nearest(message: &str) -> String {
    let parts = ["unknown variant `", "unknown field `"].iter().find_map(|start| {
        let (wanted, _) = message.split_once(start)?.1.split_once('`')?;
        let (told, expected) = message.split_once(", expected ")?;
        // Every second part of what is quoted stands between quotes.
        let hint = did_you_mean(wanted, expected.split('`').skip(1).step_by(2));
        Some(format!("{told}{hint}, expected {expected}"))
    });
    parts.unwrap_or_else(|| message.to_owned())
}

/// How like two names are, from 0 to 1.
fn likeness(wanted: &str, name: &str) -> f64 {
    strsim::jaro_winkler(&wanted.to_lowercase(), &name.to_lowercase())
}

/// Names less like than this are no help.
const LIKE: f64 = 0.7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_seen_and_strangers_are_not() {
        let known = ["mnist", "fashion-mnist", "cifar10", "cifar100"];
        for (wanted, expected) in [
            ("mnits", Some("mnist")),
            ("MNIST", Some("mnist")),
            ("cifar", Some("cifar10")),
            ("cifar-100", Some("cifar100")),
            ("imagenet", None),
            ("", None),
        ] {
            assert_eq!(nearest(wanted, known), expected, "{wanted}");
        }
        assert_eq!(did_you_mean("epoch", ["patience", "epochs"]), " (did you mean `epochs`?)");
        assert_eq!(did_you_mean("x", ["epochs"]), "");
        let all = known.map(str::to_owned).to_vec();
        assert_eq!(nearest_first("cifar100", all)[..2], ["cifar100", "cifar10"]);
    }

    #[test]
    fn messages_of_serde_get_a_hint() {
        assert_eq!(
            with_nearest("unknown variant `nadm`, expected `nadam` or `sgd`"),
            "unknown variant `nadm` (did you mean `nadam`?), expected `nadam` or `sgd`"
        );
        assert_eq!(
            with_nearest("unknown field `wdth`, expected one of `height`, `width`"),
            "unknown field `wdth` (did you mean `width`?), expected one of `height`, `width`"
        );
        for same in ["unknown variant `wrap`, expected `sgd` or `nadam`", "invalid type: string, expected u8"] {
            assert_eq!(with_nearest(same), same);
        }
    }
}
