use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::panel::WIDTH;
use super::style::{INK, MUTED};

/// Drawing units a pixel: the drawing library knows whole units only, and lines must not jump.
const UNITS: f64 = 10.0;
/// The drawing library divides sizes of letters by this.
const LETTERS: f64 = 1.24;

/// What a figure is drawn with went wrong.
pub(crate) type Drawn<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// The drawing area of the library below.
pub(crate) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Pixels as drawing units.
pub(crate) fn px(pixels: f64) -> i32 {
    (pixels * UNITS).round() as i32
}

/// Pixels as drawing units, for extents.
pub(crate) fn extent(pixels: f64) -> u32 {
    px(pixels).unsigned_abs()
}

/// Drawing units as pixels.
pub(crate) fn pixels(units: i32) -> f64 {
    f64::from(units) / UNITS
}

/// A place to draw on, measured in pixels from the upper left.
pub(crate) struct Canvas<'a> {
    area: Area<'a>,
}

/// How letters look.
#[derive(Clone, Copy)]
pub(crate) struct Letters {
    size: f64,
    bold: bool,
    colour: RGBColor,
    horizontal: HPos,
    upwards: bool,
}

/// Letters of a size in pixels, beginning at the place given and centred on its height.
pub(crate) fn letters(size: f64) -> Letters {
    Letters { size, bold: false, colour: INK, horizontal: HPos::Left, upwards: false }
}

impl Letters {
    pub(crate) fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    pub(crate) fn colour(self, colour: RGBColor) -> Self {
        Self { colour, ..self }
    }

    /// Ending at the place given.
    pub(crate) fn ending(self) -> Self {
        Self { horizontal: HPos::Right, ..self }
    }

    /// In the middle of the place given.
    pub(crate) fn centred(self) -> Self {
        Self { horizontal: HPos::Center, ..self }
    }

    /// Turned to read from below.
    pub(crate) fn upwards(self) -> Self {
        Self { upwards: true, ..self }
    }

    /// For the parts of the drawing library that set text themselves.
    pub(crate) fn style(self) -> TextStyle<'static> {
        let weight = if self.bold { FontStyle::Bold } else { FontStyle::Normal };
        let font = FontDesc::new(FontFamily::SansSerif, self.size * UNITS * LETTERS, weight);
        let font = if self.upwards { font.transform(FontTransform::Rotate270) } else { font };
        TextStyle { pos: Pos::new(self.horizontal, VPos::Center), ..font.color(&self.colour) }
    }
}

impl<'a> Canvas<'a> {
    pub(crate) fn new(area: Area<'a>) -> Self {
        Self { area }
    }

    /// For charts.
    pub(crate) fn area(&self) -> &Area<'a> {
        &self.area
    }

    pub(crate) fn text(&self, (x, y): (f64, f64), letters: Letters, text: &str) -> Drawn {
        Ok(self.area.draw_text(text, &letters.style(), (px(x), px(y)))?)
    }

    /// The heading of a panel.
    pub(crate) fn title(&self, text: &str) -> Drawn {
        // Bold letters are wider.
        self.text((0.0, 9.0), letters(13.0).bold(), &shortened(text, 14.5, WIDTH))
    }

    /// What is said below the heading.
    pub(crate) fn subtitle(&self, text: &str) -> Drawn {
        self.text((0.0, 27.0), letters(11.0).colour(MUTED), &shortened(text, 11.0, WIDTH))
    }

    pub(crate) fn line(&self, from: (f64, f64), to: (f64, f64), colour: impl Color, width: f64) -> Drawn {
        let ends = vec![(px(from.0), px(from.1)), (px(to.0), px(to.1))];
        Ok(self.area.draw(&PathElement::new(ends, colour.stroke_width(extent(width))))?)
    }

    pub(crate) fn dots(&self, from: (f64, f64), to: (f64, f64), colour: impl Color, width: f64) -> Drawn {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let (length, step) = (dx.hypot(dy), 3.0 * width);
        let mut at = 0.0;
        while at < length {
            let place = |along: f64| (from.0 + dx * along / length, from.1 + dy * along / length);
            self.line(place(at), place((at + step / 2.0).min(length)), colour.to_rgba(), width)?;
            at += step;
        }
        Ok(())
    }

    /// A filled rectangle by two corners.
    pub(crate) fn fill(&self, from: (f64, f64), to: (f64, f64), colour: impl Color) -> Drawn {
        let corners = [(px(from.0), px(from.1)), (px(to.0), px(to.1))];
        Ok(self.area.draw(&Rectangle::new(corners, colour.filled()))?)
    }

    /// The outline of a rectangle.
    pub(crate) fn frame(&self, from: (f64, f64), to: (f64, f64), colour: impl Color, width: f64) -> Drawn {
        // The drawing library has but thin lines around rectangles. The ends meet where no corner shows it.
        let middle = (from.0 + to.0) / 2.0;
        let way = [(middle, from.1), (to.0, from.1), to, (from.0, to.1), from, (middle, from.1)];
        let way = way.map(|(x, y)| (px(x), px(y)));
        Ok(self.area.draw(&PathElement::new(way, colour.stroke_width(extent(width))))?)
    }

    pub(crate) fn disc(&self, centre: (f64, f64), radius: f64, colour: impl Color) -> Drawn {
        Ok(self.area.draw(&Circle::new((px(centre.0), px(centre.1)), px(radius), colour.filled()))?)
    }
}

/// About how many pixels wide a text is in letters of a size. Widths differ from font to font; this is on the wide side.
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    let narrow =
        |c: char| matches!(c, 'i' | 'j' | 'l' | 't' | 'f' | 'r' | '.' | ',' | ':' | ' ' | '\'' | '|' | '(' | ')');
    text.chars()
        .map(|c| {
            if narrow(c) {
                0.36
            } else if c.is_uppercase() || "mw%→±".contains(c) {
                0.78
            } else {
                0.6
            }
        })
        .sum::<f64>()
        * size
}

/// A text that is no wider than some pixels in letters of a size: what does not fit becomes an ellipsis.
pub(crate) fn shortened(text: &str, size: f64, room: f64) -> String {
    if text_width(text, size) <= room {
        return text.to_owned();
    }
    let mut kept = String::new();
    for c in text.chars() {
        kept.push(c);
        if text_width(&kept, size) + text_width("…", size) > room {
            kept.pop();
            break;
        }
    }
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_left_alone() {
        assert_eq!(shortened("automobile", 10.0, 100.0), "automobile");
        let short = shortened("automobile", 10.0, 40.0);
        assert!(short.starts_with("auto") && short.ends_with('…') && text_width(&short, 10.0) <= 40.0, "{short}");
        assert_eq!(shortened("no room", 10.0, 0.0), "…");
    }
}
