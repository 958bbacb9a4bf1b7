use litecnn_run::ModelGraph;

use super::areas::Area;
use super::nodes::Node;
use crate::figure::canvas::{shortened, text_width};
use crate::numbers::grouped;

/// Letters of a name, and of what else stands in a box. Bold ones are as wide as larger ones.
pub(super) const NAME: f64 = 11.0;
pub(super) const BOLD: f64 = 1.12;
pub(super) const SMALL: f64 = 10.0;
/// Height of a line, and between the edge of a box and its letters.
pub(super) const LINE: f64 = 13.0;
pub(super) const INSET: f64 = 6.0;

/// What is written in a box.
pub(super) enum Words {
    /// Left and right words of two lines.
    Beside([[String; 2]; 2]),
    /// Below each other, where boxes are narrow; the first is the name.
    Below(Vec<String>),
}

impl Words {
    pub(super) fn height(&self) -> f64 {
        let lines = match self {
            Self::Beside([_, second]) if second.iter().all(String::is_empty) => 1,
            Self::Beside(lines) => lines.len(),
            Self::Below(lines) => lines.len(),
        };
        lines as f64 * LINE + 9.0
    }
}

/// What is written in each box: beside each other if there is room for it in all boxes of that width.
pub(super) fn words(model: &ModelGraph, nodes: &[Node], areas: &[Area]) -> Vec<Words> {
    let texts = model.layers.iter().zip(nodes).map(|(layer, node)| {
        let inside = node.prefix.as_ref().filter(|p| areas.iter().any(|a| a.prefix == **p));
        let name = inside.map_or(layer.name.as_str(), |p| &layer.name[p.len() + 1..]).to_owned();
        let shape: Vec<String> = layer.output.iter().map(u64::to_string).collect();
        let parameters = if layer.parameters > 0 { grouped(layer.parameters) } else { String::new() };
        // `input`, `Input` is said once.
        let kind = if layer.kind.eq_ignore_ascii_case(&name) { String::new() } else { times(&layer.kind) };
        [name, kind, shape.join("×"), parameters]
    });
    let texts: Vec<[String; 4]> = texts.collect();
    let room = |i: usize| 2.0 * (nodes[i].half - INSET);
    let beside = |i: usize| -> Option<[[String; 2]; 2]> {
        let [name, kind, shape, parameters] = texts[i].clone();
        let fits = |lines: &[[String; 2]; 2]| {
            let [[a, b], [c, d]] = lines;
            let first = text_width(a, NAME * BOLD) + text_width(b, SMALL);
            let second = text_width(c, SMALL) + text_width(d, SMALL * BOLD);
            first.max(second) + 8.0 <= room(i)
        };
        let usual = [[name.clone(), shape.clone()], [kind.clone(), parameters.clone()]];
        // A long name may leave no room for the shape.
        let shape_below = [[name, String::new()], [kind, shape]];
        [Some(usual), parameters.is_empty().then_some(shape_below)].into_iter().flatten().find(fits)
    };
    let write = |i: usize| {
        let alike = (0..texts.len()).filter(|j| nodes[*j].half == nodes[i].half);
        if let Some(lines) = beside(i).filter(|_| alike.into_iter().all(|j| beside(j).is_some())) {
            return Words::Beside(lines);
        }
        let [name, kind, shape, parameters] = texts[i].clone();
        let room = room(i) + INSET;
        let mut lines = vec![shortened(&name, NAME * BOLD, room)];
        lines.extend(wrapped(&kind, SMALL, room));
        lines.extend([shape, parameters].iter().filter(|t| !t.is_empty()).map(|t| shortened(t, SMALL, room)));
        Words::Below(lines)
    };
    (0..texts.len()).map(write).collect()
}

/// A text in lines that are no wider than some pixels.
fn wrapped(text: &str, size: f64, room: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if text_width(line, size) + text_width(" ", size) + text_width(word, size) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(shortened(word, size, room)),
        }
    }
    lines
}

/// `3x3` with a proper sign.
fn times(kind: &str) -> String {
    let letters: Vec<char> = kind.chars().collect();
    let digit = |at: Option<usize>| at.and_then(|i| letters.get(i)).is_some_and(char::is_ascii_digit);
    let sign = |i: usize| letters[i] == 'x' && digit(i.checked_sub(1)) && digit(Some(i + 1));
    (0..letters.len()).map(|i| if sign(i) { '×' } else { letters[i] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_wrapped_and_signs_proper() {
        assert_eq!(times("Conv2d 3x3, max 0x"), "Conv2d 3×3, max 0x");
        assert_eq!(wrapped("Conv2d 3×3 + ReLU", 10.0, 60.0), ["Conv2d 3×3", "+ ReLU"]);
    }
}
