use std::collections::HashMap;
use std::fmt::Write as _;

use litecnn_run::{GraphLayer, ModelGraph};
use plotters::element::{PathElement, Polygon};
use plotters::style::Color;

use super::canvas::{Canvas, Drawn, extent, letters, px, shortened, text_width};
use super::panel::{Panel, WIDTH};
use super::style::{GRID, INK, MUTED, PAPER, TRAINED, hex};
use crate::ReportError;
use crate::numbers::grouped;

/// The widest box.
const WIDEST: f64 = 190.0;
/// Between boxes side by side, a box and a line that passes it, and two such lines.
const BOX_BOX: f64 = 14.0;
const BOX_LINE: f64 = 10.0;
const LINE_LINE: f64 = 7.0;
/// How far the area of a branch goes beyond its boxes, and how far above them, where its name stands.
const AROUND: f64 = 4.0;
const ABOVE: f64 = 20.0;
/// Letters of a name, and of what else stands in a box. Bold ones are as wide as larger ones.
const NAME: f64 = 11.0;
const BOLD: f64 = 1.12;
const SMALL: f64 = 10.0;
/// Height of a line, and between the edge of a box and its letters.
const LINE: f64 = 13.0;
const INSET: f64 = 6.0;

/// A model as a graph of its layers; with a step, what it trains and what it leaves as it is.
pub(crate) fn graph(title: &str, model: &ModelGraph, step: Option<&str>) -> Result<Panel, ReportError> {
    let plan = Plan::of(model).map_err(|reason| ReportError::Figure { figure: title.to_owned(), reason })?;
    let all = model.parameters();
    let trained = step.map(|step| model.trained(step));
    let mut alt = format!("{title}: {} layers, {} parameters", model.layers.len(), grouped(all));
    if let Some(trained) = trained {
        let _ = write!(alt, ", {} of them trained", grouped(trained));
    }
    // The drawing library knows no dashes.
    let mut dashed = String::new();
    let panel = Panel::draw(plan.height, alt, |canvas| {
        canvas.title(title)?;
        match trained {
            Some(trained) => legend(canvas, trained, all - trained, &mut dashed)?,
            None => {
                let all = grouped(all);
                canvas.subtitle(&format!("{all} parameters in all; in a box: output shape, parameters"))?;
            }
        }
        plan.draw(canvas, step, &mut dashed)
    })?;
    Ok(panel.with(&dashed))
}

/// What a step does to the parameters of a layer.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Trained,
    Frozen,
    /// There are none, or no step is shown.
    Neutral,
}

impl State {
    fn of(layer: &GraphLayer, step: Option<&str>) -> Self {
        match step {
            Some(_) if layer.parameters == 0 => Self::Neutral,
            Some(step) if layer.trained_in.iter().any(|s| s == step) => Self::Trained,
            Some(_) => Self::Frozen,
            None => Self::Neutral,
        }
    }
}

fn legend(canvas: &Canvas<'_>, trained: u64, frozen: u64, dashed: &mut String) -> Drawn {
    let (y, size) = (27.0, 11.0);
    let mut x = 0.5;
    for (state, text) in [(State::Trained, "trained"), (State::Frozen, "frozen")] {
        let number = if state == State::Trained { trained } else { frozen };
        let text = format!("{text}: {}", grouped(number));
        let text = if state == State::Trained { text + " parameters" } else { text };
        outline(canvas, Rect { left: x, top: y - 5.5, right: x + 16.0, bottom: y + 5.5 }, state, true, dashed)?;
        canvas.text((x + 22.0, y), letters(size), &text)?;
        x += 22.0 + text_width(&text, size) + 14.0;
    }
    Ok(())
}

/// A box without its words.
fn outline(canvas: &Canvas<'_>, at: Rect, state: State, parameters: bool, dashed: &mut String) -> Drawn {
    let (from, to) = ((at.left, at.top), (at.right, at.bottom));
    canvas.fill(from, to, PAPER)?;
    match state {
        State::Trained => {
            canvas.fill(from, to, TRAINED.mix(0.14))?;
            canvas.frame(from, to, TRAINED, 1.5)?;
        }
        State::Frozen => {
            let (x, y, wide, tall) = (px(at.left), px(at.top), px(at.right - at.left), px(at.bottom - at.top));
            let _ = write!(
                dashed,
                "<rect x=\"{x}\" y=\"{y}\" width=\"{wide}\" height=\"{tall}\" fill=\"none\" stroke=\"{}\" \
                 stroke-width=\"11\" stroke-dasharray=\"36 26\"/>",
                hex(MUTED)
            );
        }
        State::Neutral => canvas.frame(from, to, if parameters { INK.mix(0.8) } else { MUTED.mix(0.5) }, 1.0)?,
    }
    Ok(())
}

#[derive(Debug, Clone, Copy)]
struct Rect {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Rect {
    /// Whether two share more than an edge.
    fn meets(&self, other: &Rect) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }
}

/// Where everything stands.
struct Plan<'a> {
    model: &'a ModelGraph,
    nodes: Vec<Node>,
    /// Top and bottom of each row.
    rows: Vec<(f64, f64)>,
    areas: Vec<Area>,
    /// Words of each layer.
    words: Vec<Words>,
    height: f64,
}

/// A place in a row: a layer, or a line on its way past the row.
struct Node {
    /// Number of the layer; none for a line.
    layer: Option<usize>,
    row: usize,
    /// What it comes from, in the row above.
    parents: Vec<usize>,
    /// The area it belongs to: a prefix of names.
    prefix: Option<String>,
    /// Its middle, and half its width.
    x: f64,
    half: f64,
}

/// What the names of some layers begin with, and where they stand.
struct Area {
    prefix: String,
    at: Rect,
    /// Room for the name beside the lines that come from above.
    beside: f64,
}

/// What is written in a box.
enum Words {
    /// Left and right words of two lines.
    Beside([[String; 2]; 2]),
    /// Below each other, where boxes are narrow; the first is the name.
    Below(Vec<String>),
}

impl Words {
    fn height(&self) -> f64 {
        let lines = match self {
            Self::Beside([_, second]) if second.iter().all(String::is_empty) => 1,
            Self::Beside(lines) => lines.len(),
            Self::Below(lines) => lines.len(),
        };
        lines as f64 * LINE + 9.0
    }
}

impl<'a> Plan<'a> {
    fn of(model: &'a ModelGraph) -> Result<Self, String> {
        let mut nodes = nodes(model)?;
        let count = nodes.iter().map(|n| n.row + 1).max().ok_or("the model has no layers")?;
        let arrange = |nodes: &mut [Node], evenly| {
            place(nodes, count, evenly);
            let areas = areas(nodes);
            let words = words(model, nodes, &areas);
            (areas, words)
        };
        let (mut areas, mut words) = arrange(&mut nodes, true);
        if words.iter().any(|w| matches!(w, Words::Below(_))) {
            // Where room is short, boxes that could be wider are.
            (areas, words) = arrange(&mut nodes, false);
        }
        let (rows, height) = rows(&nodes, count, &mut areas, &words);
        Ok(Self { model, nodes, rows, areas, words, height })
    }

    /// The box of a layer.
    fn at(&self, layer: usize) -> Rect {
        let node = &self.nodes[layer];
        let (top, bottom) = self.rows[node.row];
        Rect { left: node.x - node.half, top, right: node.x + node.half, bottom }
    }

    /// The lines, point by point, and whether they end at a box.
    fn lines(&self) -> Vec<(Vec<(f64, f64)>, bool)> {
        let mut lines = Vec::new();
        for node in &self.nodes {
            let (top, bottom) = self.rows[node.row];
            for parent in &node.parents {
                let parent = &self.nodes[*parent];
                let mut line = curve((parent.x, self.rows[parent.row].1), (node.x, top));
                if node.layer.is_none() {
                    line.push((node.x, bottom));
                }
                lines.push((line, node.layer.is_some()));
            }
        }
        lines
    }

    fn draw(&self, canvas: &Canvas<'_>, step: Option<&str>, dashed: &mut String) -> Drawn {
        let tint = GRID.mix(0.45);
        for Area { at, .. } in &self.areas {
            canvas.fill((at.left, at.top), (at.right, at.bottom), tint)?;
        }
        for (line, arrow) in self.lines() {
            let (x, y) = line.last().copied().unwrap_or_default();
            let points: Vec<(i32, i32)> = line.iter().map(|(x, y)| (px(*x), px(*y))).collect();
            canvas.area().draw(&PathElement::new(points, MUTED.stroke_width(extent(1.1))))?;
            if arrow {
                let head = [(x - 3.2, y - 5.5), (x + 3.2, y - 5.5), (x, y)].map(|(x, y)| (px(x), px(y)));
                canvas.area().draw(&Polygon::new(head, MUTED))?;
            }
        }
        for Area { prefix, at, beside } in &self.areas {
            let (y, wide) = (at.top + ABOVE / 2.0, text_width(prefix, SMALL * BOLD));
            let name = letters(SMALL).bold().colour(MUTED);
            if wide <= *beside {
                canvas.text((at.left + INSET, y), name, prefix)?;
            } else {
                // The line behind it is interrupted.
                let prefix = shortened(prefix, SMALL * BOLD, at.right - at.left - 2.0);
                let (x, half) = ((at.left + at.right) / 2.0, text_width(&prefix, SMALL * BOLD) / 2.0);
                for colour in [PAPER.mix(1.0), tint] {
                    canvas.fill((x - half, y - 6.5), (x + half, y + 6.5), colour)?;
                }
                canvas.text((x, y), name.centred(), &prefix)?;
            }
        }
        for (i, (layer, words)) in self.model.layers.iter().zip(&self.words).enumerate() {
            let (at, state) = (self.at(i), State::of(layer, step));
            outline(canvas, at, state, layer.parameters > 0, dashed)?;
            write_words(canvas, at, state, words)?;
        }
        Ok(())
    }
}

fn write_words(canvas: &Canvas<'_>, at: Rect, state: State, words: &Words) -> Drawn {
    let middle = (at.top + at.bottom) / 2.0;
    let number = if state == State::Trained { letters(SMALL).colour(TRAINED).bold() } else { letters(SMALL) };
    match words {
        Words::Beside([[name, shape], [kind, parameters]]) => {
            let (left, right) = (at.left + INSET, at.right - INSET);
            let one = kind.is_empty() && parameters.is_empty();
            let (first, second) = if one { (middle, middle) } else { (middle - LINE / 2.0, middle + LINE / 2.0) };
            canvas.text((left, first), letters(NAME).bold(), name)?;
            canvas.text((right, first), letters(SMALL).ending(), shape)?;
            if !kind.is_empty() {
                canvas.text((left, second), letters(SMALL).colour(MUTED), kind)?;
            }
            if !parameters.is_empty() {
                canvas.text((right, second), number.ending(), parameters)?;
            }
        }
        Words::Below(lines) => {
            let first = middle - LINE * (lines.len() as f64 - 1.0) / 2.0;
            for (i, line) in lines.iter().enumerate() {
                let look = if i == 0 { letters(NAME).bold() } else { letters(SMALL).colour(MUTED) };
                canvas.text(((at.left + at.right) / 2.0, first + LINE * i as f64), look.centred(), line)?;
            }
        }
    }
    Ok(())
}

/// The layers, by number, then the lines that pass rows. A row is the longest way from an input.
fn nodes(model: &ModelGraph) -> Result<Vec<Node>, String> {
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    let mut nodes: Vec<Node> = Vec::new();
    let mut inputs: Vec<Vec<usize>> = Vec::new();
    for (i, layer) in model.layers.iter().enumerate() {
        let mut from = Vec::new();
        for input in &layer.inputs {
            let absent = || format!("layer {} reads from {input}, which does not stand before it", layer.name);
            from.push(*numbers.get(input.as_str()).ok_or_else(absent)?);
        }
        from.sort_unstable();
        from.dedup();
        let row = from.iter().map(|i| nodes[*i].row + 1).max().unwrap_or(0);
        let prefix = layer.name.rsplit_once('.').map(|(prefix, _)| prefix.to_owned());
        nodes.push(Node { layer: Some(i), row, parents: Vec::new(), prefix, x: 0.0, half: 0.0 });
        inputs.push(from);
        numbers.insert(&layer.name, i);
    }
    for source in 0..inputs.len() {
        let readers: Vec<usize> = (0..inputs.len()).filter(|i| inputs[*i].contains(&source)).collect();
        let last = readers.iter().map(|i| nodes[*i].row).max().unwrap_or(0);
        // A line that stays in a branch belongs to it.
        let far = readers.iter().filter(|i| nodes[**i].row > nodes[source].row + 1);
        let prefix = nodes[source].prefix.clone();
        let prefix = if far.into_iter().all(|i| nodes[*i].prefix == prefix) { prefix } else { None };
        let mut above = source;
        for row in nodes[source].row + 1..=last {
            for reader in &readers {
                if nodes[*reader].row == row {
                    nodes[*reader].parents.push(above);
                }
            }
            if row < last {
                nodes.push(Node { layer: None, row, parents: vec![above], prefix: prefix.clone(), x: 0.0, half: 1.0 });
                above = nodes.len() - 1;
            }
        }
    }
    Ok(nodes)
}

/// Gives every node its width, and a place in its row as near below its parents as can be. Boxes are equally wide, or
/// only those of rows with as many boxes.
fn place(nodes: &mut [Node], rows: usize, evenly: bool) {
    let mut rows: Vec<Vec<usize>> =
        (0..rows).map(|row| (0..nodes.len()).filter(|i| nodes[*i].row == row).collect()).collect();
    let boxes = |nodes: &[Node], row: &[usize]| row.iter().filter(|i| nodes[**i].layer.is_some()).count();
    let widest = |row: &Vec<usize>| {
        let boxes = boxes(nodes, row) as f64;
        let gaps = (boxes - 1.0).max(0.0) * BOX_BOX + (row.len() as f64 - boxes) * (BOX_LINE + 2.0);
        (WIDTH - 2.0 * AROUND - gaps) / boxes.max(1.0)
    };
    let counts: Vec<usize> = rows.iter().map(|row| boxes(nodes, row)).collect();
    let wide = |count: usize| {
        let alike = rows.iter().zip(&counts).filter(|(_, c)| evenly || **c == count);
        alike.map(|(row, _)| widest(row)).fold(WIDEST, f64::min).max(16.0)
    };
    let wide: Vec<f64> = counts.iter().map(|count| wide(*count)).collect();
    for node in nodes.iter_mut().filter(|n| n.layer.is_some()) {
        node.half = wide[node.row] / 2.0;
    }
    for row in &mut rows {
        let mut wanted: Vec<(f64, usize)> = row.iter().map(|i| (below_parents(nodes, *i), *i)).collect();
        wanted.sort_by(|(a, i), (b, j)| {
            let line = |i: &usize| nodes[*i].layer.is_none();
            a.total_cmp(b).then(line(i).cmp(&line(j))).then(i.cmp(j))
        });
        *row = wanted.iter().map(|(_, i)| *i).collect();
        settle(nodes, &wanted);
    }
    // Where one node of a column had to give way, first those above it follow, then those below.
    let above: Vec<Option<usize>> = (0..nodes.len()).map(|i| straight(nodes, i)).collect();
    for row in rows.iter().rev() {
        let below = |i: usize| above.iter().position(|a| *a == Some(i));
        let wanted: Vec<_> = row.iter().map(|i| (nodes[below(*i).unwrap_or(*i)].x, *i)).collect();
        settle(nodes, &wanted);
    }
    for row in &rows {
        let wanted = |i: usize| match above[i] {
            Some(above) => nodes[above].x,
            None if nodes[i].parents.len() > 1 => below_parents(nodes, i),
            None => nodes[i].x,
        };
        let wanted: Vec<_> = row.iter().map(|i| (wanted(*i), *i)).collect();
        settle(nodes, &wanted);
    }
}

/// Boxes stay where they are wanted; lines give way.
fn weight(node: &Node) -> f64 {
    if node.layer.is_some() { 1e4 } else { 1.0 }
}

/// The middle below the parents of a node, or that of the panel.
fn below_parents(nodes: &[Node], node: usize) -> f64 {
    let parents = || nodes[node].parents.iter().map(|p| &nodes[*p]);
    let all: f64 = parents().map(weight).sum();
    if all > 0.0 { parents().map(|p| p.x * weight(p)).sum::<f64>() / all } else { WIDTH / 2.0 }
}

/// The parent of a node if the two should stand in one column: each is the one that matters most to the other.
fn straight(nodes: &[Node], node: usize) -> Option<usize> {
    let only = |of: &mut dyn Iterator<Item = usize>| {
        let of: Vec<usize> = of.collect();
        let most = of.iter().map(|i| weight(&nodes[*i])).fold(0.0, f64::max);
        let mut most = of.into_iter().filter(|i| weight(&nodes[*i]) == most);
        most.next().filter(|_| most.next().is_none())
    };
    let parent = only(&mut nodes[node].parents.iter().copied())?;
    let child = only(&mut (0..nodes.len()).filter(|i| nodes[*i].parents.contains(&parent)))?;
    (child == node).then_some(parent)
}

/// Puts the nodes of a row, from left to right, as near to where they are wanted as they fit.
fn settle(nodes: &mut [Node], row: &[(f64, usize)]) {
    let mut offset = 0.0;
    let mut offsets = Vec::new();
    for (place, (_, i)) in row.iter().enumerate() {
        if let Some((_, before)) = place.checked_sub(1).and_then(|p| row.get(p)) {
            let (a, b) = (&nodes[*before], &nodes[*i]);
            let gap = match (a.layer, b.layer) {
                (Some(_), Some(_)) => BOX_BOX,
                (None, None) => LINE_LINE,
                _ => BOX_LINE,
            };
            offset += a.half + gap + b.half;
        }
        offsets.push(offset);
    }
    let shifts: Vec<(f64, f64)> =
        row.iter().zip(&offsets).map(|((x, i), offset)| (x - offset, weight(&nodes[*i]))).collect();
    let (Some((_, first)), Some((_, last))) = (row.first(), row.last()) else { return };
    let low = AROUND + nodes[*first].half;
    let high = (WIDTH - AROUND - nodes[*last].half - offset).max(low);
    for (((_, i), offset), shift) in row.iter().zip(&offsets).zip(ascending(&shifts)) {
        nodes[*i].x = shift.clamp(low, high) + offset;
    }
}

/// The numbers nearest to some, by their weights, that do not descend.
fn ascending(values: &[(f64, f64)]) -> Vec<f64> {
    // Mean, weight and length of stretches of equal numbers.
    let mut stretches: Vec<(f64, f64, usize)> = Vec::new();
    for (value, weight) in values {
        let mut last = (*value, *weight, 1);
        while let Some(before) = stretches.pop_if(|before| before.0 > last.0) {
            let weight = before.1 + last.1;
            last = ((before.0 * before.1 + last.0 * last.1) / weight, weight, before.2 + last.2);
        }
        stretches.push(last);
    }
    stretches.into_iter().flat_map(|(value, _, length)| std::iter::repeat_n(value, length)).collect()
}

/// The prefixes of names whose layers stand together, apart from all others. Tops and bottoms are rows yet.
fn areas(nodes: &[Node]) -> Vec<Area> {
    let mut prefixes: Vec<&String> = Vec::new();
    for prefix in nodes.iter().filter_map(|n| n.prefix.as_ref()) {
        if !prefixes.contains(&prefix) {
            prefixes.push(prefix);
        }
    }
    let around = |node: &Node, more: f64| Rect {
        left: node.x - node.half - more,
        top: node.row as f64,
        right: node.x + node.half + more,
        bottom: node.row as f64 + 1.0,
    };
    let mut areas: Vec<Area> = Vec::new();
    for prefix in prefixes {
        let (members, others): (Vec<&Node>, Vec<&Node>) = nodes.iter().partition(|n| n.prefix.as_ref() == Some(prefix));
        let all = members.iter().map(|n| around(n, AROUND)).reduce(|a, b| Rect {
            left: a.left.min(b.left),
            top: a.top.min(b.top),
            right: a.right.max(b.right),
            bottom: a.bottom.max(b.bottom),
        });
        let Some(at) = all.filter(|_| members.len() > 1) else { continue };
        let apart = others.iter().all(|n| !at.meets(&around(n, 0.0))) && areas.iter().all(|a| !at.meets(&a.at));
        if apart {
            let entered = members.iter().filter(|n| n.row as f64 == at.top && !n.parents.is_empty());
            let right = entered.map(|n| n.x).fold(at.right, f64::min);
            areas.push(Area { prefix: prefix.clone(), at, beside: right - at.left - 2.0 * INSET });
        }
    }
    areas
}

/// What is written in each box: beside each other if there is room for it in all boxes of that width.
fn words(model: &ModelGraph, nodes: &[Node], areas: &[Area]) -> Vec<Words> {
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

/// Tops and bottoms of rows, and the height of everything. Areas learn theirs.
fn rows(nodes: &[Node], count: usize, areas: &mut [Area], words: &[Words]) -> (Vec<(f64, f64)>, f64) {
    let mut rows: Vec<(f64, f64)> = Vec::new();
    let mut y = 42.0;
    for row in 0..count {
        let here = || nodes.iter().filter(|n| n.row == row);
        let far = here().flat_map(|n| n.parents.iter().map(|p| (nodes[*p].x - n.x).abs())).fold(0.0, f64::max);
        y += match (row, far > 20.0) {
            (0, _) => 0.0,
            (_, true) => 28.0,
            (_, false) => 18.0,
        };
        let begins = areas.iter().any(|a| a.at.top == row as f64);
        let ended = areas.iter().any(|a| a.at.bottom == row as f64);
        y += if begins { ABOVE } else { 0.0 } + if ended { AROUND } else { 0.0 };
        let tall = here().filter_map(|n| Some(words.get(n.layer?)?.height())).fold(0.0, f64::max);
        rows.push((y, y + tall));
        y += tall;
    }
    for Area { at, .. } in areas.iter_mut() {
        let (first, last) = (at.top as usize, at.bottom as usize - 1);
        (at.top, at.bottom) = (rows[first].0 - ABOVE, rows[last].1 + AROUND);
    }
    (rows, y + AROUND + 2.0)
}

/// A line between rows that leaves and arrives straight down.
fn curve(from: (f64, f64), to: (f64, f64)) -> Vec<(f64, f64)> {
    if (from.0 - to.0).abs() < 0.5 {
        return vec![from, to];
    }
    // The last bit is straight, for the head of an arrow.
    let end = (to.0, to.1 - 5.0);
    let middle = (from.1 + end.1) / 2.0;
    let mut points: Vec<(f64, f64)> = (0..=16)
        .map(|i| {
            let t = f64::from(i) / 16.0;
            let u = 1.0 - t;
            let (a, b, c, d) = (u * u * u, 3.0 * u * u * t, 3.0 * u * t * t, t * t * t);
            (from.0 * (a + b) + end.0 * (c + d), from.1 * a + middle * (b + c) + end.1 * d)
        })
        .collect();
    points.push(to);
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(
        name: &str,
        kind: &str,
        inputs: &[&str],
        output: &[u64],
        parameters: u64,
        trained_in: &[&str],
    ) -> GraphLayer {
        let own = |words: &[&str]| words.iter().map(|&w| w.to_owned()).collect();
        GraphLayer {
            name: name.into(),
            kind: kind.into(),
            inputs: own(inputs),
            output: output.to_vec(),
            parameters,
            macs: 0,
            trained_in: own(trained_in),
        }
    }

    /// A chain of layers below each of some inputs, under a prefix, and what it ends with.
    fn branch(layers: &mut Vec<GraphLayer>, prefix: &str, input: &str, dense: bool, steps: &[&str]) -> String {
        let mut last = input.to_owned();
        let mut push = |name: &str, kind: &str, output: &[u64], parameters| {
            let name = format!("{prefix}{name}");
            layers.push(layer(&name, kind, &[&last], output, parameters, if parameters > 0 { steps } else { &[] }));
            last = name;
        };
        push("conv1", "Conv2d 3x3 + ReLU", &[10, 26, 26], 100);
        push("pool1", "MaxPool2d 2x2", &[10, 13, 13], 0);
        push("conv2", "Conv2d 3x3 + ReLU", &[20, 11, 11], 1_820);
        push("pool2", "MaxPool2d 2x2", &[20, 5, 5], 0);
        if dense {
            push("flatten", "Flatten", &[500], 0);
            push("head", "Dense + softmax", &[10], 5_010);
        } else {
            push("flatten", "Reshape", &[500, 1, 1], 0);
            push("head", "Conv2d 1x1", &[10, 1, 1], 5_010);
        }
        last
    }

    fn unified(branches: usize) -> ModelGraph {
        let mut layers = vec![layer("input", "Input", &[], &[1, 28, 28], 0, &[])];
        let steps = ["stage-2-2", "folds"];
        let ends: Vec<String> =
            (1..=branches).map(|b| branch(&mut layers, &format!("branch-{b}."), "input", false, &steps)).collect();
        let ends: Vec<&str> = ends.iter().map(String::as_str).collect();
        let steps = ["stage-2-1", "stage-2-2", "folds"];
        layers.push(layer("concatenate", "Concatenate, flatten", &ends, &[20], 0, &[]));
        layers.push(layer("hidden", "Dense + ReLU", &["concatenate"], &[32], 672, &steps));
        layers.push(layer("dropout", "Dropout 0.5", &["hidden"], &[32], 0, &[]));
        layers.push(layer("output", "Dense + softmax", &["dropout"], &[10], 330, &steps));
        ModelGraph { name: "unified".into(), layers }
    }

    fn dual(branches: usize) -> ModelGraph {
        let mut layers = Vec::new();
        for b in 1..=branches {
            let prefix = format!("branch-{b}.");
            let input = format!("{prefix}input");
            layers.push(layer(&input, "Input", &[], &[1, 28, 28], 0, &[]));
            branch(&mut layers, &prefix, &input, true, &["stage-1"]);
        }
        ModelGraph { name: "dual".into(), layers }
    }

    fn single() -> ModelGraph {
        let mut layers = vec![layer("input", "Input", &[], &[1, 28, 28], 0, &[])];
        branch(&mut layers, "", "input", true, &["stage-1"]);
        ModelGraph { name: "branch".into(), layers }
    }

    /// Lines past one, two and many rows, within a branch and across, and an input that is used late.
    fn skipping() -> ModelGraph {
        let mut model = unified(2);
        let find = |model: &ModelGraph, name: &str| model.layers.iter().position(|l| l.name == name).unwrap();
        for (reader, source) in [
            ("branch-1.pool2", "branch-1.conv1"),
            ("branch-2.head", "input"),
            ("output", "concatenate"),
            ("output", "branch-1.pool1"),
        ] {
            let at = find(&model, reader);
            model.layers[at].inputs.push(source.into());
        }
        model.layers.insert(0, layer("late", "Input", &[], &[7], 0, &[]));
        let at = find(&model, "concatenate");
        model.layers[at].inputs.push("late".into());
        model
    }

    fn chain(length: usize) -> ModelGraph {
        let mut layers = vec![layer("features.0", "Input", &[], &[3, 224, 224], 0, &[])];
        for i in 1..length {
            let (name, before) = (format!("features.{i}"), format!("features.{}", i - 1));
            layers.push(layer(
                &name,
                "Conv2d 3x3 + BatchNorm + ReLU with a long name",
                &[&before],
                &[512, 14, 14],
                2_359_808,
                &[],
            ));
        }
        ModelGraph { name: "deep".into(), layers }
    }

    fn all() -> Vec<(&'static str, ModelGraph)> {
        vec![
            ("branch", single()),
            ("dual", dual(2)),
            ("unified", unified(2)),
            ("three inputs", dual(3)),
            ("three branches", unified(3)),
            ("four branches", unified(4)),
            ("seven branches", unified(7)),
            ("skipping", skipping()),
            ("deep", chain(30)),
        ]
    }

    #[test]
    fn nothing_overlaps() {
        for (name, model) in all() {
            let plan = Plan::of(&model).unwrap();
            let boxes: Vec<Rect> = (0..model.layers.len()).map(|i| plan.at(i)).collect();
            for (i, a) in boxes.iter().enumerate() {
                assert!(a.left >= 0.0 && a.right <= WIDTH && a.top >= 42.0 && a.bottom <= plan.height, "{name}: {a:?}");
                assert!(boxes[..i].iter().all(|b| !a.meets(b)), "{name}: {} overlaps", model.layers[i].name);
            }
            for (line, _) in plan.lines() {
                for pair in line.windows(2) {
                    let ((x, y), (to_x, to_y)) = (pair[0], pair[1]);
                    assert!(to_y >= y && (0.0..=WIDTH).contains(&x), "{name}: {pair:?}");
                    let line = Rect { left: x.min(to_x), top: y, right: x.max(to_x) + 0.1, bottom: to_y };
                    assert!(boxes.iter().all(|b| !line.meets(b)), "{name}: a line runs through a box: {pair:?}");
                }
            }
            for (i, area) in plan.areas.iter().enumerate() {
                assert!(area.at.left >= 0.0 && area.at.right <= WIDTH && area.at.top >= 38.0, "{name}: {:?}", area.at);
                assert!(plan.areas[..i].iter().all(|b| !area.at.meets(&b.at)), "{name}: areas overlap");
                for (layer, at) in model.layers.iter().zip(&boxes) {
                    let inside = layer.name.starts_with(&format!("{}.", area.prefix));
                    assert_eq!(inside, area.at.meets(at), "{name}: {} and {}", area.prefix, layer.name);
                }
            }
            for step in [None, Some("stage-1"), Some("stage-2-1"), Some("folds")] {
                graph(name, &model, step).unwrap();
            }
        }
    }

    #[test]
    fn branches_stand_straight_under_their_names() {
        let model = unified(2);
        let plan = Plan::of(&model).unwrap();
        assert_eq!(plan.areas.iter().map(|a| a.prefix.as_str()).collect::<Vec<_>>(), ["branch-1", "branch-2"]);
        assert!((1..=6).all(|i| plan.nodes[i].x == plan.nodes[1].x && plan.nodes[i].row == i));
        assert!((plan.nodes[13].x - WIDTH / 2.0).abs() < 1e-6, "{}", plan.nodes[13].x);
        let Words::Beside(words) = &plan.words[3] else { panic!("there is room for words beside each other") };
        assert_eq!(*words, [["conv2", "20×11×11"], ["Conv2d 3×3 + ReLU", "1,820"]]);
        // Four of them have no room for that.
        assert!(matches!(Plan::of(&unified(4)).unwrap().words[3], Words::Below(_)));
    }

    #[test]
    fn a_line_past_rows_bends_no_box_out_of_its_column() {
        let mut model = single();
        model.layers[6].inputs.push("conv1".into());
        let plan = Plan::of(&model).unwrap();
        assert_eq!(plan.nodes.iter().filter(|n| n.layer.is_none()).count(), 4);
        assert!(plan.nodes.iter().filter(|n| n.layer.is_some()).all(|n| (n.x - WIDTH / 2.0).abs() < 0.1));
    }

    #[test]
    fn states_follow_the_step() {
        let model = unified(2);
        let state = |layer: &str, step| State::of(model.layers.iter().find(|l| l.name == layer).unwrap(), step);
        assert!(state("branch-1.conv1", Some("stage-2-1")) == State::Frozen);
        assert!(state("branch-1.conv1", Some("folds")) == State::Trained);
        assert!(state("hidden", Some("stage-2-1")) == State::Trained);
        assert!(state("dropout", Some("stage-2-1")) == State::Neutral && state("hidden", None) == State::Neutral);
    }

    #[test]
    fn graphs_that_are_none_are_refused() {
        let none = ModelGraph { name: "none".into(), layers: vec![] };
        assert!(graph("Empty", &none, None).unwrap_err().to_string().contains("has no layers"));
        let mut model = single();
        model.layers[1].inputs = vec!["pool1".into()];
        let message = graph("Turned", &model, None).unwrap_err().to_string();
        assert!(message.contains("layer conv1 reads from pool1"), "{message}");
    }

    #[test]
    fn words_are_wrapped_and_signs_proper() {
        assert_eq!(times("Conv2d 3x3, max 0x"), "Conv2d 3×3, max 0x");
        assert_eq!(wrapped("Conv2d 3×3 + ReLU", 10.0, 60.0), ["Conv2d 3×3", "+ ReLU"]);
        assert_eq!(ascending(&[(3.0, 1.0), (1.0, 1.0), (5.0, 1.0)]), [2.0, 2.0, 5.0]);
    }
}
