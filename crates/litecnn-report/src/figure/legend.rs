use super::canvas::{Canvas, Drawn, letters, text_width};
use super::panel::WIDTH;

/// Size of its letters in pixels.
const SIZE: f64 = 11.0;
/// Height of one of its rows in pixels.
const ROW: f64 = 16.0;

type Mark<'e> = Box<dyn Fn(&Canvas<'_>, (f64, f64)) -> Drawn + 'e>;

/// Says what marks stand for, below a panel's title: in one row, or more where one is too short.
#[derive(Default)]
pub(crate) struct Legend<'e> {
    entries: Vec<Entry<'e>>,
}

struct Entry<'e> {
    /// Width of the mark in pixels.
    width: f64,
    mark: Mark<'e>,
    words: String,
}

impl<'e> Legend<'e> {
    /// Adds an entry whose mark is so many pixels wide, and drawn from its middle on the left.
    pub(crate) fn entry(
        mut self,
        width: f64,
        words: &str,
        mark: impl Fn(&Canvas<'_>, (f64, f64)) -> Drawn + 'e,
    ) -> Self {
        self.entries.push(Entry { width, mark: Box::new(mark), words: words.to_owned() });
        self
    }

    /// Draws it from a height on downwards, and says where it ends.
    pub(crate) fn draw(&self, canvas: &Canvas<'_>, top: f64) -> Drawn<f64> {
        for (entry, (x, row)) in self.entries.iter().zip(self.places()) {
            let y = top + (row as f64 + 0.5) * ROW;
            (entry.mark)(canvas, (x, y))?;
            canvas.text((x + entry.width + 5.0, y), letters(SIZE), &entry.words)?;
        }
        Ok(top + self.height())
    }

    /// Height in pixels.
    pub(crate) fn height(&self) -> f64 {
        self.places().last().map_or(0.0, |(_, row)| (row + 1) as f64 * ROW)
    }

    /// Where each entry begins, and in which row.
    fn places(&self) -> Vec<(f64, usize)> {
        let (mut x, mut row) = (0.0, 0);
        let place = |entry: &Entry<'_>| {
            let width = entry.width + 5.0 + text_width(&entry.words, SIZE);
            if x > 0.0 && x + width > WIDTH {
                (x, row) = (0.0, row + 1);
            }
            let place = (x, row);
            x += width + 12.0;
            place
        };
        self.entries.iter().map(place).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_for_a_row_begins_another() {
        let words = ["1 thread", "2 threads", "± standard deviation", "if linear in multiply-adds", "more"];
        let legend = words.iter().fold(Legend::default(), |legend, words| legend.entry(16.0, words, |_, _| Ok(())));
        let places = legend.places();
        assert_eq!(places.iter().map(|p| p.1).collect::<Vec<_>>(), [0, 0, 0, 1, 1]);
        assert_eq!((places[0].0, places[3].0), (0.0, 0.0));
        assert_eq!((legend.height(), Legend::default().height()), (2.0 * ROW, 0.0));
    }
}
