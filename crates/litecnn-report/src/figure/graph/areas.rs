use super::nodes::Node;
use super::plan::Rect;
use super::words::INSET;

/// How far the area of a branch goes beyond its boxes, and how far above them, where its name stands.
pub(super) const AROUND: f64 = 4.0;
pub(super) const ABOVE: f64 = 20.0;

/// What the names of some layers begin with, and where they stand.
pub(super) struct Area {
    pub(super) prefix: String,
    pub(super) at: Rect,
    /// Room for the name beside the lines that come from above.
    pub(super) beside: f64,
}

/// The prefixes of names whose layers stand together, apart from all others. Tops and bottoms are rows yet.
pub(super) fn areas(nodes: &[Node]) -> Vec<Area> {
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
