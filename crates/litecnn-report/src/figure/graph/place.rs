use super::areas::AROUND;
use super::nodes::Node;
use crate::figure::panel::WIDTH;

/// The widest box.
const WIDEST: f64 = 190.0;
/// Between boxes side by side, a box and a line that passes it, and two such lines.
const BOX_BOX: f64 = 14.0;
const BOX_LINE: f64 = 10.0;
const LINE_LINE: f64 = 7.0;

/// Gives every node its width, and a place in its row as near below its parents as can be. Boxes are equally wide, or
/// only those of rows with as many boxes.
pub(super) fn place(nodes: &mut [Node], rows: usize, evenly: bool) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_descends_is_levelled() {
        assert_eq!(ascending(&[(3.0, 1.0), (1.0, 1.0), (5.0, 1.0)]), [2.0, 2.0, 5.0]);
    }
}
