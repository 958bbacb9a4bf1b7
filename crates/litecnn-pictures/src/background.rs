use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The colour that shows where a picture is transparent, and beside a letterboxed one: red, green, blue.
///
/// Written `black`, `white`, or `#rrggbb` in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Background(pub [u8; 3]);

impl Background {
    /// Black, the default.
    pub const BLACK: Self = Self([0; 3]);
    /// White.
    pub const WHITE: Self = Self([255; 3]);

    pub(crate) fn is_grey(self) -> bool {
        let [red, green, blue] = self.0;
        red == green && green == blue
    }
}

impl fmt::Display for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::BLACK => f.write_str("black"),
            Self::WHITE => f.write_str("white"),
            Self([red, green, blue]) => write!(f, "#{red:02x}{green:02x}{blue:02x}"),
        }
    }
}

impl FromStr for Background {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "black" => return Ok(Self::BLACK),
            "white" => return Ok(Self::WHITE),
            _ => {}
        }
        let digits = text.strip_prefix('#').filter(|d| d.len() == 6 && d.bytes().all(|b| b.is_ascii_hexdigit()));
        let number = digits.and_then(|d| u32::from_str_radix(d, 16).ok());
        let [_, red, green, blue] =
            number.ok_or_else(|| format!("`{text}` is no colour: write black, white or #rrggbb"))?.to_be_bytes();
        Ok(Self([red, green, blue]))
    }
}

impl From<Background> for String {
    fn from(colour: Background) -> Self {
        colour.to_string()
    }
}

impl TryFrom<String> for Background {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_written_and_read() {
        for colour in [Background::BLACK, Background::WHITE, Background([1, 20, 255])] {
            assert_eq!(colour.to_string().parse(), Ok(colour));
        }
        assert_eq!("#0114FF".parse(), Ok(Background([1, 20, 255])));
        for text in ["", "#", "red", "#12345", "#1234567", "#+12345", "#\u{e9}1234"] {
            assert!(text.parse::<Background>().unwrap_err().contains("#rrggbb"), "{text}");
        }
    }
}
