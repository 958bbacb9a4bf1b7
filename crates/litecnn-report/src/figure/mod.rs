//! Figures: what is drawn, how it looks, and how panels become files and parts of a page.

mod axes;
mod canvas;
mod confusion;
mod curves;
mod filters;
mod graph;
mod panel;
mod pictures;
mod style;

pub(crate) use confusion::heat_map;
pub(crate) use curves::{Course, Curves, Quantity};
pub(crate) use filters::{Filters, filters, read_filters};
pub(crate) use graph::graph;
pub(crate) use panel::{Figure, Panel, WIDTH, escape};
pub(crate) use pictures::{augmentation, mistakes};
pub(crate) use style::sheet as style_sheet;
#[cfg(test)]
mod look {
    use super::*;
    #[test]
    fn look() {
        let run = std::path::Path::new("/work/main/results/reference/mnist");
        let mut panels = vec![];
        for (q, t) in [(Quantity::Accuracy, "MNIST, branch 1: accuracy"), (Quantity::Loss, "MNIST, branch 1: loss")] {
            let courses: Vec<Course> = (0..3)
                .map(|s| {
                    let h = litecnn_run::read_history(&run.join(format!("seed-{s}/stage-1/history.csv"))).unwrap();
                    let h: Vec<_> = h.into_iter().filter(|r| r.output == "branch-1").collect();
                    if q == Quantity::Accuracy {
                        Course {
                            train: h.iter().map(|r| r.accuracy).collect(),
                            validation: h.iter().map(|r| r.validation_accuracy).collect(),
                        }
                    } else {
                        Course {
                            train: h.iter().map(|r| r.loss).collect(),
                            validation: h.iter().map(|r| r.validation_loss).collect(),
                        }
                    }
                })
                .collect();
            panels.push(Curves { title: t, quantity: q, courses, best: Some(14) }.panel().unwrap());
        }
        let f = Figure { name: "stage-1-mnist".into(), caption: "x".into(), panels, columns: 2 };
        std::fs::write("/work/tmp/look.svg", f.svg()).unwrap();
        println!("{}", f.html("x").len());
    }
}
