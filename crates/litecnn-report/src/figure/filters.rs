use std::fmt::Write as _;
use std::path::Path;

use litecnn_run::RunError;
use safetensors::{Dtype, SafeTensors};

use super::canvas::{Canvas, Drawn, letters, px, shortened, text_width};
use super::panel::{Panel, WIDTH};
use super::style::{GRID, MUTED};
use crate::ReportError;

/// Filters in a row.
const COLUMNS: usize = 10;
/// From one filter to the next, and the most a filter takes of it.
const PITCH: f64 = (WIDTH - FILTER - 2.0) / (COLUMNS as f64 - 1.0);
const FILTER: f64 = 30.0;
/// Heading of a branch, line below a row of filters.
const HEADING: f64 = 24.0;
const LINE: f64 = 18.0;

/// The filters of a convolution.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Filters {
    pub(crate) channels: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) count: usize,
    /// `[count, channels, height, width]`
    pub(crate) weights: Vec<f32>,
}

/// The first filters of each branch as small pictures. With three channels they are colours.
pub(crate) fn filters(title: &str, branches: &[(String, Filters)]) -> Result<Panel, ReportError> {
    let mut alt = format!("{title}: filters of the first convolution");
    let mut elements = String::from("<g shape-rendering=\"crispEdges\">");
    let mut height = 22.0;
    let mut tops = Vec::new();
    for (name, filters) in branches {
        filters.check().map_err(|reason| ReportError::Figure { figure: title.to_owned(), reason })?;
        let _ = write!(alt, "; {name}: {}", filters.size());
        tops.push(height);
        for filter in 0..filters.count {
            let (x, y) = filters.place(filter);
            filters.paint(filter, (x, height + HEADING + y), &mut elements);
        }
        height += HEADING + filters.tall() + 6.0;
    }
    elements.push_str("</g>");
    let caption = height + 8.0;
    let panel = Panel::draw(height + 32.0, alt, |canvas| {
        canvas.title(title)?;
        for ((name, filters), top) in branches.iter().zip(&tops) {
            filters.draw(canvas, name, *top)?;
        }
        let colours = branches.iter().any(|(_, f)| f.coloured());
        let lines = match branches {
            [] => ["no filters", ""],
            _ if colours => [
                "red, green, blue: weights of these channels; mid-grey: 0",
                "brightest and darkest: ± the number below the filter",
            ],
            _ => ["mid-grey: a weight of 0", "white: + the number below the filter, black: −"],
        };
        for (line, y) in lines.iter().zip([caption, caption + 14.0]) {
            canvas.text((0.0, y), letters(11.0).colour(MUTED), line)?;
        }
        Ok(())
    })?;
    Ok(panel.with(&elements))
}

/// The first filters of each branch in a weight file: none if it has no tensor `branch-1.conv1.weight`,
/// `branch-2.conv1.weight` … or `conv1.weight`, as a lone branch has it.
///
/// # Errors
/// [`RunError::Io`]; [`RunError::Damaged`] if the file or such a tensor is not what it should be.
pub(crate) fn read_filters(path: &Path) -> Result<Vec<(String, Filters)>, ReportError> {
    let bytes = litecnn_run::read(path)?;
    let file = SafeTensors::deserialize(&bytes).map_err(|e| RunError::damaged(path, e))?;
    let mut branches = Vec::new();
    for (tensor, view) in file.iter() {
        let Some(branch) = tensor.strip_suffix("conv1.weight") else { continue };
        let branch = match (branch, branch.strip_suffix('.')) {
            ("", _) => "branch",
            (_, Some(branch)) => branch,
            _ => continue,
        };
        let damaged = |reason: String| RunError::damaged(path, format!("`{tensor}` {reason}"));
        let &[count, channels, height, width] = view.shape() else {
            return Err(damaged(format!("has {} dimensions, not 4", view.shape().len())).into());
        };
        if view.dtype() != Dtype::F32 {
            return Err(damaged(format!("is {:?}, not 32-bit float", view.dtype())).into());
        }
        let weights = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        let filters = Filters { channels, height, width, count, weights };
        filters.check().map_err(damaged)?;
        branches.push((branch.to_owned(), filters));
    }
    // The tenth branch comes after the ninth.
    branches.sort_by_cached_key(|(name, _)| {
        let number = name.trim_start_matches(|c: char| !c.is_ascii_digit()).parse::<u64>().ok();
        (number, name.clone())
    });
    Ok(branches)
}

impl Filters {
    fn check(&self) -> Result<(), String> {
        let shape = [self.count, self.channels, self.height, self.width];
        let all = shape.iter().try_fold(1_usize, |n, d| n.checked_mul(*d));
        match self.weights.iter().position(|w| !w.is_finite()) {
            _ if shape.contains(&0) => Err(format!("is of shape {shape:?}, which holds nothing")),
            _ if all != Some(self.weights.len()) => Err(format!("has {} values, not {shape:?}", self.weights.len())),
            Some(bad) => Err(format!("has value {bad}, which is not a finite number")),
            None => Ok(()),
        }
    }

    fn coloured(&self) -> bool {
        self.channels == 3
    }

    /// `10 filters 3×3×3`
    fn size(&self) -> String {
        format!("{} filters {}×{}×{}", self.count, self.channels, self.height, self.width)
    }

    /// Pictures of one filter, below each other: one in colours, or one a channel.
    fn pictures(&self) -> usize {
        if self.coloured() { 1 } else { self.channels }
    }

    /// Side of a weight.
    fn cell(&self) -> f64 {
        // Whole tenths are drawn without seams.
        (FILTER * 10.0 / self.width.max(self.height) as f64).floor() / 10.0
    }

    /// Height of one filter, with the gaps between its pictures.
    fn filter_height(&self) -> f64 {
        self.pictures() as f64 * (self.cell() * self.height as f64 + 3.0) - 3.0
    }

    /// Height of all rows.
    fn tall(&self) -> f64 {
        self.count.div_ceil(COLUMNS) as f64 * (self.filter_height() + LINE)
    }

    /// Upper left of a filter below the heading.
    fn place(&self, filter: usize) -> (f64, f64) {
        let (row, column) = (filter / COLUMNS, filter % COLUMNS);
        ((1.0 + column as f64 * PITCH).round(), row as f64 * (self.filter_height() + LINE))
    }

    fn of(&self, filter: usize) -> &[f32] {
        let size = self.channels * self.height * self.width;
        self.weights.get(filter * size..(filter + 1) * size).unwrap_or_default()
    }

    /// The largest weight of a filter, whatever its sign.
    fn range(&self, filter: usize) -> f32 {
        self.of(filter).iter().fold(0.0, |most, w| most.max(w.abs()))
    }

    /// Red, green and blue of a weight of a picture of a filter.
    fn colour(&self, filter: usize, picture: usize, row: usize, column: usize) -> [u8; 3] {
        let range = self.range(filter);
        let level = |channel: usize| {
            let weight = self.of(filter)[(channel * self.height + row) * self.width + column];
            let share = if range > 0.0 { weight / range } else { 0.0 };
            (127.5 + 127.5 * share).round() as u8
        };
        if self.coloured() { [0, 1, 2].map(level) } else { [level(picture); 3] }
    }

    fn paint(&self, filter: usize, (left, top): (f64, f64), elements: &mut String) {
        let cell = self.cell();
        for picture in 0..self.pictures() {
            let top = top + picture as f64 * (cell * self.height as f64 + 3.0);
            for row in 0..self.height {
                for column in 0..self.width {
                    let [r, g, b] = self.colour(filter, picture, row, column);
                    let (x, y) = (px(left + cell * column as f64), px(top + cell * row as f64));
                    // Not in hexadecimal: a weight is no colour of the style, which dark pages would turn.
                    let _ =
                        write!(elements, "<path fill=\"rgb({r},{g},{b})\" d=\"M{x} {y}h{0}v{0}h-{0}z\"/>", px(cell));
                }
            }
        }
    }

    fn draw(&self, canvas: &Canvas<'_>, name: &str, top: f64) -> Drawn {
        let size = self.size();
        let name = shortened(name, 12.0, WIDTH - text_width(&size, 11.0) - 10.0);
        canvas.text((0.0, top + 10.0), letters(11.0).bold(), &name)?;
        canvas.text((text_width(&name, 12.0) + 10.0, top + 10.0), letters(11.0).colour(MUTED), &size)?;
        for filter in 0..self.count {
            let (x, y) = self.place(filter);
            let y = top + HEADING + y;
            let (wide, tall) = (self.cell() * self.width as f64, self.cell() * self.height as f64);
            for picture in 0..self.pictures() {
                let y = y + picture as f64 * (tall + 3.0);
                // White and black end somewhere, on pages of either colour.
                canvas.frame((x - 0.5, y - 0.5), (x + wide + 0.5, y + tall + 0.5), GRID, 1.0)?;
            }
            let below = (x + wide / 2.0, y + self.filter_height() + 8.0);
            canvas.text(below, letters(9.0).centred().colour(MUTED), &range_text(self.range(filter)))?;
        }
        Ok(())
    }
}

/// A largest weight in at most four characters or so: `0.53`, `12.3`, `2e-5`.
fn range_text(range: f32) -> String {
    match range {
        0.0 => "0".to_owned(),
        0.005..9.995 => format!("{range:.2}"),
        9.995..999.5 => format!("{range:.0}"),
        _ => format!("{range:.0e}"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use safetensors::tensor::TensorView;

    use super::*;

    fn filters_of(channels: usize, side: usize, count: usize) -> Filters {
        let size = channels * side * side * count;
        let weights = (0..size).map(|i| ((i * 37) % 101) as f32 / 50.0 - 1.0).collect();
        Filters { channels, height: side, width: side, count, weights }
    }

    fn file(dir: &tempfile::TempDir, tensors: &[(&str, Dtype, &[usize], &[f32])]) -> PathBuf {
        let bytes: Vec<Vec<u8>> = tensors.iter().map(|t| t.3.iter().flat_map(|v| v.to_le_bytes()).collect()).collect();
        let views = tensors.iter().zip(&bytes);
        let views = views.map(|(t, b)| (t.0, TensorView::new(t.1, t.2.to_vec(), b).unwrap()));
        let path = dir.path().join("final.safetensors");
        std::fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
        path
    }

    #[test]
    fn read_branch_by_branch() {
        let dir = tempfile::tempdir().unwrap();
        let weight: &[f32] = &[0.5, -1.0];
        let shape: &[usize] = &[1, 2, 1, 1];
        let names = ["branch-10.conv1.weight", "branch-2.conv1.weight", "branch-2.conv2.weight", "hidden.weight"];
        let path = file(&dir, &names.map(|n| (n, Dtype::F32, shape, weight)));
        let read = read_filters(&path).unwrap();
        assert_eq!(read.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(), ["branch-2", "branch-10"]);
        let expected = Filters { channels: 2, height: 1, width: 1, count: 1, weights: weight.to_vec() };
        assert_eq!(read[0].1, expected);
        let alone = file(&dir, &[("conv1.weight", Dtype::F32, shape, weight)]);
        assert_eq!(read_filters(&alone).unwrap(), [("branch".to_owned(), expected)]);
        let none = file(&dir, &[("hidden.weight", Dtype::F32, shape, weight)]);
        assert_eq!(read_filters(&none).unwrap(), []);
    }

    #[test]
    fn what_is_damaged_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let name = "branch-1.conv1.weight";
        type Case<'a> = (Dtype, &'a [usize], &'a [f32], &'a str);
        let cases: [Case<'_>; 4] = [
            (Dtype::F32, &[2], &[0.0, 1.0], "has 1 dimensions, not 4"),
            (Dtype::I32, &[1, 1, 1, 1], &[0.0], "is I32, not 32-bit float"),
            (Dtype::F32, &[1, 1, 1, 1], &[f32::NAN], "has value 0, which is not a finite number"),
            (Dtype::F32, &[0, 1, 3, 3], &[], "holds nothing"),
        ];
        for (dtype, shape, values, expected) in cases {
            let path = file(&dir, &[(name, dtype, shape, values)]);
            let message = read_filters(&path).unwrap_err().to_string();
            assert!(message.contains(name) && message.contains(expected), "{message}");
            assert!(message.contains("final.safetensors is damaged"), "{message}");
        }
        let path = file(&dir, &[(name, Dtype::F32, &[1, 1, 1, 1], &[0.5])]);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert!(read_filters(&path).unwrap_err().to_string().contains("is damaged"));
        assert!(read_filters(&dir.path().join("absent")).unwrap_err().to_string().contains("cannot read"));
    }

    #[test]
    fn nothing_is_mid_grey_and_the_largest_weights_are_black_and_white() {
        let grey = Filters { channels: 1, height: 1, width: 3, count: 2, weights: vec![-2.0, 0.0, 1.0, 0.0, 0.0, 0.0] };
        assert_eq!([0, 1, 2].map(|c| grey.colour(0, 0, 0, c)[0]), [0, 128, 191]);
        assert_eq!(grey.colour(1, 0, 0, 0), [128; 3]);
        let red = Filters { channels: 3, height: 1, width: 1, count: 1, weights: vec![0.5, 0.0, -0.5] };
        assert_eq!(red.colour(0, 0, 0, 0), [255, 128, 0]);
    }

    #[test]
    fn filters_stay_apart_and_inside() {
        for (channels, side, count) in [(1, 3, 10), (3, 3, 10), (3, 5, 23), (2, 1, 3), (4, 7, 11), (1, 40, 2)] {
            let all = filters_of(channels, side, count);
            for i in 0..count {
                let (x, y) = all.place(i);
                assert!(x >= 1.0 && x + FILTER <= WIDTH - 1.0 && y + all.filter_height() + LINE <= all.tall() + 1e-6);
                assert!(all.cell() * side as f64 <= FILTER && FILTER < PITCH);
            }
            filters("some", &[("branch-1".to_owned(), all.clone()), ("branch-2".to_owned(), all)]).unwrap();
        }
        let mut wrong = filters_of(1, 3, 2);
        wrong.weights.pop();
        assert!(filters("some", &[("x".to_owned(), wrong)]).unwrap_err().to_string().contains("has 17 values"));
        filters("none", &[]).unwrap();
    }

    #[test]
    fn ranges_are_short() {
        assert_eq!([0.0, 0.534, 2e-5, 12.3, 1234.0].map(range_text), ["0", "0.53", "2e-5", "12", "1e3"]);
    }
}
