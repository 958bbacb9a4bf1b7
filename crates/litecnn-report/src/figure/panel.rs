use plotters::prelude::*;

use super::canvas::{Canvas, Drawn, extent};
use super::style;
use crate::ReportError;

/// Width of a panel in pixels: that of a small telephone, so that it is read there without zooming.
pub(crate) const WIDTH: f64 = 372.0;
/// Between panels, and around them.
const GAP: f64 = 16.0;

/// Part of a figure that is drawn by itself, and put beside or below its neighbours as there is room.
#[derive(Debug, Clone)]
pub(crate) struct Panel {
    width: f64,
    height: f64,
    /// What is to be seen, for those who cannot see it.
    alt: String,
    /// SVG elements in drawing units.
    elements: String,
}

impl Panel {
    /// Draws a panel of the usual width and this height, in pixels.
    pub(crate) fn draw(height: f64, alt: String, draw: impl FnOnce(&Canvas<'_>) -> Drawn) -> Result<Self, ReportError> {
        let mut svg = String::new();
        let drawn = {
            let area = SVGBackend::with_string(&mut svg, (extent(WIDTH), extent(height))).into_drawing_area();
            draw(&Canvas::new(area.clone())).and_then(|()| Ok(area.present()?))
        };
        drawn.map_err(|e| ReportError::Figure { figure: alt.clone(), reason: e.to_string() })?;
        let elements = svg.split_once('>').and_then(|(_, rest)| rest.rsplit_once("</svg>")).map_or("", |(all, _)| all);
        Ok(Self { width: WIDTH, height, alt, elements: compact(elements) })
    }

    /// Puts SVG elements, in drawing units, on top of what is drawn.
    pub(crate) fn with(mut self, elements: &str) -> Self {
        self.elements.push_str(elements);
        self
    }

    /// An SVG element with attributes that place or size it.
    fn svg(&self, attributes: &str) -> String {
        let (w, h) = (extent(self.width), extent(self.height));
        let alt = escape(&self.alt);
        format!("<svg {attributes} viewBox=\"0 0 {w} {h}\" role=\"img\" aria-label=\"{alt}\">{}</svg>", self.elements)
    }
}

/// A figure: panels under one name.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    /// Stem of its file name.
    pub(crate) name: String,
    /// One sentence or two; plain text.
    pub(crate) caption: String,
    /// Never empty.
    pub(crate) panels: Vec<Panel>,
    /// Panels side by side in the file; on the page it depends on the room.
    pub(crate) columns: usize,
}

impl Figure {
    /// The figure as a file of its own.
    pub(crate) fn svg(&self) -> String {
        let rows: Vec<&[Panel]> = self.panels.chunks(self.columns.max(1)).collect();
        let width = |row: &&[Panel]| row.iter().map(|p| p.width + GAP).sum::<f64>() + GAP;
        let tall = |row: &[Panel]| row.iter().map(|p| p.height).fold(0.0, f64::max);
        let whole = (rows.iter().map(width).fold(0.0, f64::max), rows.iter().map(|r| tall(r) + GAP).sum::<f64>() + GAP);
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\">\n<style>{2}</style>\n\
             <rect width=\"{0}\" height=\"{1}\" fill=\"{3}\"/>\n",
            whole.0,
            whole.1,
            style::sheet(),
            style::hex(style::PAPER),
        );
        let mut y = GAP;
        for row in rows {
            let mut x = GAP;
            for panel in row {
                let place = format!("x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\"", panel.width, panel.height);
                text.push_str(&panel.svg(&place));
                text.push('\n');
                x += panel.width + GAP;
            }
            y += tall(row) + GAP;
        }
        text.push_str("</svg>\n");
        text
    }

    /// The figure as part of a page whose style sheet holds [`style::sheet`]. Without empty lines.
    pub(crate) fn html(&self) -> String {
        let panels: String = self.panels.iter().map(|p| p.svg("class=\"panel\"") + "\n").collect();
        format!(
            "<figure id=\"{}\"><div class=\"panels\" style=\"--columns:{}\">\n{panels}</div>\n<figcaption>{}</figcaption></figure>",
            escape(&self.name),
            self.columns,
            escape(&self.caption)
        )
    }

    /// What is to be seen in all panels.
    pub(crate) fn alt(&self) -> String {
        self.panels.iter().map(|p| p.alt.as_str()).collect::<Vec<_>>().join("; ")
    }
}

/// Leaves out what the drawing library writes without need.
fn compact(elements: &str) -> String {
    let mut text = elements.replace(" opacity=\"1\"", "").replace(" font-family=\"sans-serif\"", "");
    text = text.replace(" stroke=\"none\"", "").replace("\n</text>", "</text>").replace(">\n", ">");
    text.trim().to_owned()
}

/// Text as an attribute or between tags.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
