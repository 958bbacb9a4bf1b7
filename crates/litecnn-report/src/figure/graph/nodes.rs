use std::collections::HashMap;

use litecnn_run::ModelGraph;

/// A place in a row: a layer, or a line on its way past the row.
pub(super) struct Node {
    /// Number of the layer; none for a line.
    pub(super) layer: Option<usize>,
    pub(super) row: usize,
    /// What it comes from, in the row above.
    pub(super) parents: Vec<usize>,
    /// The area it belongs to: a prefix of names.
    pub(super) prefix: Option<String>,
    /// Its middle, and half its width.
    pub(super) x: f64,
    pub(super) half: f64,
}

/// The layers, by number, then the lines that pass rows. A row is the longest way from an input.
pub(super) fn nodes(model: &ModelGraph) -> Result<Vec<Node>, String> {
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
