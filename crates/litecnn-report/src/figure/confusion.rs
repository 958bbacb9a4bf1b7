use plotters::style::Color;

use super::canvas::{Canvas, Drawn, letters, shortened, text_width};
use super::panel::{Panel, WIDTH};
use super::style::{DEVIATION, GRID, MUTED, TEST};
use crate::confusion::ratio;
use crate::numbers::grouped;
use crate::{ConfusionMatrix, ReportError};

/// Opacity of a cell that holds a whole row. Letters of the usual colour can still be read on it, in the dark too.
const STRONGEST: f64 = 0.5;
/// Opacity of a cell that holds nothing, in the colour of a grid.
const EMPTY: f64 = 0.25;
/// The least height of letters in a cell.
const LEAST: f64 = 9.0;
/// The least height of names, of which there may be many.
const LEAST_NAME: f64 = 8.0;
/// Between names and cells, and a little more for letters that are wider than they should be.
const GUTTER: f64 = 8.0;

/// A confusion matrix as a heat map: right answers in the colour of test images, mistakes in that of mistakes.
pub(crate) fn heat_map(title: &str, matrix: &ConfusionMatrix, names: &[String]) -> Result<Panel, ReportError> {
    if names.len() != matrix.classes() {
        return Err(ReportError::ClassNames { names: names.len(), classes: matrix.classes() });
    }
    let map = HeatMap { title, matrix, names, grid: Grid::of(matrix, names) };
    Panel::draw(map.height(), map.alt(), |canvas| map.draw(canvas))
}

struct HeatMap<'a> {
    title: &'a str,
    matrix: &'a ConfusionMatrix,
    names: &'a [String],
    grid: Grid,
}

/// Sizes in pixels that make a matrix fit.
struct Grid {
    /// Where the cells begin.
    left: f64,
    top: f64,
    /// Side of a cell.
    cell: f64,
    /// Letters of the names.
    name: f64,
    /// Letters of the counts, if there is room for them.
    count: Option<f64>,
    /// Whether there is room for percentages below the counts.
    shares: bool,
    /// Of so many classes one is named, by its number if it is not every one.
    every: usize,
}

impl Grid {
    fn of(matrix: &ConfusionMatrix, names: &[String]) -> Self {
        let classes = matrix.classes();
        let fit = |left: f64| ((WIDTH - left) / classes.max(1) as f64).min(52.0);
        // Long names may not take the room of the cells.
        let longest = |size: f64| names.iter().map(|n| text_width(n, size)).fold(0.0, f64::max).min(74.0) + GUTTER;
        let largest: f64 = if classes <= 11 { 10.5 } else { 9.0 };
        let name = largest.min((fit(longest(largest)) - 1.0).max(LEAST_NAME));
        let every = ((LEAST_NAME + 1.0) / fit(longest(name))).ceil().max(1.0) as usize;
        let left = if every == 1 { longest(name) } else { text_width(&classes.to_string(), name) + GUTTER };
        let cell = fit(left);
        let digits = matrix.rows().iter().flatten().max().map_or(1, |n| n.to_string().len());
        let count = (((cell - 3.0) / (0.64 * digits as f64)).min(10.5)).min(cell - 3.0);
        let count = Some(count).filter(|size| *size >= LEAST && classes <= 16);
        Self { left, top: 40.0 + left, cell, name, count, shares: count.is_some() && cell >= 26.0, every }
    }
}

impl HeatMap<'_> {
    fn side(&self) -> f64 {
        self.grid.cell * self.matrix.classes() as f64
    }

    fn height(&self) -> f64 {
        self.grid.top + self.side() + if self.grid.shares { 2.0 } else { 26.0 }
    }

    /// What a reader is looking for: how many are right, and what is mistaken most often.
    fn alt(&self) -> String {
        let (right, all) = (grouped(self.matrix.correct()), grouped(self.matrix.total()));
        let mistakes = self.cells().filter(|(truth, predicted, count)| truth != predicted && *count > 0);
        // The first of equals.
        let most = mistakes.reduce(|a, b| if b.2 > a.2 { b } else { a });
        let most = most.map_or(String::new(), |(truth, predicted, count)| {
            let (truth, predicted) = (&self.names[truth], &self.names[predicted]);
            format!("; the most frequent mistake: {truth} taken for {predicted}, {}", grouped(count))
        });
        format!("{}: confusion matrix, {right} of {all} right{most}", self.title)
    }

    /// True class, predicted class, count.
    fn cells(&self) -> impl Iterator<Item = (usize, usize, u64)> {
        let rows = self.matrix.rows().iter().enumerate();
        rows.flat_map(|(truth, row)| row.iter().enumerate().map(move |(predicted, n)| (truth, predicted, *n)))
    }

    fn draw(&self, canvas: &Canvas<'_>) -> Drawn {
        let Grid { left, top, cell, count: size, shares, .. } = self.grid;
        canvas.title(self.title)?;
        let small = if shares { "small: % of the row" } else { "colour: share of the row" };
        canvas.subtitle(&format!("rows: true class, columns: predicted, {small}"))?;
        self.names(canvas)?;
        for (truth, predicted, count) in self.cells() {
            let (x, y) = (left + cell * predicted as f64, top + cell * truth as f64);
            let share = ratio(count, self.matrix.support(truth));
            square(canvas, (x, y), cell, truth == predicted, share)?;
            let Some(size) = size.filter(|_| count > 0) else { continue };
            let middle = x + cell / 2.0;
            if shares {
                canvas.text((middle, y + cell / 2.0 - 5.5), letters(size).centred(), &count.to_string())?;
                canvas.text((middle, y + cell / 2.0 + 7.0), letters(LEAST).centred(), &share_of_row(share))?;
            } else {
                canvas.text((middle, y + cell / 2.0), letters(size).centred(), &count.to_string())?;
            }
        }
        if shares { Ok(()) } else { self.scale(canvas) }
    }

    fn names(&self, canvas: &Canvas<'_>) -> Drawn {
        let Grid { left, top, cell, name: size, every, .. } = self.grid;
        for (class, name) in self.names.iter().enumerate().step_by(every) {
            let name = if every == 1 { shortened(name, size, left - GUTTER + 0.1) } else { class.to_string() };
            let middle = cell * (class as f64 + 0.5);
            canvas.text((left - 5.0, top + middle), letters(size).ending(), &name)?;
            canvas.text((left + middle, top - 5.0), letters(size).upwards(), &name)?;
        }
        Ok(())
    }

    /// What the colours mean, where no percentages say it.
    fn scale(&self, canvas: &Canvas<'_>) -> Drawn {
        let (y, side, size) = (self.grid.top + self.side() + 8.0, 12.0, 10.0);
        let mut x = 0.0;
        for (right, name) in [(true, "right"), (false, "wrong")] {
            canvas.text((x, y + side / 2.0), letters(size), name)?;
            x += text_width(name, size) + 5.0;
            for share in [0.01, 0.1, 1.0] {
                square(canvas, (x, y), side, right, share)?;
                let text = format!("{:.0} %", share * 100.0);
                canvas.text((x + side + 3.0, y + side / 2.0), letters(LEAST).colour(MUTED), &text)?;
                x += side + 3.0 + text_width(&text, LEAST) + 7.0;
            }
            x += 12.0;
        }
        Ok(())
    }
}

/// A cell, a little smaller than its place.
fn square(canvas: &Canvas<'_>, (x, y): (f64, f64), side: f64, right: bool, share: f64) -> Drawn {
    let gap = if side < 14.0 { 0.3 } else { 0.5 };
    let (from, to) = ((x + gap, y + gap), (x + side - gap, y + side - gap));
    canvas.fill(from, to, GRID.mix(EMPTY))?;
    let colour = if right { TEST } else { DEVIATION };
    if share > 0.0 { canvas.fill(from, to, colour.mix(opacity(share))) } else { Ok(()) }
}

/// Small shares are raised, so that one in a hundred can be seen.
fn opacity(share: f64) -> f64 {
    STRONGEST * share.clamp(0.0, 1.0).powf(0.4)
}

/// A share in percent, in at most four characters: `0.4`, `97.9`, `100`.
fn share_of_row(share: f64) -> String {
    let percent = share * 100.0;
    match format!("{percent:.1}").as_str() {
        "100.0" if share < 1.0 => ">99.9".to_owned(),
        "100.0" => "100".to_owned(),
        "0.0" if share > 0.0 => "<0.1".to_owned(),
        text => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use plotters::style::RGBColor;

    use super::super::style;
    use super::*;

    fn matrix(classes: usize, most: u64) -> (ConfusionMatrix, Vec<String>) {
        let row = |i: usize| (0..classes).map(move |j| if i == j { most } else { (i + j) as u64 % 3 }).collect();
        let rows: Vec<Vec<u64>> = (0..classes).map(row).collect();
        (rows.try_into().unwrap(), (0..classes).map(|i| format!("a class with a long name {i}")).collect())
    }

    #[test]
    fn percentages_are_short() {
        let written = [0.0, 0.0001, 0.004, 0.979, 0.9999, 1.0].map(share_of_row);
        assert_eq!(written, ["0.0", "<0.1", "0.4", "97.9", ">99.9", "100"]);
    }

    #[test]
    fn what_fits_is_written_and_everything_stays_inside() {
        for classes in 1..=40 {
            let (matrix, names) = matrix(classes, 999);
            let grid = Grid::of(&matrix, &names);
            assert!(grid.left + grid.cell * classes as f64 <= WIDTH + 1e-6, "{classes} classes");
            assert!(grid.name >= LEAST_NAME && grid.cell * grid.every as f64 >= LEAST_NAME, "{classes} classes");
            assert_eq!(grid.shares, classes <= 11, "{classes} classes");
            assert_eq!(grid.count.is_some(), classes <= 14, "{classes} classes");
            heat_map("many classes", &matrix, &names).unwrap();
        }
    }

    #[test]
    fn counts_can_be_read_on_every_cell_and_paper() {
        // What a colour becomes in the dark stands in the style sheet.
        let dark = |colour: RGBColor| {
            let (light, sheet) = (style::hex(colour), style::sheet());
            let rule = sheet.split_once(&format!("[fill=\"{light}\"]{{fill:#")).unwrap().1;
            let part = |at: usize| u8::from_str_radix(&rule[at..at + 2], 16).unwrap();
            RGBColor(part(0), part(2), part(4))
        };
        let parts = |RGBColor(r, g, b): RGBColor| [r, g, b].map(|c| f64::from(c) / 255.0);
        let over = |below: [f64; 3], colour: RGBColor, opacity: f64| {
            let above = parts(colour);
            [0, 1, 2].map(|i| below[i] * (1.0 - opacity) + above[i] * opacity)
        };
        let light = |colour: [f64; 3]| {
            let [r, g, b] = colour.map(|c| if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) });
            0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05
        };
        let papers: [&dyn Fn(RGBColor) -> RGBColor; 2] = [&|colour| colour, &dark];
        for turned in papers {
            for colour in [TEST, DEVIATION] {
                for share in [0.0, 0.01, 0.3, 1.0] {
                    let cell = over(parts(turned(style::PAPER)), turned(GRID), EMPTY);
                    let cell = light(over(cell, turned(colour), opacity(share)));
                    let ink = light(parts(turned(style::INK)));
                    assert!(ink.max(cell) / ink.min(cell) >= 4.5, "{colour:?} {share}");
                }
            }
        }
    }

    #[test]
    fn counts_that_do_not_fit_are_left_out() {
        let (matrix, names) = matrix(11, 1_234_567);
        assert!(Grid::of(&matrix, &names).count.is_none());
    }

    #[test]
    fn says_what_is_mistaken_most_often() {
        let matrix = ConfusionMatrix::try_from(vec![vec![8, 2], vec![1, 9]]).unwrap();
        let names = ["cat".to_owned(), "dog".to_owned()];
        let map = HeatMap { title: "Pets", matrix: &matrix, names: &names, grid: Grid::of(&matrix, &names) };
        let expected = "Pets: confusion matrix, 17 of 20 right; the most frequent mistake: cat taken for dog, 2";
        assert_eq!(map.alt(), expected);
        assert!(heat_map("Pets", &matrix, &names[..1]).unwrap_err().to_string().contains("1 class names"));
    }
}
