//! Figures: what is drawn, how it looks, and how panels become files and parts of a page.

mod axes;
mod canvas;
mod confusion;
mod curves;
mod decades;
mod filters;
mod graph;
mod grown;
mod growth;
mod labels;
mod legend;
mod panel;
mod pictures;
mod reliability;
mod scatter;
mod series;
mod steps;
mod style;
mod throughput;
mod tradeoff;

pub(crate) use confusion::heat_map;
pub(crate) use curves::{Course, Curves, Quantity};
pub(crate) use filters::{filters, read_filters};
pub(crate) use graph::graph;
pub(crate) use grown::{GrownLine, GrownPanel};
pub(crate) use growth::{GrowthLine, GrowthPanel};
pub(crate) use panel::{Figure, Panel, escape};
pub(crate) use pictures::{augmentation, mistakes};
pub(crate) use reliability::Reliability;
pub(crate) use scatter::{Cloud, ScatterPanel};
pub(crate) use steps::StepsPanel;
pub(crate) use style::sheet as style_sheet;
pub(crate) use throughput::{SpeedLine, SpeedPoint, ThroughputPanel};
pub(crate) use tradeoff::{TradeoffPanel, TradeoffPoint};
