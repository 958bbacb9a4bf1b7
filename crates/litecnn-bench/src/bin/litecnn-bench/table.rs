//! Tables on the terminal.

use comfy_table::{CellAlignment, Table, presets};
use litecnn_report::speed::{Copying, Limit, Metric, OURS, Row};

/// Prints a table, all columns but the first set flush right.
pub(crate) fn print(header: &[&str], rows: &[Vec<String>]) {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(header);
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    println!("{table}");
}

/// Prints measurements; of throughput in images per second, of latency in microseconds.
pub(crate) fn print_rows(rows: &[Row], limits: &[Limit]) {
    let number = |x: f64| if x < 1000.0 { format!("{x:.1}") } else { format!("{x:.0}") };
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|r| {
            let figures = [r.median, r.p95, r.p99, r.mean, r.std, r.min, r.first_call].map(number);
            let mut cells = vec![what(r), r.batch.to_string(), r.threads.to_string()];
            cells.extend(figures);
            cells
        })
        .collect();
    let unit = match rows.first().map(|r| r.metric) {
        Some(Metric::Throughput) => "images/s",
        _ => "µs",
    };
    print(&[unit, "batch", "threads", "median", "p95", "p99", "mean", "std", "min", "first call"], &cells);
    for limit in limits {
        let Limit { model, device, threads, batch, reason } = limit;
        println!("{model}, {device}, threads {threads}: memory ended at batch {batch}: {reason}");
    }
}

/// The model, the device, and whether the copy counts.
pub(crate) fn what(row: &Row) -> String {
    match row.copy {
        None if row.program != OURS => format!("{} {}", row.program, row.model),
        None => format!("{} {}", row.model, row.device),
        Some(Copying::Included) => format!("{} {} with copy", row.model, row.device),
        Some(Copying::Excluded) => format!("{} {} without copy", row.model, row.device),
    }
}
