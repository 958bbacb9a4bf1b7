use comfy_table::{CellAlignment, Table, presets};

use crate::numbers::{NONE, grouped, megabytes, points, signed, spread_percent, whole_percent};
use crate::verdict::official;
use crate::{Published, Summary};

/// Paper, ours and difference for every data set of a summary, as a table for a terminal.
///
/// Accuracies are in percent (mean ± sample standard deviation where there are several seeds), their differences in
/// percentage points; MB are 1,024 x 1,024 bytes. If the data is not
/// the official one, a line below says so.
pub fn terminal_table(summary: &Summary, published: &Published) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(["data set", "", "paper", "ours", "difference"]);
    for (name, ours) in &summary.datasets {
        let paper = published.datasets.get(name);
        let none = || NONE.to_owned();
        let title = paper.map_or(name.as_str(), |p| p.name.as_str());
        for (what, theirs, mine) in [
            ("test accuracy, %", paper.map(|p| p.accuracy.test), &ours.test_accuracy),
            ("train accuracy, %", paper.map(|p| p.accuracy.train), &ours.train_accuracy),
        ] {
            table.add_row([
                title.to_owned(),
                what.to_owned(),
                theirs.map_or_else(none, whole_percent),
                spread_percent(mine),
                theirs.map_or_else(none, |t| points(mine.mean - t)),
            ]);
        }
        table.add_row([
            title.to_owned(),
            "parameters".to_owned(),
            paper.map_or_else(none, |p| grouped(p.size.params)),
            grouped(ours.params),
            paper.map_or_else(none, |p| format!("{:+}", i128::from(ours.params) - i128::from(p.size.params))),
        ]);
        table.add_row([
            title.to_owned(),
            "file size, MB".to_owned(),
            paper.map_or_else(none, |p| format!("{:.2}", p.size.file_mb)),
            format!("{:.2}", megabytes(ours.weights_bytes)),
            paper.map_or_else(none, |p| signed(megabytes(ours.weights_bytes) - p.size.file_mb)),
        ]);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut text = table.to_string();
    if !official(summary) {
        text.push_str(&format!(
            "\nThe data is not the official one ({}): not to be compared with published figures.",
            summary.data
        ));
    }
    text
}
