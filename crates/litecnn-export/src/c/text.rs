//! Values and words as C source.

use std::fmt::Write as _;

/// Line length of lists.
const WIDTH: usize = 110;

/// `static const float <name>[n] = {…};`. The digits are the fewest that give the same 32-bit float back.
pub(super) fn floats(name: &str, values: &[f32]) -> String {
    array("float", name, values.iter().map(|v| format!("{v:?}f")))
}

/// A constant array of any type; `items` are C expressions.
fn array(kind: &str, name: &str, items: impl ExactSizeIterator<Item = String>) -> String {
    let mut text = format!("static const {kind} {name}[{}] = {{\n   ", items.len());
    let mut column = 3;
    for item in items {
        if column + item.len() + 2 > WIDTH {
            text.push_str("\n   ");
            column = 3;
        }
        column += item.len() + 2;
        let _ = write!(text, " {item},");
    }
    text.push_str("\n};\n");
    text
}

/// A string literal of the text in UTF-8. All but plain ASCII is written as octal escapes, and so are question marks,
/// of which two would begin a trigraph.
pub(super) fn string(text: &str) -> String {
    let mut literal = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' | b'?' | ..=0x1f | 0x7f.. => {
                let _ = write!(literal, "\\{byte:03o}");
            }
            _ => literal.push(char::from(byte)),
        }
    }
    literal.push('"');
    literal
}

/// Text that can stand in a comment: on one line, without an end of the comment in it.
pub(super) fn comment(text: &str) -> String {
    let plain = |c: char| if c.is_control() || c == '\\' || c == '?' { ' ' } else { c };
    text.chars().map(plain).collect::<String>().replace("*/", "* /").replace("/*", "/ *")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_read_back_bit_by_bit() {
        let values = [0.1, -0.0, 1.0, f32::MAX, f32::MIN_POSITIVE, 1.0e-45, 16_777_217.0, 0.333_333_34];
        let text = floats("x", &values);
        assert!(text.starts_with("static const float x[8] = {\n    0.1f, -0.0f, 1.0f, 3.4028235e38f,"), "{text}");
        let items = text.split_once('{').unwrap().1;
        let read = items.split(',').filter_map(|item| item.trim().strip_suffix('f')?.parse::<f32>().ok());
        assert!(read.map(f32::to_bits).eq(values.map(f32::to_bits)));
    }

    #[test]
    fn strings_and_comments_cannot_break_out() {
        assert_eq!(string("a\"b\\n??/é"), r#""a\042b\134n\077\077/\303\251""#);
        assert_eq!(comment("a*/b\nc"), "a* /b c");
        assert!(!comment("*/*/ /*").contains("*/"));
    }
}
