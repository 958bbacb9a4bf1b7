use std::fmt::Write as _;

use litecnn_run::GraphLayer;
use plotters::element::{PathElement, Polygon};
use plotters::style::Color;

use super::areas::{ABOVE, Area};
use super::plan::{Plan, Rect};
use super::words::{BOLD, INSET, LINE, NAME, SMALL, Words};
use crate::figure::canvas::{Canvas, Drawn, extent, letters, px, shortened, text_width};
use crate::figure::style::{GRID, INK, MUTED, PAPER, TRAINED, hex};
use crate::numbers::grouped;

impl Plan<'_> {
    pub(super) fn draw(&self, canvas: &Canvas<'_>, step: Option<&str>, dashed: &mut String) -> Drawn {
        let tint = GRID.mix(0.45);
        for Area { at, .. } in &self.areas {
            canvas.fill((at.left, at.top), (at.right, at.bottom), tint)?;
        }
        for (line, arrow) in self.lines() {
            let (x, y) = line.last().copied().unwrap_or_default();
            let points: Vec<(i32, i32)> = line.iter().map(|(x, y)| (px(*x), px(*y))).collect();
            canvas.area().draw(&PathElement::new(points, MUTED.stroke_width(extent(1.1))))?;
            if arrow {
                let head = [(x - 3.2, y - 5.5), (x + 3.2, y - 5.5), (x, y)].map(|(x, y)| (px(x), px(y)));
                canvas.area().draw(&Polygon::new(head, MUTED))?;
            }
        }
        for Area { prefix, at, beside } in &self.areas {
            let (y, wide) = (at.top + ABOVE / 2.0, text_width(prefix, SMALL * BOLD));
            let name = letters(SMALL).bold().colour(MUTED);
            if wide <= *beside {
                canvas.text((at.left + INSET, y), name, prefix)?;
            } else {
                // The line behind it is interrupted.
                let prefix = shortened(prefix, SMALL * BOLD, at.right - at.left - 2.0);
                let (x, half) = ((at.left + at.right) / 2.0, text_width(&prefix, SMALL * BOLD) / 2.0);
                for colour in [PAPER.mix(1.0), tint] {
                    canvas.fill((x - half, y - 6.5), (x + half, y + 6.5), colour)?;
                }
                canvas.text((x, y), name.centred(), &prefix)?;
            }
        }
        for (i, (layer, words)) in self.model.layers.iter().zip(&self.words).enumerate() {
            let (at, state) = (self.at(i), State::of(layer, step));
            outline(canvas, at, state, layer.parameters > 0, dashed)?;
            write_words(canvas, at, state, words)?;
        }
        Ok(())
    }
}

fn write_words(canvas: &Canvas<'_>, at: Rect, state: State, words: &Words) -> Drawn {
    let middle = (at.top + at.bottom) / 2.0;
    let number = if state == State::Trained { letters(SMALL).colour(TRAINED).bold() } else { letters(SMALL) };
    match words {
        Words::Beside([[name, shape], [kind, parameters]]) => {
            let (left, right) = (at.left + INSET, at.right - INSET);
            let one = kind.is_empty() && parameters.is_empty();
            let (first, second) = if one { (middle, middle) } else { (middle - LINE / 2.0, middle + LINE / 2.0) };
            canvas.text((left, first), letters(NAME).bold(), name)?;
            canvas.text((right, first), letters(SMALL).ending(), shape)?;
            if !kind.is_empty() {
                canvas.text((left, second), letters(SMALL).colour(MUTED), kind)?;
            }
            if !parameters.is_empty() {
                canvas.text((right, second), number.ending(), parameters)?;
            }
        }
        Words::Below(lines) => {
            let first = middle - LINE * (lines.len() as f64 - 1.0) / 2.0;
            for (i, line) in lines.iter().enumerate() {
                let look = if i == 0 { letters(NAME).bold() } else { letters(SMALL).colour(MUTED) };
                canvas.text(((at.left + at.right) / 2.0, first + LINE * i as f64), look.centred(), line)?;
            }
        }
    }
    Ok(())
}

/// A box without its words.
fn outline(canvas: &Canvas<'_>, at: Rect, state: State, parameters: bool, dashed: &mut String) -> Drawn {
    let (from, to) = ((at.left, at.top), (at.right, at.bottom));
    canvas.fill(from, to, PAPER)?;
    match state {
        State::Trained => {
            canvas.fill(from, to, TRAINED.mix(0.14))?;
            canvas.frame(from, to, TRAINED, 1.5)?;
        }
        State::Frozen => {
            let (x, y, wide, tall) = (px(at.left), px(at.top), px(at.right - at.left), px(at.bottom - at.top));
            let _ = write!(
                dashed,
                "<rect x=\"{x}\" y=\"{y}\" width=\"{wide}\" height=\"{tall}\" fill=\"none\" stroke=\"{}\" \
                 stroke-width=\"11\" stroke-dasharray=\"36 26\"/>",
                hex(MUTED)
            );
        }
        State::Neutral => canvas.frame(from, to, if parameters { INK.mix(0.8) } else { MUTED.mix(0.5) }, 1.0)?,
    }
    Ok(())
}

/// How much of the parameters a step trains, and what boxes tell that.
pub(super) fn legend(canvas: &Canvas<'_>, trained: u64, frozen: u64, dashed: &mut String) -> Drawn {
    let (y, size) = (27.0, 11.0);
    let mut x = 0.5;
    for (state, text) in [(State::Trained, "trained"), (State::Frozen, "frozen")] {
        let number = if state == State::Trained { trained } else { frozen };
        let text = format!("{text}: {}", grouped(number));
        let text = if state == State::Trained { text + " parameters" } else { text };
        outline(canvas, Rect { left: x, top: y - 5.5, right: x + 16.0, bottom: y + 5.5 }, state, true, dashed)?;
        canvas.text((x + 22.0, y), letters(size), &text)?;
        x += 22.0 + text_width(&text, size) + 14.0;
    }
    Ok(())
}

/// What a step does to the parameters of a layer.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum State {
    Trained,
    Frozen,
    /// There are none, or no step is shown.
    Neutral,
}

impl State {
    pub(super) fn of(layer: &GraphLayer, step: Option<&str>) -> Self {
        match step {
            Some(_) if layer.parameters == 0 => Self::Neutral,
            Some(step) if layer.trained_in.iter().any(|s| s == step) => Self::Trained,
            Some(_) => Self::Frozen,
            None => Self::Neutral,
        }
    }
}
