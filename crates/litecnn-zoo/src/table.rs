use comfy_table::{CellAlignment, Table, presets};

use rand::Rng;

use crate::{Count, Family, Flops, Graph, Op, Published, Role, Variant, ZooError};

const MEBIBYTE: f64 = (1 << 20) as f64;

/// The study's tables of networks, ours beside the published figures: those of the paper (Tables I and II), with
/// `previous` those of the previous study, too.
///
/// # Errors
/// [`ZooError::Published`] if the built-in table is damaged.
pub fn study_tables(previous: bool) -> Result<String, ZooError> {
    let published = Published::sobolewski_szyc()?;
    let mut text = String::new();
    for (family, title) in [(Family::ResNet101, "Table I"), (Family::Vgg19, "Table II")] {
        let classes = family.paper_classes();
        text += &format!("{title}: {} for {classes} classes\n", family.title());
        text += &study_table(&published, family, classes)?;
    }
    if previous {
        for family in [Family::ResNet101, Family::Vgg19] {
            let classes = 110 - family.paper_classes();
            text += &format!("The previous study: {} for {classes} classes\n", family.title());
            text += &study_table(&published, family, classes)?;
        }
    }
    text += "Published / here. Parameters and FLOPs in millions, FLOPs of one image in inference as fvcore counts them,\n\
             size of the training checkpoint in units of 2^20 bytes; the published sizes include the container's\n\
             overhead. MACs (millions) are multiply-accumulates of convolutions and dense layers alone, peak is the most\n\
             memory values need at once for one image (2^10 bytes). * marks a figure that neither rounded nor cut off is the published one.";
    Ok(text)
}

fn study_table(published: &Published, family: Family, classes: i64) -> Result<String, ZooError> {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["No", "Network", "Parameters", "FLOPs", "Size", "MACs", "Peak"]);
    for variant in Variant::all().filter(|v| v.family == family) {
        let count = Count::of(&variant.network(classes).graph()?);
        let beside = published.of(variant, classes);
        table.add_row([
            variant.no.to_string(),
            variant.name.into(),
            pair(beside.and_then(|p| p.published_params_m), count.parameters as f64 / 1e6, 3, true),
            pair(beside.and_then(|p| p.published_flops_m), count.flops.total() as f64 / 1e6, 2, true),
            pair(beside.and_then(|p| p.published_size_mb), count.state_bytes() as f64 / MEBIBYTE, 2, false),
            format!("{:.2}", count.flops.macs() as f64 / 1e6),
            format!("{:.0}", count.peak_bytes() as f64 / 1024.0),
        ]);
    }
    for column in 2..7 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    Ok(format!("{table}\n\n"))
}

/// `published / ours`, the latter marked if it is neither rounded nor cut to the former.
fn pair(published: Option<f64>, ours: f64, decimals: usize, compare: bool) -> String {
    let Some(published) = published else { return format!("- / {ours:.decimals$}") };
    let mark = if compare && !agrees(published, ours, decimals) { "*" } else { "" };
    format!("{published:.decimals$} / {ours:.decimals$}{mark}")
}

/// Whether a printed figure is a value rounded, or cut off, to so many decimals.
fn agrees(printed: f64, value: f64, decimals: usize) -> bool {
    let unit = 10f64.powi(-(decimals as i32));
    (value - printed).abs() <= unit / 2.0 + 1e-9 || (0.0..unit).contains(&(value - printed + 1e-9))
}

/// The study's table of pruning beside untrained networks pruned here, by a fifth of what is left each round: Table III
/// of the paper or, `previous`, that of the previous study. Counts do not depend on training.
///
/// # Errors
/// [`ZooError::Published`] if the built-in table is damaged, [`ZooError::Torch`].
pub fn pruning_table(previous: bool, rng: &mut impl Rng) -> Result<String, ZooError> {
    let pruning = Published::sobolewski_szyc()?.pruning;
    let (classes, rows) = if previous { (10, pruning.cifar10.rows) } else { (100, pruning.cifar100.rows) };
    let mut columns = Vec::new();
    for no in [1, 11, 13] {
        let variant = Variant::find(&format!("resnet101-{no}"))?;
        let graph = variant.network(classes).graph()?;
        let count = Count::of(&graph);
        let longest = rows.iter().filter(|row| row.of(no).is_some()).map(|row| row.round).max().unwrap_or(0);
        columns.push((no, count, crate::prune::rounds(graph, longest, rng)?));
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["Round", "Sparsity, %", "No. 1", "No. 11", "No. 13"]);
    for row in &rows {
        let mut cells = vec![row.round.to_string(), String::new()];
        let mut sparsities = Vec::new();
        for (no, count, left) in &columns {
            let (Some(published), Some(&left)) = (row.of(*no), left.get(row.round as usize)) else {
                cells.push("-".into());
                continue;
            };
            let ranked = count.conv_weights + count.linear_weights;
            sparsities.push(round_tenth(100.0 * (ranked - left) as f64 / ranked as f64));
            // Before the first round the study prints all weights, those included that are never ranked.
            let ours = if row.round == 0 { count.parameters } else { left };
            let mark = if ours == published.non_zeroed { "" } else { "*" };
            cells.push(format!("{} / {ours}{mark}", published.non_zeroed));
        }
        let mean = sparsities.iter().sum::<f64>() / sparsities.len().max(1) as f64;
        cells[1] = format!("{:.1} / {mean:.1}", row.published_sparsity);
        table.add_row(cells);
    }
    for column in 1..5 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    Ok(format!(
        "Weights that are not zero, ResNet-101 for {classes} classes: published / here\n{table}\n\
         Convolutions and dense layers; in round 0 all weights, as the study prints. Sparsity is the mean of the three, each \
         rounded."
    ))
}

fn round_tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// What a network is made of, operation by operation: output shapes, weights, operations of one image; then the sums.
pub fn summary(graph: &Graph) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["Layer", "Operation", "Output", "Parameters", "FLOPs"]);
    for node in &graph.nodes {
        let numbers: &[Option<usize>] = match node.op {
            Op::Conv { weight, bias, .. } | Op::Linear { weight, bias } => &[Some(weight), bias],
            Op::BatchNorm { scale, shift, .. } => &[Some(scale), Some(shift)],
            _ => &[],
        };
        let parameters: i64 = numbers.iter().flatten().map(|&v| graph.variables[v].values()).sum();
        let flops = Flops::of(graph, node).total();
        let or_none = |n: i64| if n == 0 { "-".into() } else { n.to_string() };
        let word = match &node.op {
            Op::Conv { weight, groups, stride, .. } => {
                let sides = &graph.variables[*weight].shape[2..];
                let groups = if *groups == 1 { String::new() } else { format!(", {groups} groups") };
                let step =
                    if *stride == [1, 1] { String::new() } else { format!(", step {}x{}", stride[0], stride[1]) };
                format!("conv {}x{}{groups}{step}", sides[0], sides[1])
            }
            op => op.word().into(),
        };
        table.add_row([node.name.clone(), word, node.shape.to_string(), or_none(parameters), or_none(flops)]);
    }
    for column in 3..5 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let count = Count::of(graph);
    let depth = graph.variables.iter().filter(|v| matches!(v.role, Role::ConvWeight | Role::LinearWeight)).count();
    format!(
        "Network: {}\n{table}\nParameters: {} ({} reach nothing), running statistics: {}, size {:.3} MB (2^20 bytes)\n\
         Convolutions and dense layers: {depth}, with {} and {} weights\nFLOPs of one image: {}; multiply-accumulates \
         alone: {}\nPeak of values alive at once: {} bytes",
        graph.name,
        count.parameters,
        count.unused,
        count.statistics,
        count.state_bytes() as f64 / MEBIBYTE,
        count.conv_weights,
        count.linear_weights,
        count.flops.total(),
        count.flops.macs(),
        count.peak_bytes(),
    )
}
