// Shared by the tests of every crate that reads files from outside: ways to damage an intact one. A test includes it by
// `#[path]`, since a crate of its own would have to be published with them.

use proptest::prelude::*;
use proptest::sample::Index;

/// A change that no program of ours makes.
#[derive(Debug, Clone)]
pub(crate) enum Damage {
    /// The rest is gone.
    Cut(Index),
    /// Another byte.
    Byte(Index, u8),
    /// A number of 32 bits, the high byte first or last.
    Number(Index, u32, bool),
    /// Other digits where the next ones stand.
    Digits(Index, &'static str),
    /// More.
    Insert(Index, Vec<u8>),
    /// A piece twice.
    Twice(Index, Index),
}

const DIGITS: [&str; 7] = ["4000000000", "-1", "18446744073709551615", "99999999999999999999", "1e400", "nan", "0"];

/// One to three changes.
pub(crate) fn damages() -> impl Strategy<Value = Vec<Damage>> {
    let number = prop_oneof![Just(u32::MAX), Just(4_000_000_000), Just(i32::MAX as u32), 0u32..9];
    let more =
        prop_oneof![prop::collection::vec(any::<u8>(), 1..20), "[\\[\\]{}\",\n=.:0-9a-z]{1,12}".prop_map(Into::into)];
    let damage = prop_oneof![
        any::<Index>().prop_map(Damage::Cut),
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Byte(at, byte)),
        (any::<Index>(), number, any::<bool>()).prop_map(|(at, number, high)| Damage::Number(at, number, high)),
        (any::<Index>(), prop::sample::select(DIGITS.to_vec())).prop_map(|(at, digits)| Damage::Digits(at, digits)),
        (any::<Index>(), more).prop_map(|(at, more)| Damage::Insert(at, more)),
        (any::<Index>(), any::<Index>()).prop_map(|(a, b)| Damage::Twice(a, b)),
    ];
    prop::collection::vec(damage, 1..4)
}

/// The bytes, damaged.
pub(crate) fn damaged(bytes: &[u8], damages: &[Damage]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    damages.iter().for_each(|damage| apply(&mut bytes, damage));
    bytes
}

fn apply(bytes: &mut Vec<u8>, damage: &Damage) {
    if bytes.is_empty() {
        return;
    }
    let length = bytes.len();
    match damage {
        Damage::Cut(at) => bytes.truncate(at.index(length)),
        Damage::Byte(at, byte) => bytes[at.index(length)] = *byte,
        Damage::Number(at, number, high) => {
            let new = if *high { number.to_be_bytes() } else { number.to_le_bytes() };
            for (place, byte) in bytes[at.index(length)..].iter_mut().zip(new) {
                *place = byte;
            }
        }
        Damage::Digits(at, digits) => {
            let is_part = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
            let Some(start) = (at.index(length)..length).find(|at| is_part(&bytes[*at])) else { return };
            let count = bytes[start..].iter().take_while(|byte| is_part(byte)).count();
            bytes.splice(start..start + count, digits.bytes());
        }
        Damage::Insert(at, more) => {
            let at = at.index(length);
            bytes.splice(at..at, more.iter().copied());
        }
        Damage::Twice(a, b) => {
            let (a, b) = (a.index(length), b.index(length));
            let piece = bytes[a.min(b)..a.max(b)].to_vec();
            bytes.splice(a.min(b)..a.min(b), piece);
        }
    }
}
