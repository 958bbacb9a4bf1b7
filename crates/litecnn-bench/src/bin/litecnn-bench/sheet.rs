//! The `bench.json` that a subcommand puts its part into.

use std::path::{Path, PathBuf};

use anyhow::Result;
use litecnn_cli::Usage;
use litecnn_report::speed::{Bench, Machine, Row};

/// A `bench.json` under way. Nothing is written before [`Sheet::write`], and then the whole at once.
pub(crate) struct Sheet {
    path: PathBuf,
    pub(crate) bench: Bench,
}

impl Sheet {
    /// Takes up the file if it is there, to add to it or replace parts of it.
    pub(crate) fn open(path: &Path, machine: Machine) -> Result<Self> {
        let bench = match path.exists() {
            false => Bench::new(machine),
            true => {
                let mut found = Bench::read(path)?;
                if !found.same_making(&machine) {
                    let shown = path.display();
                    let what = "was measured on another machine or with another build";
                    return Err(
                        Usage(format!("{shown} {what}: give another --out, or measure it anew with `all`")).into()
                    );
                }
                if found.machine.device == "cpu" {
                    (found.machine.device, found.machine.tf32) = (machine.device, machine.tf32);
                }
                found
            }
        };
        Ok(Self { path: path.to_owned(), bench })
    }

    /// A file that is written anew, whatever was there.
    pub(crate) fn fresh(path: &Path, machine: Machine) -> Self {
        Self { path: path.to_owned(), bench: Bench::new(machine) }
    }

    /// Puts rows in, in place of older ones of the same measurement.
    pub(crate) fn put(&mut self, rows: Vec<Row>) {
        for row in rows {
            let same = |r: &Row| {
                (&r.program, &r.model, &r.device, r.batch, r.threads, r.metric, r.copy)
                    == (&row.program, &row.model, &row.device, row.batch, row.threads, row.metric, row.copy)
            };
            match self.bench.rows.iter_mut().find(|r| same(r)) {
                Some(older) => *older = row,
                None => self.bench.rows.push(row),
            }
        }
    }

    pub(crate) fn write(&self) -> Result<()> {
        Ok(self.bench.write(&self.path)?)
    }
}
