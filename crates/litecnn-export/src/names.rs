/// An identifier of C and Rust made of any text: small letters, digits and single underscores, a letter first.
pub(crate) fn identifier(text: &str) -> String {
    let mut name = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            name.push(c.to_ascii_lowercase());
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
    }
    name.truncate(name.trim_end_matches('_').len());
    match name.chars().next() {
        None => "model".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("model_{name}"),
        Some(_) => name,
    }
}

#[cfg(test)]
mod tests {
    use super::identifier;

    #[test]
    fn anything_becomes_an_identifier() {
        let cases = [
            ("mnist", "mnist"),
            ("Fashion-MNIST (best)", "fashion_mnist_best"),
            ("__x", "x"),
            ("10 classes", "model_10_classes"),
            ("größe", "gr_e"),
            ("", "model"),
            ("../*", "model"),
        ];
        for (text, expected) in cases {
            assert_eq!(identifier(text), expected, "{text}");
        }
    }
}
