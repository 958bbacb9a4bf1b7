//! Figures: what is drawn, how it looks, and how panels become files and parts of a page.

mod axes;
mod canvas;
mod curves;
mod growth;
mod legend;
mod panel;
mod reliability;
mod series;
mod steps;
mod style;
mod throughput;

pub(crate) use curves::{Course, Curves, Quantity, mean};
pub(crate) use growth::{GrowthLine, GrowthPanel};
pub(crate) use panel::{Figure, Panel, WIDTH, escape};
pub(crate) use reliability::Reliability;
pub(crate) use steps::StepsPanel;
pub(crate) use style::sheet as style_sheet;
pub(crate) use throughput::{SpeedLine, SpeedPoint, ThroughputPanel};
