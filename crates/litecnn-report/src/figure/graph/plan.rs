use litecnn_run::ModelGraph;

use super::areas::{ABOVE, AROUND, Area, areas};
use super::nodes::{Node, nodes};
use super::place::place;
use super::words::{Words, words};

/// Where everything stands.
pub(super) struct Plan<'a> {
    pub(super) model: &'a ModelGraph,
    pub(super) nodes: Vec<Node>,
    /// Top and bottom of each row.
    pub(super) rows: Vec<(f64, f64)>,
    pub(super) areas: Vec<Area>,
    /// Words of each layer.
    pub(super) words: Vec<Words>,
    pub(super) height: f64,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Rect {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

impl Rect {
    /// Whether two share more than an edge.
    pub(super) fn meets(&self, other: &Rect) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }
}

impl<'a> Plan<'a> {
    pub(super) fn of(model: &'a ModelGraph) -> Result<Self, String> {
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
    pub(super) fn at(&self, layer: usize) -> Rect {
        let node = &self.nodes[layer];
        let (top, bottom) = self.rows[node.row];
        Rect { left: node.x - node.half, top, right: node.x + node.half, bottom }
    }

    /// The lines, point by point, and whether they end at a box.
    pub(super) fn lines(&self) -> Vec<(Vec<(f64, f64)>, bool)> {
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
