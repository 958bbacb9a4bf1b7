use std::path::{Path, PathBuf};

use litecnn_run::RunError;
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

use crate::ReportError;

/// Pixels of a PNG for each of its figure's.
const SCALE: f32 = 2.0;

/// Writes a PNG beside each figure of a report, with two pixels for one, in light colours, and returns their paths.
/// Of `files`, those that end in `.svg` are figures; [`Report::files`](crate::Report::files) can be given whole.
///
/// # Errors
/// [`ReportError::Run`] if a figure cannot be read or a PNG not be written; [`ReportError::Figure`] if a file is no
/// figure.
pub fn write_pngs(files: &[PathBuf]) -> Result<Vec<PathBuf>, ReportError> {
    let mut options = Options { font_family: "DejaVu Sans".into(), ..Options::default() };
    let fonts = options.fontdb_mut();
    for font in [dejavu::sans::regular(), dejavu::sans::bold()] {
        fonts.load_font_data(font.to_vec());
    }
    fonts.set_sans_serif_family("DejaVu Sans");
    let mut written = Vec::new();
    for figure in files.iter().filter(|path| path.extension().is_some_and(|e| e == "svg")) {
        let path = figure.with_extension("png");
        litecnn_run::write_atomic(&path, &png(figure, &options)?)?;
        written.push(path);
    }
    Ok(written)
}

fn png(figure: &Path, options: &Options<'_>) -> Result<Vec<u8>, ReportError> {
    let failed = |reason: String| ReportError::Figure { figure: figure.display().to_string(), reason };
    let text = String::from_utf8(litecnn_run::read(figure)?).map_err(|e| RunError::damaged(figure, e))?;
    let tree = Tree::from_str(&text, options).map_err(|e| failed(e.to_string()))?;
    let size = tree.size().to_int_size().scale_by(SCALE).ok_or_else(|| failed("it has no extent".into()))?;
    let mut pixels = Pixmap::new(size.width(), size.height()).ok_or_else(|| failed("it is too large".into()))?;
    resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    pixels.encode_png().map_err(|e| failed(e.to_string()))
}
