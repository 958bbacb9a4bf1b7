use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Height and width of something; in TOML one number for both, or `[height, width]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sides(pub [i64; 2]);

/// Channels that come out of a layer; in TOML a number, or `"classes"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// This many.
    Channels(i64),
    /// As many as the network has classes.
    Classes,
}

impl From<i64> for Sides {
    fn from(side: i64) -> Self {
        Self([side, side])
    }
}

impl From<[i64; 2]> for Sides {
    fn from(sides: [i64; 2]) -> Self {
        Self(sides)
    }
}

impl From<i64> for Width {
    fn from(channels: i64) -> Self {
        Self::Channels(channels)
    }
}

impl Serialize for Sides {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            [height, width] if height == width => height.serialize(serializer),
            sides => sides.serialize(serializer),
        }
    }
}

impl Serialize for Width {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Channels(channels) => channels.serialize(serializer),
            Self::Classes => CLASSES.serialize(serializer),
        }
    }
}

const CLASSES: &str = "classes";

impl<'de> Deserialize<'de> for Sides {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Sides;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number, or [height, width]")
            }

            fn visit_i64<E: Error>(self, side: i64) -> Result<Sides, E> {
                Ok(side.into())
            }

            fn visit_u64<E: Error>(self, side: u64) -> Result<Sides, E> {
                i64::try_from(side).map(Sides::from).map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Sides, A::Error> {
                let sides = (seq.next_element()?, seq.next_element()?, seq.next_element::<i64>()?);
                match sides {
                    (Some(height), Some(width), None) => Ok(Sides([height, width])),
                    _ => Err(A::Error::custom("two numbers are wanted, [height, width]")),
                }
            }
        }
        deserializer.deserialize_any(Read)
    }
}

impl<'de> Deserialize<'de> for Width {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Width;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number, or \"classes\"")
            }

            fn visit_i64<E: Error>(self, channels: i64) -> Result<Width, E> {
                Ok(Width::Channels(channels))
            }

            fn visit_u64<E: Error>(self, channels: u64) -> Result<Width, E> {
                i64::try_from(channels).map(Width::Channels).map_err(E::custom)
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<Width, E> {
                match word {
                    CLASSES => Ok(Width::Classes),
                    other => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
                }
            }
        }
        deserializer.deserialize_any(Read)
    }
}
